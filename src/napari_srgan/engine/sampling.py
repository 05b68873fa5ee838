"""Values from all over an image, without reading all of it."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from .axes import Layout
from .intensity import invalid_pixels

Array = npt.NDArray[Any]

PATCH = 64
"""side of the squares that are read from lazy arrays"""
PATCHES = 256
"""squares read per channel, at most"""
VALUES = 1 << 20
"""values taken per channel, at most"""


def read_part(
    source: Any, layout: Layout, index: tuple[int | slice, ...], nodata: float | None
) -> tuple[Array, npt.NDArray[np.bool_] | None]:
    """Return a part of an image, and which of its values are none; None where all are valid.

    NaN and infinity are no values, nor is ``nodata``. A colour, though, is no data only where R, G
    and B all are: each of them alone may well have that value, as 255 in a saturated pixel.
    """
    if layout.axes[-1] != "S" or nodata is None:
        values = np.asarray(source[index])
        return values, invalid_pixels(values, nodata)
    *where, sample = index
    alone = not isinstance(sample, slice)
    # A sample that goes through the network alone is read with the others, which say what is none.
    colours = np.asarray(source[(*where, slice(None) if alone else sample)])
    values = colours[..., sample] if alone else colours
    invalid = invalid_pixels(values, None)
    empty = (colours[..., :3] == nodata).all(-1, keepdims=not alone)
    if not empty.any():
        return values, invalid
    return values, np.broadcast_to(empty, values.shape) if invalid is None else invalid | empty


def sample_channels(
    source: Any, layout: Layout, nodata: float | None, *, needed: bool = True
) -> list[Array]:
    """Return valid values of each entry along C (one entry if there is no C).

    R, G and B share one entry, so that colours stay what they are. An array in memory is read at
    even steps; a lazy one in squares spread evenly over its planes, so that a chunk is read at
    most a few times.
    """
    planes = layout.planes()
    channels = 1 + max((layout.channel_of(p) for p in planes), default=0)
    if not needed:
        return [np.empty(0, source.dtype)] * channels
    taken: list[list[Array]] = [[] for _ in range(channels)]
    per_channel = ceil(len(planes) / channels)
    grid = _grid_in_memory if isinstance(source, np.ndarray) else _grid_of_squares
    for channel in range(channels):
        own = [p for p in planes if layout.channel_of(p) == channel]
        for plane in own[:: ceil(per_channel / PATCHES)]:
            for rows, columns in grid(layout.plane, min(per_channel, PATCHES)):
                index = layout.index(plane, rows, columns)
                values, invalid = read_part(source, layout, index, nodata)
                taken[channel].append(values.ravel() if invalid is None else values[~invalid])
    return [np.concatenate(values) for values in taken]


def _grid_in_memory(plane: tuple[int, int], planes: int) -> list[tuple[slice, slice]]:
    step = max(1, int((plane[0] * plane[1] * planes / VALUES) ** 0.5))
    return [(slice(None, None, step), slice(None, None, step))]


def _grid_of_squares(plane: tuple[int, int], planes: int) -> list[tuple[slice, slice]]:
    side = max(1, int((PATCHES / planes) ** 0.5))
    rows, columns = (_spread(length, side) for length in plane)
    return [(r, c) for r in rows for c in columns]


def _spread(length: int, count: int) -> list[slice]:
    count = min(count, ceil(length / PATCH))
    width = length if count * PATCH >= length else PATCH
    starts = np.linspace(0, length - width, count if width < length else 1).astype(int)
    return [slice(int(s), int(s) + width) for s in starts]
