"""Estimate output shape, memory and run time of a run before it starts."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...options import Options
from .. import formatting
from .worker import load_torch, one_core_free

if TYPE_CHECKING:
    from ...engine.plan import Plan
    from ...engine.tiles import Span
    from ...models import ModelCard


@dataclass(frozen=True)
class Total:
    """Costs of the runs of several layers."""

    layers: int
    """number of layers"""
    nbytes: int
    """size of all results in bytes"""
    tiles: int
    """number of tiles"""
    memory: int
    """peak memory in bytes, with the results that stay in memory"""
    seconds: float | None
    """run time, None if not known yet"""


@dataclass(frozen=True)
class Estimate:
    """Output, memory and run time of a run."""

    axes: str
    """axes of the source, one letter per dimension"""
    shape: tuple[int, ...]
    """shape of the result"""
    dtype: str
    """dtype of the result"""
    factors: tuple[int, ...]
    """upscaling factor of each axis"""
    nbytes: int
    """size of the result in bytes"""
    working_bytes: int
    """memory in bytes needed during the run, without the result"""
    on_disk: bool
    """whether the result is written to disk because it does not fit into memory"""
    tiles: int
    """number of tiles of all planes"""
    card: ModelCard
    device: str
    """device and precision"""
    halo: int
    """pixels of the source around a tile"""
    notes: tuple[str, ...] = ()
    """remarks for the user"""
    seconds: float | None = None
    """run time, None while it is unknown"""
    seconds_per_pixel: float | None = None
    """run time per input pixel of the network, halos included"""
    total: Total | None = None
    """costs of all chosen layers, None if only one is chosen"""


@dataclass(frozen=True)
class Choices:
    """Models and devices that the widget offers."""

    cards: tuple[ModelCard, ...]
    """cards of the installed models"""
    devices: tuple[str, ...]
    """names of PyTorch devices, the best first"""
    precision: str
    """precision that ``auto`` selects on the default device, and the reason"""


def find_choices() -> Choices:
    """Find the installed models and the available devices."""
    load_torch()
    from ...engine.device import available_devices, choose_compute
    from ...models import list_models

    compute = choose_compute()
    return Choices(
        tuple(list_models()), tuple(available_devices()), f"{compute.precision}: {compute.reason}"
    )


def estimate_run(
    data: Any,
    model: Any,
    options: Options,
    spans: Sequence[Span] | None,
    *,
    missing: Any | None = None,
    measure_speed: bool,
) -> Generator[Estimate, None, None]:
    """Yield estimates of a run that become more complete: output, remarks, run time.

    Parameters
    ----------
    data, model, options, spans, missing
        Arguments of the run. The values of an array in memory are examined; of a lazy array one
        chunk is read, to measure the reading time.
    measure_speed
        Whether a model of unknown speed may be timed on a small image.

    Yields
    ------
    Estimate
        ``seconds`` is None in all but the last.

    Raises
    ------
    TypeError, ValueError, OSError
        If the run would raise it before computing.
    """
    load_torch()
    from ...engine import forecast
    from ...engine.intensity import check_normalise
    from ...result_storage import fits_in_memory
    from ...upscale import plan_for

    check_normalise(options.normalise)
    with one_core_free():
        plan = plan_for(data, model, options, spans=spans, missing=missing, look=False)
        on_disk = not fits_in_memory(plan)
        estimate = Estimate(
            axes=plan.layout.axes,
            shape=plan.shape,
            dtype=str(plan.dtype),
            factors=plan.factors,
            nbytes=plan.nbytes,
            working_bytes=forecast.memory(plan),
            on_disk=on_disk,
            tiles=len(plan.tiles) * len(plan.planes),
            card=plan.model.card,
            device=f"{plan.compute.device}, {plan.compute.precision}",
            halo=plan.halo,
            notes=tuple(_notes(plan, on_disk)),
        )
        yield estimate
        if isinstance(data, np.ndarray):
            plan = plan_for(data, model, options, spans=spans, missing=missing)
            remarks = [f"{remark[0].upper()}{remark[1:]}." for remark in plan.remarks]
            estimate = replace(estimate, notes=(*estimate.notes, *remarks))
            yield estimate
        if measure_speed or forecast.known_seconds(plan) is not None:
            seconds = forecast.seconds(plan)
            rate = seconds / forecast.window_pixels(plan)
            seconds += forecast.reading_seconds(data)
            yield replace(estimate, seconds=seconds, seconds_per_pixel=rate)


def _notes(plan: Plan, on_disk: bool) -> Iterator[str]:
    layout = plan.layout
    channels = next((layout.shape[i] for i, a in enumerate(layout.axes) if a == "C"), 1)
    if layout.channel_axis is None and layout.axes[-1] == "S":
        yield f"{plan.model.card.name} takes red, green and blue each on its own."
    elif layout.channel_axis is None and channels > 1:
        yield f"{plan.model.card.name} takes each of the {channels} channels on its own."
    if layout.alpha:
        yield "The transparency is interpolated, not super-resolved."
    if on_disk:
        yield (
            f"The result ({formatting.format_bytes(plan.nbytes)}) is large for this machine's "
            "memory and goes to a temporary file."
        )
