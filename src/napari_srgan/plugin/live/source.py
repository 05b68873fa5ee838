"""Non-blocking reads of a source level, with blocks of lazy arrays loaded in the background."""

from __future__ import annotations

import time
from collections.abc import Hashable
from math import inf
from typing import Any

import numpy as np

from ...engine.axes import Layout
from ...engine.tiles import Span
from .array import Array, Cache, Key, LazyPlanes, plane_axes, plane_index
from .visible_tiles import Cell, Grid, even_grid

TIME_BUDGET = 0.008
"""seconds that a read of the GUI thread may spend on loading and interpolating"""
LARGEST_BLOCK = 1024
"""maximum block side in pixels for lazy arrays"""
DEFAULT_BLOCK = 256
"""block side in pixels for lazy arrays without chunks"""


class SourcePlanes:
    """One level of the source, read in blocks.

    Arrays in memory are indexed directly. Blocks of lazy arrays are cached; the GUI thread loads a
    block itself if the previous one took little time, and otherwise requests it.

    Parameters
    ----------
    data
        NumPy array, or a lazy array that supports indexing.
    layout
        Axes of the array.
    cache
        Cache of blocks.
    fill
        Value of pixels that are not loaded.

    Attributes
    ----------
    requested
        Blocks to load in the background, as an ordered set.
    fetched
        Blocks loaded in the current view; not loaded again if the cache is too small.
    grid
        The blocks.
    """

    def __init__(self, data: Any, layout: Layout, cache: Cache, fill: float) -> None:
        self.data, self.layout, self.cache = data, layout, cache
        self.dtype = np.dtype(data.dtype)
        self.in_memory = isinstance(data, np.ndarray)
        self.fill = np.asarray(fill).astype(self.dtype)
        self.requested: dict[tuple[Key, Cell], None] = {}
        self.fetched: set[tuple[Key, Cell]] = set()
        self.shape = tuple(data.shape)
        self.grid = self._grid()
        self._seconds = 0.0

    def read(self, key: Key, rows: Span, columns: Span, *, deadline: float = inf) -> Array | None:
        """Return a region of a plane, None if a block of it is not loaded.

        Parameters
        ----------
        key, rows, columns
            Plane and region.
        deadline
            Value of `time.perf_counter` until which missing blocks are loaded.
        """
        if self.in_memory:
            index = plane_index(self.layout, key, slice(*rows), slice(*columns))
            return np.asarray(self.data[index])
        out, complete = self._assemble(key, rows, columns, deadline)
        return out if complete else None

    def read_available(self, key: Key, rows: Span, columns: Span) -> Array:
        """Return a region of a plane within `TIME_BUDGET`; missing blocks have the fill value."""
        out, _ = self._assemble(key, rows, columns, time.perf_counter() + TIME_BUDGET)
        return out

    def lazy(self, owner: Any) -> Any:
        """Return the level as layer data for napari."""
        if self.in_memory:
            return self.data
        return LazyPlanes(self.shape, self.dtype, self.layout, self.read_available, owner)

    def get_or_request(self, key: Key, cell: Cell) -> Array | None:
        """Return a block if it is cached, else request it and return None."""
        block = self.cache.get(self._cache_key(key, cell))
        if block is None and (key, cell) not in self.fetched:
            self.requested[key, cell] = None
        return block

    def fetch(self) -> bool:
        """Load one of the requested blocks; return whether there was one."""
        try:
            key, cell = self.requested.popitem()[0]
        except KeyError:
            return False
        self.fetched.add((key, cell))
        if self.cache.get(self._cache_key(key, cell)) is None:
            self._load(key, cell)
        return True

    def _assemble(self, key: Key, rows: Span, columns: Span, deadline: float) -> tuple[Array, bool]:
        out = empty_plane(self.layout, self.shape, rows, columns, self.dtype)
        complete = True
        for cell in self.grid.cells((rows, columns)):
            block = self.get_or_request(key, cell)
            if block is None and time.perf_counter() + self._seconds < deadline:
                self.requested.pop((key, cell), None)
                block = self._load(key, cell)
            if block is None:
                complete = False
                block = self.fill
            paste(self.layout, out, (rows, columns), block, self.grid.box(cell))
        return out, complete

    def _load(self, key: Key, cell: Cell) -> Array:
        start_time = time.perf_counter()
        rows, columns = self.grid.box(cell)
        index = plane_index(self.layout, key, slice(*rows), slice(*columns))
        # A copy, since a view would keep the whole chunk in memory.
        block = np.array(self.data[index])
        self._seconds = time.perf_counter() - start_time
        self.cache.put(self._cache_key(key, cell), block)
        return block

    def _cache_key(self, key: Key, cell: Cell) -> Hashable:
        return id(self), key, cell

    def _grid(self) -> Grid:
        chunks = getattr(self.data, "chunks", None) or ()
        axes = (self.layout.y, self.layout.x)
        sides = [DEFAULT_BLOCK, DEFAULT_BLOCK]
        if len(chunks) == len(self.shape):
            given = [chunks[axis] for axis in axes]
            sides = [min(max(c) if isinstance(c, tuple) else int(c), LARGEST_BLOCK) for c in given]
        return even_grid((self.shape[axes[0]], self.shape[axes[1]]), (sides[0], sides[1]))


def empty_plane(
    layout: Layout, shape: tuple[int, ...], rows: Span, columns: Span, dtype: np.dtype[Any]
) -> Array:
    """Return an uninitialised array for a region of a plane."""
    lengths = {layout.y: rows[1] - rows[0], layout.x: columns[1] - columns[0]}
    return np.empty([lengths.get(axis, shape[axis]) for axis in plane_axes(layout)], dtype)


def plane_slices(layout: Layout, rows: slice, columns: slice) -> tuple[slice, ...]:
    """Return the index of rows and columns in an array of the plane axes."""
    where = {layout.y: rows, layout.x: columns}
    return tuple(where.get(axis, slice(None)) for axis in plane_axes(layout))


def paste(
    layout: Layout, out: Array, box: tuple[Span, Span], block: Array, place: tuple[Span, Span]
) -> None:
    """Copy the part of a block that lies in a region.

    Parameters
    ----------
    layout
        Axes of the array.
    out, box
        The region that is filled, and its rows and columns.
    block, place
        The block, and its rows and columns; a 0-dimensional array fills them with one value.
    """
    target_slices: list[slice] = []
    block_slices: list[slice] = []
    for (first, last), (start, stop) in zip(box, place, strict=True):
        low, high = max(first, start), min(last, stop)
        target_slices.append(slice(low - first, high - first))
        block_slices.append(slice(low - start, high - start))
    target = plane_slices(layout, target_slices[0], target_slices[1])
    out[target] = (
        block if block.ndim == 0 else block[plane_slices(layout, block_slices[0], block_slices[1])]
    )
