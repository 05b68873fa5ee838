"""Plan a run: axes, intensity range, tiles, device and memory."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .axes import guess_axes, make_layout, parse_axes
from .device import Compute, choose_compute, free_memory
from .halo import halo_of_run
from .intensity import Normalise, check_dtype, check_normalise, make_intensity_map
from .missing import Missing, Nodata, check_mask, check_nodata, without
from .progress import Progress, finish
from .ranges import find_fill_value
from .runner import working_bytes
from .sampling import Squares, sample_channels
from .tiles import Span, make_tiles

if TYPE_CHECKING:
    from ..models import Model

from .plan import LEAST_CORE, Plan, check_spans

MAX_WINDOW_PIXELS = {"cpu": 768 * 768, "cuda": 2048 * 2048, "mps": 512 * 512}
"""largest window in LR pixels; larger ones save little work and delay cancelling"""
MEMORY_FRACTION = 0.4
"""fraction of the free memory that the windows of a run may take"""
CPU_BATCH_PIXELS = 1 << 14
"""LR pixels of all windows of a batch on a CPU"""


def make_plan(source: Any, model: Model, **options: Any) -> Plan:
    """Run `plan_steps` to its end and return the plan."""
    return finish(plan_steps(source, model, **options))


def plan_steps(
    source: Any,
    model: Model,
    *,
    axes: str | None = None,
    consistency: int = 0,
    normalise: Normalise = "auto",
    nodata: Nodata = "auto",
    device: str = "auto",
    precision: str = "auto",
    tile: str | int = "auto",
    spans: Sequence[Span] | None = None,
    missing: Any | None = None,
    look: bool = True,
    limited: bool = True,
) -> Generator[Progress, None, Plan]:
    """Plan a run on an image; see `napari_srgan.super_resolve` for the options.

    Yields the progress of reading samples.

    Parameters
    ----------
    source
        Object with ``shape``, ``dtype`` and numpy's basic indexing. Only samples are read.
    spans
        Region to super-resolve, as a half-open range for each axis; None for the whole image. The
        result also depends on pixels around the region.
    missing
        Boolean array-like, True at missing values. It has the image's shape, with or without S, or
        that of its rows and columns, for all planes.
    limited
        Whether overshoot is limited; training evaluates the network without it.
    look
        Whether a sample is read, if the intensity range or the nodata value depend on it. Without
        it, shape, tiles and device of the plan are valid, but the intensity range is not.

    Raises
    ------
    TypeError, ValueError
        If the image or an option is invalid; the message gives the value and the allowed ones.
    """
    dtype = np.dtype(source.dtype)
    check_dtype(dtype)
    check_normalise(normalise)
    check_nodata(nodata)
    if not isinstance(consistency, int) or consistency < 0:
        raise ValueError(f"consistency={consistency!r}; it must be a number of steps from 0 up")
    size = check_tile(tile)
    axes = guess_axes(source.shape) if axes is None else parse_axes(axes, source.shape)
    layout = make_layout(axes, source.shape, model.channels)
    check_mask(missing, layout)
    if layout.channel_axis is None:
        model = model.one_channel
    compute = choose_compute(device, precision, eight_bit=dtype.itemsize == 1)
    known = Missing(None if nodata == "auto" else nodata, missing)
    channels: list[Squares] = [[]] * (
        1 + max((layout.channel_of(p) for p in layout.planes()), default=0)
    )
    eight_bit = dtype.kind in "iu" and dtype.itemsize == 1
    if look and not eight_bit and "auto" in (normalise, nodata):
        channels = yield from sample_channels(source, layout, known)
    found = None
    if not eight_bit and nodata in (None, "auto"):
        found = find_fill_value(channels)
    if found is not None:
        # A found value that is declared valid is an outlier, so the range excludes it.
        channels = [without(squares, found) for squares in channels]
        if nodata == "auto":
            known = replace(known, nodata=found)
    intensity = make_intensity_map(channels, dtype, normalise)
    # The halo depends on options only, so that a plan without samples has the same tiles.
    outliers = not eight_bit or normalise != "auto"
    fills = nodata not in (None, "auto") or missing is not None or layout.alpha
    halo = halo_of_run(model.halo, fills=fills, outliers=outliers, consistency=consistency)
    spans = check_spans([(0, n) for n in layout.shape] if spans is None else spans, layout)
    most = max_batch_pixels(model, compute, consistency)
    region = spans[layout.y], spans[layout.x]
    tiles = make_tiles(layout.plane, halo, size=size, pixels=None if size else most, region=region)
    together = CPU_BATCH_PIXELS if compute.device.type == "cpu" else most
    plan = Plan(
        model=model,
        layout=layout,
        intensity=intensity,
        compute=compute,
        consistency=consistency,
        missing=known,
        found_nodata=found is not None and nodata == "auto",
        halo=halo,
        spans=spans,
        tiles=tiles,
        batch=1,
        limited=limited,
    )
    most_windows = together // plan.window_pixels
    return replace(plan, batch=max(1, min(len(tiles) * len(plan.planes), most_windows)))


def check_tile(tile: str | int) -> int | None:
    """Return the side of a tile's core in pixels; None for ``auto``.

    Raises
    ------
    ValueError
        If it is neither ``auto`` nor a positive integer.
    """
    if tile == "auto":
        return None
    if isinstance(tile, int) and not isinstance(tile, bool) and tile >= 1:
        return tile
    raise ValueError(f"tile={tile!r}; allowed are 'auto' or a number of pixels of at least 1")


def max_batch_pixels(model: Model, compute: Compute, consistency: int = 0) -> int:
    """Return the maximal number of LR pixels in a batch of windows on a device."""
    least = (2 * model.halo + LEAST_CORE) ** 2
    allowed = MEMORY_FRACTION * free_memory(compute.device)
    pixels = MAX_WINDOW_PIXELS[compute.device.type]
    while working_bytes(model.network, compute, pixels, consistency) > allowed and pixels > least:
        pixels = int(0.9 * pixels)
    return max(least, pixels)
