"""Sample an image without reading all of it."""

from __future__ import annotations

import time
from collections.abc import Generator
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from .axes import Layout
from .missing import Missing
from .progress import Progress

Array = npt.NDArray[Any]
Squares = list[Array]
"""squares ``(H, W)`` of float64 with NaN at missing values"""

SQUARE_SIDE = 64
"""side in pixels of a sample square"""
MAX_SQUARES = 256
"""maximal number of squares for each channel"""
REPORT_INTERVAL = 0.1
"""interval in seconds between progress reports"""
MAX_WHOLE_VALUES = 1 << 20
"""number of values per channel up to which an image in memory is used as a whole"""


def sample_channels(
    source: Any, layout: Layout, missing: Missing
) -> Generator[Progress, None, list[Squares]]:
    """Return sample squares for each entry along C (one entry without C).

    R, G and B share one entry, so that the mapping preserves hue. The squares are spaced evenly
    over the planes of a channel, at the same positions in each call.
    """
    planes = layout.planes()
    channels = 1 + max((layout.channel_of(p) for p in planes), default=0)
    taken: list[Squares] = [[] for _ in range(channels)]
    per_channel = ceil(len(planes) / channels)
    rows, columns = layout.plane
    colours = layout.colours if layout.channel_axis is not None else 1
    if (
        isinstance(source, np.ndarray)
        and rows * columns * per_channel * colours <= MAX_WHOLE_VALUES
    ):
        grid = [(slice(0, rows), slice(0, columns))]
    else:
        grid = _grid_of_squares(layout.plane, min(per_channel, MAX_SQUARES))
    every = ceil(per_channel / MAX_SQUARES)
    total = channels * ceil(per_channel / every) * len(grid)
    done, since = 0, time.perf_counter()
    for channel in range(channels):
        own = [p for p in planes if layout.channel_of(p) == channel]
        for plane in own[::every]:
            for place in grid:
                values, invalid = missing.read(source, layout, layout.index(plane, *place))
                squares = values.astype(np.float64)
                if invalid is not None:
                    squares[invalid] = np.nan
                squares = squares.transpose(layout.order())
                taken[channel] += [squares] if squares.ndim == 2 else list(squares)
                done += 1
                if time.perf_counter() - since > REPORT_INTERVAL:
                    since = time.perf_counter()
                    yield Progress(done / total, 0, 0, stage="reading")
    return taken


def _grid_of_squares(plane: tuple[int, int], planes: int) -> list[tuple[slice, slice]]:
    side = max(1, int((MAX_SQUARES / planes) ** 0.5))
    rows, columns = (_spaced_slices(length, side) for length in plane)
    return [(r, c) for r in rows for c in columns]


def _spaced_slices(length: int, count: int) -> list[slice]:
    count = min(count, ceil(length / SQUARE_SIDE))
    width = length if count * SQUARE_SIDE >= length else SQUARE_SIDE
    starts = np.linspace(0, length - width, count if width < length else 1).astype(int)
    return [slice(int(s), int(s) + width) for s in starts]
