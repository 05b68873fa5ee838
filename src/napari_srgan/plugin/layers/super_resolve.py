"""``super_resolve_layer``: super-resolve a layer into a layer aligned with it."""

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
    """Super-resolve an image layer into a new layer that covers the same world region.

    Blocks until the result is computed. The source is not modified. In napari's console::

        viewer.add_layer(ns.super_resolve_layer(viewer.layers["cells"]))

    Parameters
    ----------
    layer
        An image layer of any number of dimensions up to T, C, Z, Y, X and samples. Level 0
        of a multiscale layer is used, and the source of a live layer.
    model, axes, detail, consistency, normalise, volume, device, precision, tile, nodata, progress
        As in `napari_srgan.super_resolve`. ``axes=None`` uses the layer's ``axis_labels`` and
        ``rgb`` if they define the axes, else guesses from the shape. For a volume from a file with
        thick slices along another axis than Z, Y and X are the axes of the slice plane.

    Returns
    -------
    napari.layers.Image
        Not added to a viewer. Its outer pixel edges coincide with those of the source for any
        scale, translate, rotate, shear and affine. Colormap, contrast limits, gamma, blending,
        units and axis labels are those of the source. The name is the source's name and the scale;
        if an open viewer contains a result of that name, the differences are appended. The
        provenance is in ``metadata["napari_srgan"]``. Data that do not fit into memory are in a
        zarr array on disk, which is deleted with the layer.

    Raises
    ------
    TypeError
        If the layer is not an image layer, or its dtype is boolean or complex.
    ValueError, ModelError, MemoryError
        As in `napari_srgan.super_resolve`.
    """
    from napari.layers import Image

    from ...upscale import drive
    from .lineage import layers_shown_with, register_result
    from .result_names import recipe_of

    requested = Options(
        axes, detail, consistency, normalise, volume, device, precision, tile, nodata
    )
    layer = source_of(layer)
    data, options = layer_source(layer, requested)
    out, run = drive(steps(data, model, options, missing=missing_of(layer)), bar=progress)
    result = Image(out, **layer_arguments(layer_state(layer), run.plan, remarks=run.remarks))
    register_result(result, layer, recipe_of(run.plan, model, requested), layers_shown_with(layer))
    return result


def steps(
    data: Any,
    model: str | Path | Model,
    options: Options,
    spans: Sequence[Span] | None = None,
    missing: Any | None = None,
) -> Generator[Progress, None, tuple[Any, Run]]:
    """Super-resolve an array or a part of it, yielding progress.

    PyTorch is imported at the first step, in the thread that runs the generator.

    Returns
    -------
    tuple
        The result and its `Run`.
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
