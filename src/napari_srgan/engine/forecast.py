"""What a run will cost, said before it starts: memory and time."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from .plan import Plan, make_plan
from .run import Run
from .runner import working_bytes

WARM_UP = 48
"""side in LR pixels of the image that goes through the network before the one that is timed"""
TIMED = 128
"""side in LR pixels of the image that is timed"""

_rates: dict[tuple[Any, ...], float] = {}


def window_pixels(plan: Plan) -> int:
    """Return how many LR pixels a run sends through the network, halos included."""
    return plan.window_pixels * len(plan.tiles) * len(plan.planes)


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
