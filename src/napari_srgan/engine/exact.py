"""Float32 that is float32 on a GPU too."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import cast

import torch
from torch import Tensor

_lock = Lock()
_inside = 0
_before = True


@contextmanager
def whole_float32() -> Iterator[None]:
    """Keep convolutions of float32 from being rounded to TF32, 11 of its 24 bits.

    NVIDIA GPUs from Ampere on do so unless torch is told otherwise, for the whole process; what
    was set before is put back by the last of several threads that leaves.
    """
    global _inside, _before
    with _lock:
        if not _inside:
            _before = torch.backends.cudnn.allow_tf32
            torch.backends.cudnn.allow_tf32 = False
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                torch.backends.cudnn.allow_tf32 = _before


def exactly(stages: Generator[float, None, Tensor]) -> Generator[float, None, Tensor]:
    """Go through the stages of a network in `whole_float32`; between them it does not hold."""
    while True:
        with whole_float32():
            try:
                part = next(stages)
            except StopIteration as end:
                return cast("Tensor", end.value)
        yield part
