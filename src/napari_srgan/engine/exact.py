"""Float32 convolutions without TF32 rounding on NVIDIA GPUs."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import cast

import torch
from torch import Tensor

_lock = Lock()
_active_count = 0
"""number of threads inside `whole_float32`"""
_previous_setting = True
"""``allow_tf32`` before the first of them entered"""


@contextmanager
def whole_float32() -> Iterator[None]:
    """Disable TF32 in convolutions, which keeps only 11 of the 24 significant bits of float32.

    PyTorch enables TF32 by default on NVIDIA GPUs from Ampere on. The setting belongs to the whole
    process: the last of several threads that leaves restores it.
    """
    global _active_count, _previous_setting
    with _lock:
        if not _active_count:
            _previous_setting = torch.backends.cudnn.allow_tf32
            torch.backends.cudnn.allow_tf32 = False
        _active_count += 1
    try:
        yield
    finally:
        with _lock:
            _active_count -= 1
            if not _active_count:
                torch.backends.cudnn.allow_tf32 = _previous_setting


def exactly(stages: Generator[float, None, Tensor]) -> Generator[float, None, Tensor]:
    """Run each stage of a network in `whole_float32`; the setting is restored between stages."""
    while True:
        with whole_float32():
            try:
                part = next(stages)
            except StopIteration as end:
                return cast("Tensor", end.value)
        yield part
