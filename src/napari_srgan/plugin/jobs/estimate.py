"""What will come out of a run, worked out in the background before it starts."""

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
class Estimate:
    """What a run will give and cost."""

    axes: str
    shape: tuple[int, ...]
    dtype: str
    factors: tuple[int, ...]
    """how many times finer each axis becomes"""
    nbytes: int
    """of the result"""
    working_bytes: int
    """of memory beside the result, while it runs"""
    on_disk: bool
    """whether the result goes to disk, because memory would not hold it"""
    tiles: int
    card: ModelCard
    where: str
    """device and precision"""
    halo: int
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    """None where it is not known yet"""
    seconds_per_pixel: float | None = None
    """of what goes through the network, halos included"""


@dataclass(frozen=True)
class Choices:
    """What there is to choose from."""

    cards: tuple[ModelCard, ...]
    devices: tuple[str, ...]
    precision: str
    """what ``auto`` takes on the first device, and why"""


def find_choices() -> Choices:
    """Look for models and devices."""
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
    may_time: bool,
) -> Generator[Estimate, None, None]:
    """Yield what a run will give, first without and then with its time.

    Parameters
    ----------
    data, model, options, spans, missing
        As for the run. Values are looked at where they lie in memory; of a lazy image one chunk is
        read, to see how long that takes.
    may_time
        Whether a small image may be sent through a model whose speed is not known yet.

    Raises
    ------
    TypeError, ValueError, OSError
        Where the run would raise it.
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
            where=f"{plan.compute.device}, {plan.compute.precision}",
            halo=plan.halo,
            notes=tuple(_notes(plan, on_disk)),
        )
        yield estimate
        if isinstance(data, np.ndarray):
            plan = plan_for(data, model, options, spans=spans, missing=missing)
            said = [f"{remark[0].upper()}{remark[1:]}." for remark in plan.remarks]
            estimate = replace(estimate, notes=(*estimate.notes, *said))
            yield estimate
        if may_time or forecast.known_seconds(plan) is not None:
            took = forecast.seconds(plan)
            rate = took / forecast.window_pixels(plan)
            took += forecast.reading_seconds(data)
            yield replace(estimate, seconds=took, seconds_per_pixel=rate)


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
