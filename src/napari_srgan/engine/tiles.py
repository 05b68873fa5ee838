"""Tile geometry: cores that tiles write and windows that they read. Independent of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import overload

Span = tuple[int, int]
"""half-open range: first index, and the one after the last"""


@dataclass(frozen=True)
class Tile:
    """Tile of an image, in LR pixels.

    ::

        ┌──────────── window ────────────┐
        │      halo                      │
        │    ┌───────── core ─────┐      │
        │    │ output region      │      │
        │    │ of the tile        │      │
        │    └────────────────────┘      │
        └────────────────────────────────┘

    At the image border the window is cropped instead of padded, and shifted inwards so that all
    windows of an image have the same shape.
    """

    core_y: Span
    """half-open range of rows of the core"""
    core_x: Span
    window_y: Span
    window_x: Span

    @property
    def window_shape(self) -> tuple[int, int]:
        """Rows and columns of the window."""
        return self.window_y[1] - self.window_y[0], self.window_x[1] - self.window_x[0]

    @property
    def core_shape(self) -> tuple[int, int]:
        """Rows and columns of the core."""
        return self.core_y[1] - self.core_y[0], self.core_x[1] - self.core_x[0]

    @property
    def window(self) -> tuple[slice, slice]:
        """Index of the window in the image."""
        return slice(*self.window_y), slice(*self.window_x)

    def core(self, scale: int = 1) -> tuple[slice, slice]:
        """Return the index of the core in the image, ``scale`` times finer."""
        return _scaled_slice(self.core_y, scale), _scaled_slice(self.core_x, scale)

    def core_in_window(self, scale: int = 1) -> tuple[slice, slice]:
        """Return the index of the core in the window, ``scale`` times finer."""
        (y0, y1), (x0, x1) = self.core_y, self.core_x
        y, x = self.window_y[0], self.window_x[0]
        return _scaled_slice((y0 - y, y1 - y), scale), _scaled_slice((x0 - x, x1 - x), scale)


@dataclass(frozen=True)
class Tiles(Sequence[Tile]):
    """Lazy sequence of the tiles of an image in row-major order.

    A large image has millions of tiles, which would take more memory than the pixels in view.
    """

    rows: tuple[tuple[Span, Span], ...]
    """core and window ranges along Y"""
    columns: tuple[tuple[Span, Span], ...]
    """core and window ranges along X"""

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    @overload
    def __getitem__(self, index: int) -> Tile: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tile]: ...
    def __getitem__(self, index: int | slice) -> Tile | list[Tile]:
        numbers = range(len(self))[index]
        if isinstance(numbers, range):
            return [self[number] for number in numbers]
        row, column = divmod(numbers, len(self.columns))
        (core_y, window_y), (core_x, window_x) = self.rows[row], self.columns[column]
        return Tile(core_y, core_x, window_y, window_x)


def _scaled_slice(span: Span, scale: int) -> slice:
    return slice(scale * span[0], scale * span[1])


def count_windows(length: int, window: int, halo: int) -> int:
    """Return the number of windows of at most ``window`` pixels that cover ``length`` pixels.

    The outer windows need a halo on one side only, so ``n`` windows cover
    ``n·(window − 2·halo) + 2·halo`` pixels.

    Raises
    ------
    ValueError
        If the window is not longer than two halos.
    """
    if length <= window:
        return 1
    if window <= 2 * halo:
        raise ValueError(f"a window of {window} pixels leaves nothing inside a halo of {halo}")
    return ceil((length - 2 * halo) / (window - 2 * halo))


def window_length(length: int, count: int, halo: int) -> int:
    """Return the smallest window length with which ``count`` windows cover ``length`` pixels."""
    if count == 1:
        return length
    return min(length, ceil((length - 2 * halo) / count) + 2 * halo)


def split_axis(length: int, count: int, halo: int) -> list[tuple[Span, Span]]:
    """Split an axis into ``count`` windows of equal length; return (core, window) of each."""
    window = window_length(length, count, halo)
    step = window - 2 * halo
    spans = []
    for i in range(count):
        start = min(i * step, length - window)
        first = 0 if i == 0 else halo + i * step
        last = length if i == count - 1 else halo + (i + 1) * step
        if first < last:
            spans.append(((first, last), (start, start + window)))
    return spans


def choose_grid(shape: Sequence[int], halo: int, pixels: int) -> tuple[int, int]:
    """Return the numbers of tiles along Y and X that need the least work.

    Among all grids whose windows have at most ``pixels`` pixels, this is the one with the smallest
    total window area; among equal ones, the one with fewer tiles. If even the smallest window
    exceeds ``pixels``, it is used nevertheless.
    """
    height, width = shape
    best: tuple[int, int, tuple[int, int]] | None = None
    for rows in range(1, max(1, height - 2 * halo) + 1):
        window_y = window_length(height, rows, halo)
        if window_y * min(width, 2 * halo + 1) > pixels:
            continue
        columns = count_windows(width, max(pixels // window_y, 2 * halo + 1), halo)
        work = rows * columns * window_y * window_length(width, columns, halo)
        if best is None or (work, rows * columns) < best[:2]:
            best = (work, rows * columns, (rows, columns))
        if best is not None and rows * (2 * halo + 1) * width > 4 * best[0]:
            break
    if best is None:
        least = 2 * halo + 1
        return count_windows(height, least, halo), count_windows(width, least, halo)
    return best[2]


def make_tiles(
    shape: Sequence[int],
    halo: int,
    *,
    size: int | None = None,
    pixels: int | None = None,
    region: tuple[Span, Span] | None = None,
) -> Tiles:
    """Cover an image, or a region of it, with tiles.

    Parameters
    ----------
    shape
        Rows and columns of the image.
    halo
        Pixels on each side that a result depends on.
    size
        Maximal side of a core in pixels.
    pixels
        Maximal number of pixels in a window, instead of ``size``; the grid needs the least work.
    region
        Rows and columns that the cores cover; the whole image if None. Windows extend beyond it.
    """
    (y0, y1), (x0, x1) = region or ((0, shape[0]), (0, shape[1]))
    # The region grown by the halo; tiles are laid out in it and cropped to the region.
    seen_y, seen_x = _grow((y0, y1), halo, shape[0]), _grow((x0, x1), halo, shape[1])
    seen = seen_y[1] - seen_y[0], seen_x[1] - seen_x[0]
    if size is not None:
        grid = tuple(count_windows(n, size + 2 * halo, halo) for n in seen)
    else:
        grid = choose_grid(seen, halo, pixels or seen[0] * seen[1])
    spans = [
        tuple(
            (_shift(core, seen[0]), _shift(window, seen[0]))
            for whole, window in split_axis(seen[1] - seen[0], count, halo)
            if (core := _intersection(whole, (first - seen[0], last - seen[0])))
        )
        for (first, last), seen, count in (((y0, y1), seen_y, grid[0]), ((x0, x1), seen_x, grid[1]))
    ]
    return Tiles(spans[0], spans[1])


def _grow(span: Span, halo: int, length: int) -> Span:
    return max(0, span[0] - halo), min(length, span[1] + halo)


def _shift(span: Span, offset: int) -> Span:
    return span[0] + offset, span[1] + offset


def _intersection(a: Span, b: Span) -> Span | None:
    first, last = max(a[0], b[0]), min(a[1], b[1])
    return (first, last) if first < last else None
