"""Region of a layer to super-resolve: whole layer, current view, current slice or rectangle.

A region is a list of spans, one per axis of the data: first index and last index + 1.
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
    """The region is empty or undefined; the message tells the user what to change."""


def spans_of(
    extent: Extent, layer: Image, viewer: ViewerModel, shapes: Shapes | None = None
) -> list[Span]:
    """Return the region of a layer in the current state of the viewer.

    Parameters
    ----------
    extent
        ``layer``: the whole layer; ``slice``: the current slice; ``view``: the visible part of the
        current slice; ``rectangle``: the bounding box of a rectangle, in every slice.
    layer, viewer
        The layer and the viewer that shows it.
    shapes
        Shapes layer, for ``rectangle``. Its selected rectangle is used, or else its last one. For
        a rectangle that is rotated relative to the layer, the bounding box in the layer's axes is
        taken.

    Returns
    -------
    list of (int, int)
        A span for each axis of the data.

    Raises
    ------
    RegionError
        If the region is empty or undefined.
    """
    if extent == "layer":
        return _full_spans(layer)
    if viewer.dims.ndisplay == 3:
        what = "current view" if extent == "view" else "flat part"
        raise RegionError(
            f"There is no {what} in the 3D view: switch to 2D (Ctrl+Y), or take the whole layer."
        )
    if extent == "rectangle":
        if shapes is None:
            raise RegionError("Add a Shapes layer and draw a rectangle in it.")
        return _rectangle_spans(layer, viewer, shapes)
    spans = _slice_spans(layer, viewer)
    return _view_spans(layer, viewer, spans) if extent == "view" else spans


def around_centre(
    spans: Sequence[Span], layer: Image, viewer: ViewerModel, pixels: int
) -> tuple[list[Span], bool]:
    """Crop spans to at most ``pixels`` pixels around the centre of the view.

    Returns
    -------
    list of (int, int)
        The cropped spans.
    bool
        Whether they were cropped.
    """
    axes = _displayed_axes(layer, viewer)
    height, width = (spans[a][1] - spans[a][0] for a in axes)
    if height * width <= pixels:
        return list(spans), False
    side = max(1, int(pixels**0.5))
    rows = min(height, max(side, pixels // max(width, 1)))
    size = (rows, min(width, max(1, pixels // rows)))
    centre = np.array(viewer.dims.point, float)
    centre[list(viewer.dims.displayed)] = camera_of(viewer).center[-2:]
    middle = np.asarray(layer.world_to_data(centre))[axes]
    part = list(spans)
    for axis, length, at in zip(axes, size, middle, strict=True):
        first, last = spans[axis]
        start = min(max(first, round(at - length / 2)), last - length)
        part[axis] = (start, start + length)
    return part, True


def camera_of(viewer: ViewerModel) -> Any:
    """Return the camera of a viewer: ``viewer.scene.camera`` since napari 0.9."""
    return getattr(viewer, "scene", viewer).camera


def canvas_corners(layer: Image, viewer: ViewerModel) -> npt.NDArray[np.float64] | None:
    """Return the corners of the canvas in data coordinates of a layer, ``(4, ndim)``.

    None in the 3D view, and in napari before 0.9, which does not expose the canvas size.
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


def _full_spans(layer: Image) -> list[Span]:
    return [(0, n) for n in level_0(layer).shape]


def _displayed_axes(layer: Image, viewer: ViewerModel) -> list[int]:
    """Return the displayed axes of the layer; napari aligns the last axes of all layers."""
    offset = viewer.dims.ndim - layer.ndim
    return [axis - offset for axis in viewer.dims.displayed if axis >= offset]


def _slice_spans(layer: Image, viewer: ViewerModel) -> list[Span]:
    spans = _full_spans(layer)
    axes = _displayed_axes(layer, viewer)
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


def _view_spans(layer: Image, viewer: ViewerModel, spans: list[Span]) -> list[Span]:
    corners = np.asarray(layer.corner_pixels, float)
    if layer.multiscale:
        corners = corners * np.asarray(layer.downsample_factors)[layer.data_level]
    for axis in _displayed_axes(layer, viewer):
        first, last = corners[:, axis]
        if first == last and spans[axis][1] > 1:
            raise RegionError(
                f"Nothing of “{layer.name}” is in view: move it into the canvas (Home key), or "
                "take the whole layer."
            )
        spans[axis] = (max(0, floor(first)), min(spans[axis][1], ceil(last) + 1))
    return spans


def _rectangle_spans(layer: Image, viewer: ViewerModel, shapes: Shapes) -> list[Span]:
    rectangles = [i for i, kind in enumerate(shapes.shape_type) if kind == "rectangle"]
    if not rectangles:
        raise RegionError(
            f"“{shapes.name}” has no rectangle yet: select it and draw one with the rectangle "
            "tool (key R)."
        )
    selected = [i for i in rectangles if i in shapes.selected_data]
    axes = _displayed_axes(layer, viewer)
    places = []
    for corner in shapes.data[(selected or rectangles)[-1]]:
        world = np.array(viewer.dims.point, float)
        world[-shapes.ndim :] = shapes.data_to_world(corner)
        places.append(np.asarray(layer.world_to_data(world))[axes])
    spans = _full_spans(layer)
    for axis, low, high in zip(axes, np.min(places, axis=0), np.max(places, axis=0), strict=True):
        # Pixel i covers i − ½ to i + ½; every pixel that the rectangle intersects is included.
        first, last = floor(low + 0.5 + 1e-6), ceil(high + 0.5 - 1e-6)
        span = max(0, first), min(spans[axis][1], max(last, first + 1))
        if span[0] >= span[1]:
            raise RegionError(
                f"The rectangle in “{shapes.name}” lies outside of “{layer.name}”: move it onto "
                "the image."
            )
        spans[axis] = span
    return spans
