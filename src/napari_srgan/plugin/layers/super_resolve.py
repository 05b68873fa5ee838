"""``super_resolve_layer``: a layer in, a layer that lies exactly on top of it out."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...engine.intensity import Normalise
from ...engine.missing import Nodata
from ...options import Options
from .result import layer_arguments, layer_state
from .source import layer_source, missing_of, source_of

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from ...engine.progress import Progress
    from ...engine.run import Run
    from ...engine.tiles import Span
    from ...models import Model


def super_resolve_layer(
    layer: Layer,
    model: str | Path | Model = "auto",
    *,
    axes: str | None = None,
    detail: float | None = None,
    consistency: int = 0,
    normalise: Normalise = "auto",
    volume: Literal["slices"] = "slices",
    device: str = "auto",
    precision: str = "auto",
    tile: str | int = "auto",
    nodata: Nodata = "auto",
    progress: bool = False,
) -> Image:
    """Super-resolve an image layer into a new layer that covers the same place.

    The call returns when the result is there; the source is not changed. In napari's console::

        viewer.add_layer(ns.super_resolve_layer(viewer.layers["cells"]))

    Parameters
    ----------
    layer
        An image layer of any number of dimensions up to T, C, Z, Y, X and samples. Of a
        multiscale layer level 0, the finest, is taken, and of a live layer its source.
    model, axes, detail, consistency, normalise, volume, device, precision, tile, nodata, progress
        As in `napari_srgan.super_resolve`. ``axes`` None takes the layer's ``axis_labels`` where
        they name the axes and its ``rgb``, else guesses from the shape. Of a volume from a file
        whose slices are thick along another axis than Z, Y and X are the plane of its slices.

    Returns
    -------
    napari.layers.Image
        Not yet in a viewer. Its pixels' outer edges lie on those of the source under any scale,
        translate, rotate, shear and affine; colormap, contrast limits, gamma, blending, units and
        axis labels are the source's. Its name is the source's with the scale; where an open viewer
        shows a result of that name, what differs stands behind it. How it was made stands in
        ``metadata["napari_srgan"]``. Data that do not fit into memory lie in a zarr array on
        disk, which is removed with the layer.

    Raises
    ------
    TypeError
        If the layer is not an image layer, or boolean or complex.
    ValueError, ModelError, MemoryError
        As in `napari_srgan.super_resolve`.
    """
    from napari.layers import Image

    from ...upscale import drive
    from .lineage import enter, shown_with
    from .result_names import recipe_of

    asked = Options(axes, detail, consistency, normalise, volume, device, precision, tile, nodata)
    layer = source_of(layer)
    data, options = layer_source(layer, asked)
    out, run = drive(steps(data, model, options, missing=missing_of(layer)), bar=progress)
    result = Image(out, **layer_arguments(layer_state(layer), run.plan, remarks=run.remarks))
    enter(result, layer, recipe_of(run.plan, model, asked), shown_with(layer))
    return result


def steps(
    data: Any,
    model: str | Path | Model,
    options: Options,
    spans: Sequence[Span] | None = None,
    missing: Any | None = None,
) -> Generator[Progress, None, tuple[Any, Run]]:
    """Super-resolve an array or a part of it, yielding progress; return the result and its run.

    PyTorch is imported when the first step is taken, so in the thread that takes it.
    """
    from ...engine.run import Run
    from ...engine.source import read_once
    from ...result_storage import make_room
    from ...upscale import plan_stages

    source = read_once(data)
    plan = yield from plan_stages(source, model, options, spans=spans, missing=missing)
    out = make_room(plan)
    run = Run(plan, source)
    yield from run.into(out)
    return out, run
