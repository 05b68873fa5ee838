"""Whether an image can be super-resolved, and whether its axes are likely to be understood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...engine.axes import (
    FEW,
    complete_labels,
    make_layout,
    parse_axes,
)
from ...engine.intensity import check_dtype
from ...options import Options
from ..jobs.queue import EXPECTED, sentence
from .source import layer_source, level_0

if TYPE_CHECKING:
    from napari.layers import Image

NARROW = 16
"""pixels along Y or X of fewer than which the axes are doubted"""
LONGER = 4
"""how many times longer another axis is in such a case"""


def refusal(layer: Image, axes: str | None = None) -> str:
    """Say why a layer cannot be super-resolved; empty where it can.

    Parameters
    ----------
    layer
        Of its data type and shape are looked at, no values.
    axes
        Those that a person typed.
    """
    try:
        data, options = layer_source(layer, Options(axes=axes))
        check_dtype(np.dtype(data.dtype))
        make_layout(parse_axes(str(options.axes), data.shape), data.shape, 1)
    except EXPECTED as error:
        return sentence(error)
    return ""


def doubt(layer: Image, axes: str | None = None) -> str:
    """Say that axes, guessed or typed, make an image very narrow, and what to do; else nothing."""
    shape = level_0(layer).shape
    if axes is None and complete_labels(layer.axis_labels, shape, rgb=layer.rgb):
        return ""
    letters = parse_axes(axes or str(layer_source(layer, Options())[1].axes), shape)
    sizes = dict(zip(letters, shape, strict=True))
    height, width = sizes["Y"], sizes["X"]
    longest = max((n for axis, n in sizes.items() if axis not in "YXS"), default=0)
    if min(height, width) >= NARROW or longest < LONGER * min(height, width):
        return ""
    number = int(np.prod([n for axis, n in sizes.items() if axis not in "YXS"]))
    return (
        f"Taken for {number} images of {height} × {width} pixels. If that is wrong, type the "
        f"axes under Advanced, such as {_likely(shape, rgb=letters.endswith('S'))}."
    )


def _likely(shape: tuple[int, ...], *, rgb: bool) -> str:
    """Return axes by which the two longest are Y and X."""
    planes = list(shape[:-1] if rgb else shape)
    y, x = sorted(sorted(range(len(planes)), key=lambda i: (-planes[i], i))[:2])
    letters = {y: "Y", x: "X"}
    for i in (i for i in reversed(range(len(planes))) if i not in (y, x)):
        channels = i > x or planes[i] <= FEW
        left = [a for a in ("CZT" if channels else "ZTC") if a not in letters.values()]
        letters[i] = left[0]
    return "".join(letters[i] for i in range(len(planes))) + "S" * rgb
