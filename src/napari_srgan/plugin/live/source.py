"""The source of a live view, read so that the window does not wait for it."""

from __future__ import annotations

import time
from collections.abc import Hashable
from math import inf
from typing import Any

import numpy as np

from ...engine.axes import Layout
from ...engine.tiles import Span
from .array import (
    Array,
    Cache,
    Key,
    LazyPlanes,
    kept_axes,
    plane_index,
)
from .visible_tiles import Cell, Grid, even_grid

PATIENCE = 0.008
"""seconds that one look of the window may spend on reading or interpolating"""
LARGEST_BLOCK = 1024
"""side of the largest square that is read at once from a lazy array"""
BLOCK = 256
"""the same where the array does not say in which chunks it lies"""


class SourcePlanes:
    """One level of the source.

    An array in memory is read as it is. A lazy one is read in squares that are kept: the window
    reads them by itself as long as they come quickly, and leaves the others to the background.

    Parameters
    ----------
    data
        The array.
    layout
        Its axes.
    cache
        What was read of a lazy array is kept there.
    fill
        The value of what is not read yet.
    """

    def __init__(self, data: Any, layout: Layout, cache: Cache, fill: float) -> None:
        self.data, self.layout, self.cache = data, layout, cache
        self.dtype = np.dtype(data.dtype)
        self.in_memory = isinstance(data, np.ndarray)
        self.fill = np.asarray(fill).astype(self.dtype)
        self.asked: dict[tuple[Key, Cell], None] = {}
        """squares that the window did not wait for"""
        self.fetched: set[tuple[Key, Cell]] = set()
        """squares that were read in this view: once, even where the store is too small"""
        self.shape = tuple(data.shape)
        self.grid = self._grid()
        self._seconds = 0.0

    def read(self, key: Key, rows: Span, columns: Span, *, until: float = inf) -> Array | None:
        """Return a part of a plane, None where a square of it is not there.

        Parameters
        ----------
        key, rows, columns
            Which plane and which part.
        until
            Time of `time.perf_counter` until which squares are read that are not there yet.
        """
        if self.in_memory:
            index = plane_index(self.layout, key, slice(*rows), slice(*columns))
            return np.asarray(self.data[index])
        out, whole = self._assemble(key, rows, columns, until)
        return out if whole else None

    def show(self, key: Key, rows: Span, columns: Span) -> Array:
        """Return a part of a plane at once, filled where it is not read yet."""
        out, _ = self._assemble(key, rows, columns, time.perf_counter() + PATIENCE)
        return out

    def lazy(self, owner: Any) -> Any:
        """Return the level as napari is to read it."""
        if self.in_memory:
            return self.data
        return LazyPlanes(self.shape, self.dtype, self.layout, self.show, owner)

    def there(self, key: Key, cell: Cell) -> Array | None:
        """Return a square if it was read, else ask for it."""
        block = self.cache.get(self._name(key, cell))
        if block is None and (key, cell) not in self.fetched:
            self.asked[key, cell] = None
        return block

    def fetch(self) -> bool:
        """Read one square that was asked for, in the background; whether there was one."""
        try:
            key, cell = self.asked.popitem()[0]
        except KeyError:
            return False
        self.fetched.add((key, cell))
        if self.cache.get(self._name(key, cell)) is None:
            self._load(key, cell)
        return True

    def _assemble(self, key: Key, rows: Span, columns: Span, until: float) -> tuple[Array, bool]:
        out = empty_plane(self.layout, self.shape, rows, columns, self.dtype)
        whole = True
        for cell in self.grid.cells((rows, columns)):
            block = self.there(key, cell)
            if block is None and time.perf_counter() + self._seconds < until:
                self.asked.pop((key, cell), None)
                block = self._load(key, cell)
            if block is None:
                whole = False
                block = self.fill
            paste(self.layout, out, (rows, columns), block, self.grid.box(cell))
        return out, whole

    def _load(self, key: Key, cell: Cell) -> Array:
        since = time.perf_counter()
        rows, columns = self.grid.box(cell)
        index = plane_index(self.layout, key, slice(*rows), slice(*columns))
        # A copy, since a view would keep all that was read for it.
        block = np.array(self.data[index])
        self._seconds = time.perf_counter() - since
        self.cache.put(self._name(key, cell), block)
        return block

    def _name(self, key: Key, cell: Cell) -> Hashable:
        return id(self), key, cell

    def _grid(self) -> Grid:
        chunks = getattr(self.data, "chunks", None) or ()
        axes = (self.layout.y, self.layout.x)
        sides = [BLOCK, BLOCK]
        if len(chunks) == len(self.shape):
            given = [chunks[axis] for axis in axes]
            sides = [min(max(c) if isinstance(c, tuple) else int(c), LARGEST_BLOCK) for c in given]
        return even_grid((self.shape[axes[0]], self.shape[axes[1]]), (sides[0], sides[1]))


def empty_plane(
    layout: Layout, shape: tuple[int, ...], rows: Span, columns: Span, dtype: np.dtype[Any]
) -> Array:
    """Return an empty array for a part of a plane."""
    lengths = {layout.y: rows[1] - rows[0], layout.x: columns[1] - columns[0]}
    return np.empty([lengths.get(axis, shape[axis]) for axis in kept_axes(layout)], dtype)


def within(layout: Layout, rows: slice, columns: slice) -> tuple[slice, ...]:
    """Return the index of rows and columns in a plane with its kept axes."""
    where = {layout.y: rows, layout.x: columns}
    return tuple(where.get(axis, slice(None)) for axis in kept_axes(layout))


def paste(
    layout: Layout, out: Array, box: tuple[Span, Span], block: Array, place: tuple[Span, Span]
) -> None:
    """Copy the part of a block that lies in a box.

    Parameters
    ----------
    layout
        Which axes are rows and columns.
    out, box
        The plane's part that is filled, and its rows and columns.
    block, place
        What is copied, and its rows and columns; a block of one value fills the place.
    """
    into: list[slice] = []
    of: list[slice] = []
    for (first, last), (start, stop) in zip(box, place, strict=True):
        low, high = max(first, start), min(last, stop)
        into.append(slice(low - first, high - first))
        of.append(slice(low - start, high - start))
    target = within(layout, into[0], into[1])
    out[target] = block if block.ndim == 0 else block[within(layout, of[0], of[1])]
