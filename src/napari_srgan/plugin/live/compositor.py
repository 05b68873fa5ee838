"""What a live view shows: sharp tiles where they are there, the interpolated source elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
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
)
from .source import (
    PATIENCE,
    SourcePlanes,
    empty_plane,
    paste,
)
from .visible_tiles import Box, Cell, Grid

LOOK = 0.05
"""seconds for which the window's patience is meant"""
LARGE = 2048
"""side of a plane in memory from which on coarser levels are made of it, to be quick to draw"""


@dataclass(frozen=True)
class Shown:
    """What napari read last of the finer levels."""

    shrink: int
    key: Key
    box: Box
    """in pixels of the source"""


class Compositor:
    """The finer levels of a live layer, and the store of what was computed for them.

    Parameters
    ----------
    source
        The finest level of the source.
    scale
        How many times finer the result is.
    grid
        The tiles, in pixels of the source.
    cache
        Holds interpolated squares.
    tiles
        Holds what was computed. It is a store of its own, so that what can be had in a moment
        never drives out what took long.

    Notes
    -----
    napari lays the levels of a pyramid over each other by the outer edges of their pixels: pixel
    ``i`` of a level that is ``f`` times coarser covers the pixels ``f·i … f·i + f − 1`` of the
    finest one, which is just what the source's pixel ``i`` covers of the result. So the source
    itself is the coarser level; nothing is resampled for it. Between the two, the mean of
    ``shrink × shrink`` pixels of the result covers them, too.
    """

    def __init__(
        self, source: SourcePlanes, scale: int, grid: Grid, cache: Cache, tiles: Cache
    ) -> None:
        self.source, self.scale, self.grid = source, scale, grid
        self.cache, self.tiles = cache, tiles
        self.layout: Layout = source.layout
        self.shrinks = shrinks_of(scale)
        self.shown: Shown | None = None
        self._began = -inf
        self.stamp = 0
        """which model and options count; tiles with another stamp are shown until replaced"""
        self.rough: dict[tuple[Key, Cell, int], None] = {}
        """squares that were only repeated, for want of time to interpolate them"""
        self.refined: set[tuple[Key, Cell, int]] = set()
        """squares that were interpolated in this view: once, even where the store is too small"""

    def levels(self, owner: Any) -> list[LazyPlanes]:
        """Return the levels that are finer than the source, the finest first."""
        layout, levels = self.layout, []
        for shrink in self.shrinks:
            n = self.scale // shrink
            shape = [
                size * n if axis in (layout.y, layout.x) else size
                for axis, size in enumerate(self.source.shape)
            ]
            levels.append(
                LazyPlanes(shape, self.source.dtype, layout, _Reader(self, shrink), owner)
            )
        return levels

    def show(self, shrink: int, key: Key, rows: Span, columns: Span) -> Array:
        """Return a part of a plane at once, as sharp as it is by now."""
        n = self.scale // shrink
        box = (_coarser(rows, n), _coarser(columns, n))
        self.shown = Shown(shrink, key, box)
        shape = tuple(self.source.shape)
        out = empty_plane(self.layout, shape, rows, columns, self.source.dtype)
        until = self._patience()
        for cell in self.grid.cells(box):
            block = self.tiles.get((key, cell, shrink))
            if block is None:
                block = self.cache.get(("smooth", key, cell, shrink))
            if block is None:
                block = self._interpolated(key, cell, shrink, until)
            y, x = self.grid.box(cell)
            paste(self.layout, out, (rows, columns), block, (_finer(y, n), _finer(x, n)))
        return out

    def _patience(self) -> float:
        """Return until when the window may interpolate; looks in quick succession share that."""
        now = time.perf_counter()
        if now > self._began + LOOK:
            self._began = now
        return self._began + PATIENCE

    def _interpolated(self, key: Key, cell: Cell, shrink: int, until: float) -> Array:
        if time.perf_counter() < until:
            block = self.smooth(key, cell, shrink, until=until)
            if block is not None:
                return block
        if (key, cell, shrink) not in self.refined:
            self.rough[key, cell, shrink] = None
        rows, columns = self.grid.box(cell)
        values = self.source.read(key, rows, columns, until=until)
        if values is None:
            return self.source.fill
        n, (y, x) = self.scale // shrink, self._yx
        return values.repeat(n, y).repeat(n, x)

    def smooth(self, key: Key, cell: Cell, shrink: int, *, until: float = inf) -> Array | None:
        """Interpolate the source in a cell, and keep that; None where it is not read yet."""
        spans = self.grid.box(cell)
        shape = self.grid.shape
        wider = [(max(0, a - 1), min(n, b + 1)) for (a, b), n in zip(spans, shape, strict=True)]
        values = self.source.read(key, wider[0], wider[1], until=until)
        if values is None:
            return None
        pad = [(0, 0)] * values.ndim
        for axis, (a, b), (c, d) in zip(self._yx, spans, wider, strict=True):
            pad[axis] = (1 - (a - c), 1 - (d - b))
        block = enlarge(np.pad(values, pad, "edge"), self.scale // shrink, self._yx)
        self.cache.put(("smooth", key, cell, shrink), block)
        return block

    def refine(self) -> bool:
        """Interpolate one square that was only repeated, in the background; whether one was."""
        try:
            key, cell, shrink = self.rough.popitem()[0]
        except KeyError:
            return False
        self.refined.add((key, cell, shrink))
        if self.tiles.get((key, cell, shrink)) is None:
            self.smooth(key, cell, shrink)
        return True

    def put(self, key: Key, cell: Cell, block: Array, stamp: int) -> None:
        """Keep a tile that was computed."""
        for shrink in self.shrinks:
            smaller = block if shrink == 1 else reduce(block, shrink, self._yx)
            self.tiles.put((key, cell, shrink), smaller, stamp)
            self.cache.drop(("smooth", key, cell, shrink))

    def forget(self, box: Box | None = None) -> None:
        """Ask for no square outside of a box any more."""
        near = set() if box is None else set(self.grid.cells(box))
        key = None if self.shown is None else self.shown.key
        for task in list(self.rough):
            if task[0] != key or task[1] not in near:
                self.rough.pop(task, None)

    def has(self, key: Key, cell: Cell) -> bool:
        """Whether a tile is there, of the model and options that count."""
        return all(self.tiles.stamp((key, cell, shrink)) == self.stamp for shrink in self.shrinks)

    def hold(self, key: Key, cells: Sequence[Cell]) -> None:
        """Keep these tiles as long as others can make room."""
        self.tiles.held = frozenset((key, c, shrink) for c in cells for shrink in self.shrinks)

    def most_tiles(self) -> int:
        """Return how many tiles may be wanted at once, so that they do not drive each other out."""
        axes = set(kept_axes(self.layout)) - {self.layout.y, self.layout.x}
        channels = int(np.prod([self.source.shape[axis] for axis in axes], dtype=np.int64))
        values = self.grid.most_pixels * self.scale**2 * channels
        tile = values * self.source.dtype.itemsize * sum(1 / s**2 for s in self.shrinks)
        return max(1, int(self.tiles.limit / tile))

    @property
    def _yx(self) -> tuple[int, int]:
        kept = kept_axes(self.layout)
        return kept.index(self.layout.y), kept.index(self.layout.x)


@dataclass(frozen=True)
class _Reader:
    compositor: Compositor
    shrink: int

    def __call__(self, key: Key, rows: Span, columns: Span) -> Array:
        return self.compositor.show(self.shrink, key, rows, columns)


def coarser_levels(data: Array, layout: Layout, owner: Any) -> list[LazyPlanes]:
    """Return levels of a large array in memory, each half as fine, down to what is drawn at once.

    Their pixels are the source's that lie in the middle of what they cover.
    """
    levels = []
    shape = layout.plane
    while max(shape) > LARGE:
        shape = (max(1, shape[0] // 2), max(1, shape[1] // 2))
        whole = [
            {layout.y: shape[0], layout.x: shape[1]}.get(axis, n)
            for axis, n in enumerate(data.shape)
        ]
        levels.append(LazyPlanes(whole, data.dtype, layout, _Sampler(data, layout, shape), owner))
    return levels


@dataclass(frozen=True)
class _Sampler:
    data: Array
    layout: Layout
    shape: tuple[int, int]

    def __call__(self, key: Key, rows: Span, columns: Span) -> Array:
        places = [
            ((np.arange(*span) + 0.5) * n / m).astype(np.intp)
            for span, n, m in zip((rows, columns), self.layout.plane, self.shape, strict=True)
        ]
        kept = kept_axes(self.layout)
        entries = iter(key)
        plane = self.data[
            tuple(slice(None) if a in kept else next(entries) for a in range(self.data.ndim))
        ]
        for axis, at in zip((self.layout.y, self.layout.x), places, strict=True):
            plane = plane.take(at, kept.index(axis))
        return plane


def shrinks_of(scale: int) -> tuple[int, ...]:
    """Return how many times coarser than the result its levels are: powers of two that divide."""
    shrinks = [1]
    while scale % (2 * shrinks[-1]) == 0 and 2 * shrinks[-1] < scale:
        shrinks.append(2 * shrinks[-1])
    return tuple(shrinks)


def enlarge(values: Array, n: int, axes: tuple[int, int]) -> Array:
    """Interpolate linearly between pixels, ``n`` for one, along axes padded by one pixel."""
    fine = values.astype(_wide(values.dtype))
    for axis in axes:
        moved = np.moveaxis(fine, axis, 0)
        length = len(moved) - 2
        out = np.empty((length, n, *moved.shape[1:]), fine.dtype)
        with np.errstate(invalid="ignore"):  # infinities
            for phase in range(n):
                shift = (phase + 0.5) / n - 0.5
                first, share = (0, 1 + shift) if shift < 0 else (1, shift)
                low, high = moved[first : first + length], moved[first + 1 : first + 1 + length]
                out[:, phase] = low * fine.dtype.type(1 - share) + high * fine.dtype.type(share)
        fine = np.moveaxis(out.reshape(length * n, *moved.shape[1:]), 0, axis)
    return _narrow(fine, values.dtype)


def reduce(values: Array, n: int, axes: tuple[int, int]) -> Array:
    """Take the mean of each ``n × n`` pixels."""
    coarse = values.astype(_wide(values.dtype))
    for axis in axes:
        moved = np.moveaxis(coarse, axis, 0)
        with np.errstate(invalid="ignore"):
            mean = moved.reshape(-1, n, *moved.shape[1:]).mean(1)
        coarse = np.moveaxis(mean, 0, axis)
    return _narrow(coarse, values.dtype)


def _narrow(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return values in a layer's dtype; integers are rounded."""
    if dtype.kind not in "iu":
        return values.astype(dtype)
    info = np.iinfo(dtype)
    top = float(info.max)
    if dtype.itemsize == 8:  # float64 has no number for the largest value
        top = float(np.nextafter(top, 0))
    return np.clip(np.rint(values), info.min, top).astype(dtype)


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a float type that holds every value of a dtype, or nearly."""
    return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)


def _coarser(span: Span, n: int) -> Span:
    return span[0] // n, -(-span[1] // n)


def _finer(span: Span, n: int) -> Span:
    return span[0] * n, span[1] * n
