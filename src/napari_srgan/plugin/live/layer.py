"""``live_layer``: create a layer that is super-resolved where it is visible."""

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
    """Return a layer that is super-resolved on demand, where it is visible.

    Zoomed out, the layer shows the source. Zoomed in until a source pixel is larger than a screen
    pixel, it shows the interpolated source, which is replaced tile by tile, from the centre of the
    view outwards, by the result computed in the background. In napari's console::

        viewer.add_layer(ns.live_layer(viewer.layers["cells"]))

    Parameters
    ----------
    layer
        An image layer of any number of dimensions up to T, C, Z, Y, X and samples.
    model, axes, detail, consistency, normalise, device, precision, tile, nodata
        As in `napari_srgan.super_resolve_layer`. ``tile`` is ``auto`` or the side of a tile
        in pixels of the source.

    Returns
    -------
    napari.layers.Image
        A multiscale layer, not added to a viewer. Its finest level is the result, its coarser
        levels are the source's data. Computed tiles equal `napari_srgan.super_resolve_layer`. The
        tiles of all live layers together take at most 10 % of the free memory and 1 GiB.
        Computing ends when the layer is removed from its viewer.

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
