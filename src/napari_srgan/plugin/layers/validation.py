"""Check whether a layer can be super-resolved, and whether its axes are plausible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...engine.axes import FEW, complete_labels, make_layout, parse_axes
from ...engine.intensity import check_dtype
from ...options import Options
from ..errors import USER_ERRORS, format_error
from .source import layer_source, level_0

if TYPE_CHECKING:
    from napari.layers import Image

NARROW_SIDE = 16
"""side in pixels below which Y or X are suspected to be wrong"""
LENGTH_RATIO = 4
"""minimum ratio of another axis to the shorter of Y and X in this case"""


def unsupported_reason(layer: Image, axes: str | None = None) -> str:
    """Return why a layer cannot be super-resolved; empty if it can.

    Parameters
    ----------
    layer
        Only dtype and shape are checked, no values.
    axes
        Axes typed by the user.
    """
    try:
        data, options = layer_source(layer, Options(axes=axes))
        check_dtype(np.dtype(data.dtype))
        make_layout(parse_axes(str(options.axes), data.shape), data.shape, 1)
    except USER_ERRORS as error:
        return format_error(error)
    return ""


def axes_warning(layer: Image, axes: str | None = None) -> str:
    """Return a warning if guessed or typed axes make an image very narrow; else empty."""
    shape = level_0(layer).shape
    if axes is None and complete_labels(layer.axis_labels, shape, rgb=layer.rgb):
        return ""
    letters = parse_axes(axes or str(layer_source(layer, Options())[1].axes), shape)
    sizes = dict(zip(letters, shape, strict=True))
    height, width = sizes["Y"], sizes["X"]
    longest = max((n for axis, n in sizes.items() if axis not in "YXS"), default=0)
    if min(height, width) >= NARROW_SIDE or longest < LENGTH_RATIO * min(height, width):
        return ""
    number = int(np.prod([n for axis, n in sizes.items() if axis not in "YXS"]))
    return (
        f"Taken for {number} images of {height} × {width} pixels. If that is wrong, type the "
        f"axes under Advanced, such as {_suggest_axes(shape, rgb=letters.endswith('S'))}."
    )


def _suggest_axes(shape: tuple[int, ...], *, rgb: bool) -> str:
    """Return axes in which the two longest are Y and X."""
    planes = list(shape[:-1] if rgb else shape)
    y, x = sorted(sorted(range(len(planes)), key=lambda i: (-planes[i], i))[:2])
    letters = {y: "Y", x: "X"}
    for i in (i for i in reversed(range(len(planes))) if i not in (y, x)):
        channels = i > x or planes[i] <= FEW
        left = [a for a in ("CZT" if channels else "ZTC") if a not in letters.values()]
        letters[i] = left[0]
    return "".join(letters[i] for i in range(len(planes))) + "S" * rgb
