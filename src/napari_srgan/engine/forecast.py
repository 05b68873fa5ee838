"""What a run will cost, said before it starts: memory and time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import ref

import numpy as np
import torch

from .plan import Plan
from .planning import make_plan
from .run import Run
from .runner import working_bytes
from .source import ReadOnce, read_once

WARM_UP = 48
"""side in LR pixels of the image that goes through the network before the one that is timed"""
TIMED = 128
"""side in LR pixels of the image that is timed"""

_rates: dict[tuple[Any, ...], float] = {}
_timed: tuple[Callable[[], Any], float] = (lambda: None), 0.0
"""the lazy array that was timed last, if it still is there, and seconds for a chunk of it"""


def window_pixels(plan: Plan) -> int:
    """Return how many LR pixels a run sends through the network, halos included.

    With two exposures it is twice as many, though where a tile needs but one of them it is less.
    """
    exposures = 2 if any(plan.intensity.inner) else 1
    return exposures * plan.window_pixels * len(plan.tiles) * len(plan.planes)


def memory(plan: Plan) -> int:
    """Return the memory that a run needs beside its result and the model."""
    pixels = plan.batch * plan.window_pixels
    return working_bytes(plan.model.network, plan.compute, pixels, plan.consistency)


def known_seconds(plan: Plan) -> float | None:
    """Return how long a run will take, None where nothing like it was timed yet."""
    rate = _rates.get(_kind(plan))
    return None if rate is None else rate * window_pixels(plan)


def seconds(plan: Plan) -> float:
    """Return how long a run will take, in seconds.

    The first time that a model is asked for on a device, a small random image is sent through it
    and timed, which takes about a second on a CPU.
    """
    if _kind(plan) not in _rates:
        _seconds_per_pixel(plan, WARM_UP)
        _rates[_kind(plan)] = _seconds_per_pixel(plan, TIMED)
    return _rates[_kind(plan)] * window_pixels(plan)


def reading_seconds(data: Any) -> float:
    """Return how long it will take to read a lazy image, from what one chunk in its middle took.

    That is 0 for an image in memory, or one that does not say in which chunks it lies. An array
    that was timed last is not timed again.
    """
    source = read_once(data)
    if not isinstance(source, ReadOnce):
        return 0.0
    global _timed
    timed, seconds = _timed
    if timed() is not data:
        _ = source[tuple(slice(n // 2, n // 2 + 1) for n in source.shape)]
        seconds = source.seconds_per_chunk or 0.0
        _timed = ref(data), seconds
    return seconds * source.chunks_in_all


def _seconds_per_pixel(plan: Plan, side: int) -> float:
    channels = plan.model.channels
    shape, axes = ((side, side), "YX") if channels == 1 else ((channels, side, side), "CYX")
    image = np.random.default_rng(0).integers(0, 100, shape).astype(plan.dtype)
    small = make_plan(
        image,
        plan.model,
        axes=axes,
        consistency=plan.consistency,
        normalise=(0, 100),
        device=str(plan.compute.device),
    )
    small = replace(small, compute=plan.compute)
    out = np.empty(small.shape, small.dtype)
    since = time.perf_counter()
    for _ in Run(small, image).into(out):
        pass
    return (time.perf_counter() - since) / window_pixels(small)


def _kind(plan: Plan) -> tuple[Any, ...]:
    network = plan.model.sha256 or (id(plan.model.network),)
    compute = plan.compute
    place = str(compute.device), compute.dtype, compute.tail_dtype, torch.get_num_threads()
    return (*network, plan.model.channels, plan.model.detail, plan.consistency, *place)
