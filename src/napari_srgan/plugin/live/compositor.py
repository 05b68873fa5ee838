"""Compose the finer levels of a live layer: super-resolved tiles, else the interpolated source."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from ...engine.axes import Layout
from ...engine.tiles import Span
from .array import Array, Cache, Key, LazyPlanes, plane_axes
from .source import TIME_BUDGET, SourcePlanes, empty_plane, paste
from .visible_tiles import Box, Cell, Grid

BUDGET_PERIOD = 0.05
"""seconds within which all reads of the GUI thread share one `TIME_BUDGET`"""
LARGE_PLANE = 2048
"""side in pixels above which coarser levels of an array in memory are added, to draw faster"""


@dataclass(frozen=True)
class VisibleRegion:
    """Region of the finer levels that napari read last."""

    downsampling: int
    """downsampling factor of the level relative to the result"""
    key: Key
    """plane"""
    box: Box
    """rows and columns in pixels of the source"""


class Compositor:
    """The levels of a live layer that are finer than its source.

    Parameters
    ----------
    source
        The finest level of the source.
    scale
        Upscaling factor.
    grid
        The tiles, in pixels of the source.
    cache
        Cache of interpolated cells.
    tiles
        Cache of super-resolved tiles. It is separate, so that interpolated cells, which are cheap,
        do not evict tiles, which are expensive.

    Attributes
    ----------
    downsamplings
        Downsampling factor of each level relative to the result, ascending.
    visible_region
        The region that napari read last, None before the first read.
    version
        Version of model and options. Tiles of older versions are displayed until replaced.
    unrefined
        Cells that were displayed by pixel repetition, for lack of time, as an ordered set.
    refined
        Cells that were interpolated in the current view; not repeated if the cache is too small.

    Notes
    -----
    napari aligns the outer edges of the levels here: pixel ``i`` of a level that is ``f`` times
    coarser covers pixels ``f·i … f·i + f − 1`` of the finest level. Pixel ``i`` of the source
    covers the same pixels of the result, so the source is used as a coarser level without
    resampling. The levels between are means of blocks of the result.
    """

    def __init__(
        self, source: SourcePlanes, scale: int, grid: Grid, cache: Cache, tiles: Cache
    ) -> None:
        self.source, self.scale, self.grid = source, scale, grid
        self.cache, self.tiles = cache, tiles
        self.layout: Layout = source.layout
        self.downsamplings = level_downsamplings(scale)
        self.visible_region: VisibleRegion | None = None
        self._budget_start = -inf
        self.version = 0
        self.unrefined: dict[tuple[Key, Cell, int], None] = {}
        self.refined: set[tuple[Key, Cell, int]] = set()

    def levels(self, owner: Any) -> list[LazyPlanes]:
        """Return the levels that are finer than the source, finest first."""
        layout, levels = self.layout, []
        for downsampling in self.downsamplings:
            n = self.scale // downsampling
            shape = [
                size * n if axis in (layout.y, layout.x) else size
                for axis, size in enumerate(self.source.shape)
            ]
            levels.append(
                LazyPlanes(
                    shape, self.source.dtype, layout, _RegionReader(self, downsampling), owner
                )
            )
        return levels

    def read(self, downsampling: int, key: Key, rows: Span, columns: Span) -> Array:
        """Return a region of a plane without waiting for tiles that are not computed."""
        n = self.scale // downsampling
        box = (_divide_span(rows, n), _divide_span(columns, n))
        self.visible_region = VisibleRegion(downsampling, key, box)
        shape = tuple(self.source.shape)
        out = empty_plane(self.layout, shape, rows, columns, self.source.dtype)
        deadline = self._deadline()
        for cell in self.grid.cells(box):
            block = self.tiles.get((key, cell, downsampling))
            if block is None:
                block = self.cache.get(("smooth", key, cell, downsampling))
            if block is None:
                block = self._interpolate_or_repeat(key, cell, downsampling, deadline)
            y, x = self.grid.box(cell)
            paste(
                self.layout,
                out,
                (rows, columns),
                block,
                (_multiply_span(y, n), _multiply_span(x, n)),
            )
        return out

    def _deadline(self) -> float:
        """Return the time until which the GUI thread may interpolate, shared by several reads."""
        now = time.perf_counter()
        if now > self._budget_start + BUDGET_PERIOD:
            self._budget_start = now
        return self._budget_start + TIME_BUDGET

    def _interpolate_or_repeat(
        self, key: Key, cell: Cell, downsampling: int, deadline: float
    ) -> Array:
        if time.perf_counter() < deadline:
            block = self.interpolate(key, cell, downsampling, deadline=deadline)
            if block is not None:
                return block
        if (key, cell, downsampling) not in self.refined:
            self.unrefined[key, cell, downsampling] = None
        rows, columns = self.grid.box(cell)
        values = self.source.read(key, rows, columns, deadline=deadline)
        if values is None:
            return self.source.fill
        n, (y, x) = self.scale // downsampling, self._yx
        return values.repeat(n, y).repeat(n, x)

    def interpolate(
        self, key: Key, cell: Cell, downsampling: int, *, deadline: float = inf
    ) -> Array | None:
        """Interpolate the source linearly in a cell and cache it; None if it is not loaded."""
        spans = self.grid.box(cell)
        shape = self.grid.shape
        wider = [(max(0, a - 1), min(n, b + 1)) for (a, b), n in zip(spans, shape, strict=True)]
        values = self.source.read(key, wider[0], wider[1], deadline=deadline)
        if values is None:
            return None
        pad = [(0, 0)] * values.ndim
        for axis, (a, b), (c, d) in zip(self._yx, spans, wider, strict=True):
            pad[axis] = (1 - (a - c), 1 - (d - b))
        block = upsample_linear(np.pad(values, pad, "edge"), self.scale // downsampling, self._yx)
        self.cache.put(("smooth", key, cell, downsampling), block)
        return block

    def refine(self) -> bool:
        """Interpolate one of the unrefined cells; return whether there was one."""
        try:
            key, cell, downsampling = self.unrefined.popitem()[0]
        except KeyError:
            return False
        self.refined.add((key, cell, downsampling))
        if self.tiles.get((key, cell, downsampling)) is None:
            self.interpolate(key, cell, downsampling)
        return True

    def put(self, key: Key, cell: Cell, block: Array, version: int) -> None:
        """Cache a super-resolved tile for all levels."""
        for downsampling in self.downsamplings:
            downsampled = block if downsampling == 1 else block_mean(block, downsampling, self._yx)
            self.tiles.put((key, cell, downsampling), downsampled, version)
            self.cache.drop(("smooth", key, cell, downsampling))

    def discard_requests(self, box: Box | None = None) -> None:
        """Discard unrefined cells of other planes and outside of a box; None discards all."""
        near = set() if box is None else set(self.grid.cells(box))
        key = None if self.visible_region is None else self.visible_region.key
        for task in list(self.unrefined):
            if task[0] != key or task[1] not in near:
                self.unrefined.pop(task, None)

    def is_current(self, key: Key, cell: Cell) -> bool:
        """Whether a tile of the current version is cached."""
        return all(
            self.tiles.version((key, cell, downsampling)) == self.version
            for downsampling in self.downsamplings
        )

    def pin(self, key: Key, cells: Sequence[Cell]) -> None:
        """Evict these tiles only if no others are left."""
        self.tiles.pinned = frozenset(
            (key, c, downsampling) for c in cells for downsampling in self.downsamplings
        )

    def max_tiles(self) -> int:
        """Return the number of tiles that fit into the cache."""
        axes = set(plane_axes(self.layout)) - {self.layout.y, self.layout.x}
        channels = int(np.prod([self.source.shape[axis] for axis in axes], dtype=np.int64))
        values = self.grid.max_cell_pixels * self.scale**2 * channels
        tile = values * self.source.dtype.itemsize * sum(1 / s**2 for s in self.downsamplings)
        return max(1, int(self.tiles.limit / tile))

    @property
    def _yx(self) -> tuple[int, int]:
        kept = plane_axes(self.layout)
        return kept.index(self.layout.y), kept.index(self.layout.x)


@dataclass(frozen=True)
class _RegionReader:
    compositor: Compositor
    downsampling: int

    def __call__(self, key: Key, rows: Span, columns: Span) -> Array:
        return self.compositor.read(self.downsampling, key, rows, columns)


def coarser_levels(data: Array, layout: Layout, owner: Any) -> list[LazyPlanes]:
    """Return coarser levels of an array in memory, each half the size, until one is small.

    A pixel of a level is the central one of the source pixels that it covers.
    """
    levels = []
    shape = layout.plane
    while max(shape) > LARGE_PLANE:
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
        kept = plane_axes(self.layout)
        entries = iter(key)
        plane = self.data[
            tuple(slice(None) if a in kept else next(entries) for a in range(self.data.ndim))
        ]
        for axis, at in zip((self.layout.y, self.layout.x), places, strict=True):
            plane = plane.take(at, kept.index(axis))
        return plane


def level_downsamplings(scale: int) -> tuple[int, ...]:
    """Return the downsampling factors of the levels: powers of two that divide ``scale``."""
    downsamplings = [1]
    while scale % (2 * downsamplings[-1]) == 0 and 2 * downsamplings[-1] < scale:
        downsamplings.append(2 * downsamplings[-1])
    return tuple(downsamplings)


def upsample_linear(values: Array, n: int, axes: tuple[int, int]) -> Array:
    """Upsample by ``n`` with linear interpolation; the axes must be padded by one pixel."""
    fine = values.astype(_float_dtype(values.dtype))
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
    return _cast(fine, values.dtype)


def block_mean(values: Array, n: int, axes: tuple[int, int]) -> Array:
    """Return the means of blocks of ``n × n`` pixels."""
    coarse = values.astype(_float_dtype(values.dtype))
    for axis in axes:
        moved = np.moveaxis(coarse, axis, 0)
        with np.errstate(invalid="ignore"):
            mean = moved.reshape(-1, n, *moved.shape[1:]).mean(1)
        coarse = np.moveaxis(mean, 0, axis)
    return _cast(coarse, values.dtype)


def _cast(values: Array, dtype: np.dtype[Any]) -> Array:
    """Cast to a dtype; integers are rounded and clipped."""
    if dtype.kind not in "iu":
        return values.astype(dtype)
    info = np.iinfo(dtype)
    top = float(info.max)
    if dtype.itemsize == 8:  # float64 cannot represent the largest 64-bit integers
        top = float(np.nextafter(top, 0))
    return np.clip(np.rint(values), info.min, top).astype(dtype)


def _float_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the float dtype for computing with values of a dtype."""
    return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)


def _divide_span(span: Span, n: int) -> Span:
    return span[0] // n, -(-span[1] // n)


def _multiply_span(span: Span, n: int) -> Span:
    return span[0] * n, span[1] * n
