"""``super_resolve_layer``: a layer in, a layer that lies exactly on top of it out."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..engine.axes import complete_labels, guess_axes
from ..engine.intensity import Normalise
from ..io import finest_plane
from ..options import Options
from .file_layers import FILE, MADE, Origin
from .provenance import provenance

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.layers import Image, Layer

    from ..engine.plan import Plan
    from ..engine.run import Progress
    from ..engine.tiles import Span
    from ..models import Model

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
    nodata: float | None = None,
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
        axis labels are the source's. How it was made stands in
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

    from ..upscale import drive

    options = Options(axes, detail, consistency, normalise, volume, device, precision, tile, nodata)
    layer = source_of(layer)
    data, options = layer_source(layer, options)
    out, plan = drive(steps(data, model, options), bar=progress)
    return Image(out, **layer_arguments(layer_state(layer), plan))


def steps(
    data: Any,
    model: str | Path | Model,
    options: Options,
    spans: Sequence[Span] | None = None,
) -> Generator[Progress, None, tuple[Any, Plan]]:
    """Super-resolve an array or a part of it, yielding progress; return result and plan.

    PyTorch is imported when the first step is taken, so in the thread that takes it.
    """
    from ..engine.run import Run
    from ..results import make_room
    from ..upscale import plan_for

    plan = plan_for(data, model, options, spans=spans)
    out = make_room(plan)
    run = Run(plan, data)
    yield from run.into(out)
    return out, run.plan


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
    if options.nodata is None and isinstance(origin, Origin):
        options = replace(options, nodata=origin.record.nodata)
    return data, options


def source_of(layer: Any) -> Any:
    """Return the layer that a live layer shows finer; any other layer is its own source."""
    if not getattr(layer, "multiscale", False):
        return layer
    return getattr(getattr(level_0(layer), "owner", None), "source", layer)


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


def layer_arguments(state: dict[str, Any], plan: Plan, title: str = "") -> dict[str, Any]:
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
        "metadata": {**state["metadata"], MADE: provenance(plan)},
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
