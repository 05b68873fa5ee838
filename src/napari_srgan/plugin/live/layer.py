"""``live_layer``: a layer that sharpens where one looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.intensity import Normalise, check_normalise
from ...engine.missing import Nodata
from ...options import Options
from ..jobs.worker import load_torch
from ..layers.super_resolve import layer_source, missing_of, source_of

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from ...engine.plan import Plan
    from ...models import Model

TILES = {"cpu": 96, "cuda": 256, "mps": 128}
"""side of a tile's core in pixels of the source: on a CPU small, so that the first comes soon"""


def live_layer(
    layer: Layer,
    model: str | Path | Model = "auto",
    *,
    axes: str | None = None,
    detail: float | None = None,
    consistency: int = 0,
    normalise: Normalise = "auto",
    device: str = "auto",
    precision: str = "auto",
    tile: str | int = "auto",
    nodata: Nodata = "auto",
) -> Image:
    """Return a layer that is super-resolved where and when one looks at it.

    Zoomed out it is the source. Where one zooms in until a pixel of the source is larger than one
    of the screen, it is interpolated, and sharpens tile by tile from the centre of the view
    outwards, computed in the background. In napari's console::

        viewer.add_layer(ns.live_layer(viewer.layers["cells"]))

    Parameters
    ----------
    layer
        An image layer of any number of dimensions up to T, C, Z, Y, X and samples.
    model, axes, detail, consistency, normalise, device, precision, tile, nodata
        As in `napari_srgan.super_resolve_layer`. ``tile`` is ``auto`` or the side in pixels of
        the source of what sharpens at once.

    Returns
    -------
    napari.layers.Image
        Not yet in a viewer; a multiscale layer whose finest level is the result and whose coarser
        ones are the source's data. Its pixels are those of `napari_srgan.super_resolve_layer`,
        where they are computed. Of all live layers together, computed tiles are kept up to 10 % of
        the memory that is free and 1 GiB. When it is removed from its viewer, the computing ends.

    Raises
    ------
    TypeError, ValueError, ModelError
        As in `napari_srgan.super_resolve_layer`.
    """
    from .controller import Live

    options = Options(
        axes, detail, consistency, normalise, "slices", device, precision, tile, nodata
    )
    prepared = prepare(layer, model, options)
    return Live(prepared.layer, prepared).make_layer()


@dataclass(frozen=True)
class Prepared:
    """What a live layer is made from."""

    layer: Image
    data: Any
    """the source's finest level"""
    given: Any
    """name, path or model, as given"""
    asked: Options
    """as given"""
    options: Options
    """with the axes and the tile filled in"""
    plan: Plan
    """but for the intensities, which need a look at the values"""


def prepare(layer: Layer, model: str | Path | Model, options: Options) -> Prepared:
    """Check what was asked for, and load the model; no values are read.

    It may take seconds and can be called in any thread.
    """
    from ...engine.device import choose_device
    from ...upscale import plan_for

    check_normalise(options.normalise)
    source: Any = source_of(layer)
    data, filled = layer_source(source, options, shown=True)
    if options.tile == "auto":
        filled = replace(filled, tile=TILES[choose_device(options.device).type])
    plan = plan_for(data, model, filled, missing=missing_of(source), look=False)
    return Prepared(source, data, model, options, filled, plan)


def ready(layer: Image, model: Any, options: Options) -> Prepared:
    """Prepare a live view, in a thread beside that of the window."""
    load_torch()
    return prepare(layer, model, options)
