"""Which part of a layer is super-resolved: all, what is in view, a slice, a rectangle.

A part is given as spans: for each axis of the layer's data its first entry and the one after its
last.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..layers.source import level_0

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.components import ViewerModel
    from napari.layers import Image, Shapes

    from ...engine.tiles import Span

Extent = Literal["layer", "view", "slice", "rectangle"]


class RegionError(ValueError):
    """There is no such part, for a reason that a person can mend."""


def spans_of(
    extent: Extent, layer: Image, viewer: ViewerModel, shapes: Shapes | None = None
) -> list[Span]:
    """Return the part of a layer that an extent means now.

    Parameters
    ----------
    extent
        ``layer`` all of it; ``slice`` what the sliders point at; ``view`` what is visible of that;
        ``rectangle`` what a rectangle encloses, in every slice.
    layer, viewer
        The layer and the viewer that shows it.
    shapes
        For ``rectangle``: the layer whose selected rectangle, else last one, is taken. A rectangle
        that is turned against the layer stands for its bounding box.

    Raises
    ------
    RegionError
        If there is no such part, saying why and what to do.
    """
    if extent == "layer":
        return _whole(layer)
    if viewer.dims.ndisplay == 3:
        what = "current view" if extent == "view" else "flat part"
        raise RegionError(
            f"There is no {what} in the 3D view: switch to 2D (Ctrl+Y), or take the whole layer."
        )
    if extent == "rectangle":
        if shapes is None:
            raise RegionError("Add a Shapes layer and draw a rectangle in it.")
        return _in_rectangle(layer, viewer, shapes)
    spans = _in_slice(layer, viewer)
    return _in_view(layer, viewer, spans) if extent == "view" else spans


def around_centre(
    spans: Sequence[Span], layer: Image, viewer: ViewerModel, pixels: int
) -> tuple[list[Span], bool]:
    """Return at most ``pixels`` pixels of a part around the middle of the view.

    The flag says whether something was left out.
    """
    axes = _displayed(layer, viewer)
    height, width = (spans[a][1] - spans[a][0] for a in axes)
    if height * width <= pixels:
        return list(spans), False
    side = max(1, int(pixels**0.5))
    rows = min(height, max(side, pixels // max(width, 1)))
    wanted = (rows, min(width, max(1, pixels // rows)))
    centre = np.array(viewer.dims.point, float)
    centre[list(viewer.dims.displayed)] = camera_of(viewer).center[-2:]
    middle = np.asarray(layer.world_to_data(centre))[axes]
    part = list(spans)
    for axis, length, at in zip(axes, wanted, middle, strict=True):
        first, last = spans[axis]
        start = min(max(first, round(at - length / 2)), last - length)
        part[axis] = (start, start + length)
    return part, True


def camera_of(viewer: ViewerModel) -> Any:
    """Return a viewer's camera, which napari keeps in a scene since 0.9."""
    return getattr(viewer, "scene", viewer).camera


def in_canvas(layer: Image, viewer: ViewerModel) -> npt.NDArray[np.float64] | None:
    """Return where the canvas's corners lie in a layer's data; None where that is not known.

    That is the case in the 3D view, and in napari before 0.9.
    """
    size = getattr(getattr(viewer, "canvas", None), "size", None)
    if size is None or viewer.dims.ndisplay != 2:
        return None
    camera = camera_of(viewer)
    half = np.asarray(size, float) / 2 / camera.zoom
    corners = []
    for signs in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        point = np.array(viewer.dims.point, float)
        point[list(viewer.dims.displayed)] = camera.center[-2:] + half * signs
        corners.append(np.asarray(layer.world_to_data(point)))
    return np.array(corners)


def _whole(layer: Image) -> list[Span]:
    return [(0, n) for n in level_0(layer).shape]


def _displayed(layer: Image, viewer: ViewerModel) -> list[int]:
    """Axes of the layer that lie in the canvas; napari lines up the last axes of all layers."""
    more = viewer.dims.ndim - layer.ndim
    return [axis - more for axis in viewer.dims.displayed if axis >= more]


def _in_slice(layer: Image, viewer: ViewerModel) -> list[Span]:
    spans = _whole(layer)
    axes = _displayed(layer, viewer)
    at = np.rint(np.asarray(layer.world_to_data(np.array(viewer.dims.point, float))))
    for axis in set(range(layer.ndim)) - set(axes):
        index = int(at[axis])
        if not spans[axis][0] <= index < spans[axis][1]:
            raise RegionError(
                f"“{layer.name}” does not reach to the current slice: move the slider, or take "
                "the whole layer."
            )
        spans[axis] = (index, index + 1)
    return spans


def _in_view(layer: Image, viewer: ViewerModel, spans: list[Span]) -> list[Span]:
    corners = np.asarray(layer.corner_pixels, float)
    if layer.multiscale:
        corners = corners * np.asarray(layer.downsample_factors)[layer.data_level]
    for axis in _displayed(layer, viewer):
        first, last = corners[:, axis]
        if first == last and spans[axis][1] > 1:
            raise RegionError(
                f"Nothing of “{layer.name}” is in view: move it into the canvas (Home key), or "
                "take the whole layer."
            )
        spans[axis] = (max(0, floor(first)), min(spans[axis][1], ceil(last) + 1))
    return spans


def _in_rectangle(layer: Image, viewer: ViewerModel, shapes: Shapes) -> list[Span]:
    rectangles = [i for i, kind in enumerate(shapes.shape_type) if kind == "rectangle"]
    if not rectangles:
        raise RegionError(
            f"“{shapes.name}” has no rectangle yet: select it and draw one with the rectangle "
            "tool (key R)."
        )
    selected = [i for i in rectangles if i in shapes.selected_data]
    axes = _displayed(layer, viewer)
    places = []
    for corner in shapes.data[(selected or rectangles)[-1]]:
        world = np.array(viewer.dims.point, float)
        world[-shapes.ndim :] = shapes.data_to_world(corner)
        places.append(np.asarray(layer.world_to_data(world))[axes])
    spans = _whole(layer)
    for axis, low, high in zip(axes, np.min(places, axis=0), np.max(places, axis=0), strict=True):
        # Pixel i reaches from i − ½ to i + ½; every pixel that the rectangle touches counts.
        first, last = floor(low + 0.5 + 1e-6), ceil(high + 0.5 - 1e-6)
        span = max(0, first), min(spans[axis][1], max(last, first + 1))
        if span[0] >= span[1]:
            raise RegionError(
                f"The rectangle in “{shapes.name}” lies outside of “{layer.name}”: move it onto "
                "the image."
            )
        spans[axis] = span
    return spans
