"""``super_resolve_layer``: a layer in, a layer that lies exactly on top of it out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...engine.axes import complete_labels, guess_axes
from ...engine.intensity import Normalise
from ...engine.missing import Nodata
from ...io import finest_plane
from ...options import Options
from ..files.to_layers import FILE, MADE, Origin
from .provenance import provenance

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.layers import Image, Layer

    from ...engine.plan import Plan
    from ...engine.progress import Progress
    from ...engine.run import Run
    from ...engine.tiles import Span
    from ...models import Model

CARRIED = (
    "affine",
    "axis_labels",
    "blending",
    "gamma",
    "opacity",
    "rgb",
    "rotate",
    "shear",
    "units",
    "contrast_limits",
)
"""attributes that the result has from its source as they are"""


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


def layer_source(layer: Layer, options: Options, *, shown: bool = False) -> tuple[Any, Options]:
    """Return a layer's data at its finest level, and the options with axes and nodata filled in.

    Of a volume from a file, Y and X are the plane of its finest pixels, or with ``shown`` always
    what its labels call so, which napari shows.

    Raises
    ------
    TypeError
        If the layer is not an image layer.
    """
    from napari.layers import Image

    if not isinstance(layer, Image):
        kind = type(layer).__name__.lower()
        raise TypeError(
            f"the layer {getattr(layer, 'name', layer)!r} is a {kind} layer; only image layers "
            "can be super-resolved"
        )
    data = level_0(layer)
    origin = layer.metadata.get(FILE)
    if options.axes is None:
        axes = complete_labels(layer.axis_labels, data.shape, rgb=layer.rgb)
        if not shown and isinstance(origin, Origin) and origin.axes == axes:
            axes = finest_plane(replace(origin.record, axes=axes)) or axes
        options = replace(options, axes=axes or guess_axes(data.shape, rgb=layer.rgb))
    declared = isinstance(origin, Origin) and origin.record.nodata is not None
    if options.nodata == "auto" and declared:
        options = replace(options, nodata=origin.record.nodata)
    return data, options


def missing_of(layer: Layer) -> Any | None:
    """Return where the file of a layer says that there are no values; None where it does not.

    A layer whose data are not of the file's shape any more has none.
    """
    origin = layer.metadata.get(FILE)
    missing = origin.record.missing if isinstance(origin, Origin) else None
    if missing is None:
        return None
    shape = level_0(layer).shape
    shape = shape[:-1] if layer.rgb else shape
    return missing if tuple(missing.shape) in (shape, shape[-2:]) else None


def source_of(layer: Any) -> Any:
    """Return the layer that a live layer shows finer; any other layer is its own source."""
    layer = getattr(layer, "__wrapped__", layer)  # napari hands out proxies to plugins
    if not getattr(layer, "multiscale", False):
        return layer
    return getattr(getattr(level_0(layer), "owner", None), "source", layer)


def sources_of(layers: Iterable[Any]) -> list[Image]:
    """Return the image layers among some layers, each once; live ones stand for their source."""
    from napari.layers import Image

    images = (source_of(each) for each in layers if isinstance(each, Image))
    return list(dict.fromkeys(images))


def level_0(layer: Image) -> Any:
    """Return a layer's data at its finest level."""
    return layer.data[0] if layer.multiscale else layer.data


def layer_state(layer: Image) -> dict[str, Any]:
    """Return what a result takes over from its source, as it is now."""
    names = (*CARRIED, "name", "scale", "translate", "metadata")
    state: dict[str, Any] = {name: getattr(layer, name) for name in names}
    if not layer.rgb:
        state["colormap"] = layer.colormap
    return state


def layer_arguments(
    state: dict[str, Any], plan: Plan, title: str = "", remarks: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the arguments that lay a plan's result over its source.

    Parameters
    ----------
    state
        What `layer_state` returned of the source.
    plan
        The plan that was carried out.
    title
        Added to the name, which is the source's with the scale.
    """
    axes = [i for i, letter in enumerate(plan.layout.axes) if letter != "S"]
    return {
        **state,
        **finer_transform(state, [plan.factors[i] for i in axes], [plan.spans[i][0] for i in axes]),
        "name": f"{state['name']} ×{plan.scale}{title}",
        "multiscale": False,
        "metadata": {**state["metadata"], MADE: provenance(plan, remarks)},
    }


def finer_transform(
    state: dict[str, Any], factors: Sequence[int], first: Sequence[int]
) -> dict[str, npt.NDArray[np.float64]]:
    """Return scale and translate of a part of a layer with ``factors`` times more pixels.

    napari puts the origin at the centre of pixel 0, so beside the scale the translation changes:
    the outer edge of the part's first pixel, half a pixel before its centre, is what stays.
    ``scale' = scale / r`` and ``translate' = translate + R·S·diag(scale)·(f + (1 − r) / (2r))``,
    with rotation R, shear S and first pixel f.
    """
    from napari.utils.transforms import Affine

    r = np.asarray(factors, float)
    linear = Affine(
        rotate=state["rotate"], shear=state["shear"], scale=state["scale"]
    ).linear_matrix
    return {
        "scale": np.asarray(state["scale"]) / r,
        "translate": np.asarray(state["translate"]) + linear @ (first + (1 - r) / (2 * r)),
    }
