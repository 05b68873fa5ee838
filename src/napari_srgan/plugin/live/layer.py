"""``live_layer``: a layer that sharpens where one looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.intensity import Normalise
from ...engine.missing import Nodata
from ...options import Options
from .prepare import prepare

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from ...models import Model


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
    from .controller import LiveController

    options = Options(
        axes, detail, consistency, normalise, "slices", device, precision, tile, nodata
    )
    prepared = prepare(layer, model, options)
    return LiveController(prepared.layer, prepared).make_layer()
