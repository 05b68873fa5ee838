"""Estimate the memory and the run time of a plan."""

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

WARM_UP_SIDE = 48
"""side in LR pixels of the warm-up image"""
TIMED_SIDE = 128
"""side in LR pixels of the timed image"""

_seconds_per_pixel_cache: dict[tuple[Any, ...], float] = {}
"""seconds per LR pixel by model, options and device"""
_last_chunk_time: tuple[Callable[[], Any], float] = (lambda: None), 0.0
"""weak reference to the lazy array that was timed last, and its seconds per chunk"""


def window_pixels(plan: Plan) -> int:
    """Return the number of LR pixels that go through the network, halos included.

    With two exposures it is doubled: an upper bound, since some tiles need only one of them.
    """
    exposures = 2 if any(plan.intensity.inner) else 1
    return exposures * plan.window_pixels * len(plan.tiles) * len(plan.planes)


def memory(plan: Plan) -> int:
    """Return the bytes that a run needs in addition to its result and the model."""
    pixels = plan.batch * plan.window_pixels
    return working_bytes(plan.model.network, plan.compute, pixels, plan.consistency)


def known_seconds(plan: Plan) -> float | None:
    """Return the run time in seconds; None if no similar run has been timed yet."""
    rate = _seconds_per_pixel_cache.get(_cache_key(plan))
    return None if rate is None else rate * window_pixels(plan)


def seconds(plan: Plan) -> float:
    """Return the run time in seconds.

    For a model that has not been timed on the device yet, a small random image is processed and
    timed, which takes about a second on a CPU.
    """
    if _cache_key(plan) not in _seconds_per_pixel_cache:
        _time_pixel(plan, WARM_UP_SIDE)
        _seconds_per_pixel_cache[_cache_key(plan)] = _time_pixel(plan, TIMED_SIDE)
    return _seconds_per_pixel_cache[_cache_key(plan)] * window_pixels(plan)


def reading_seconds(data: Any) -> float:
    """Estimate the seconds needed to read a lazy image, from reading one chunk in its middle.

    It is 0 for an image in memory and for one without chunk sizes. The time for the last array is
    cached.
    """
    source = read_once(data)
    if not isinstance(source, ReadOnce):
        return 0.0
    global _last_chunk_time
    timed, seconds = _last_chunk_time
    if timed() is not data:
        _ = source[tuple(slice(n // 2, n // 2 + 1) for n in source.shape)]
        seconds = source.seconds_per_chunk or 0.0
        _last_chunk_time = ref(data), seconds
    return seconds * source.chunks_in_all


def _time_pixel(plan: Plan, side: int) -> float:
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


def _cache_key(plan: Plan) -> tuple[Any, ...]:
    network = plan.model.sha256 or (id(plan.model.network),)
    compute = plan.compute
    place = str(compute.device), compute.dtype, compute.tail_dtype, torch.get_num_threads()
    return (*network, plan.model.channels, plan.model.detail, plan.consistency, *place)
