"""Coarser levels of a large lazy image without a pyramid, sampled in a background thread.

Without them napari would read the whole image to display it. Levels are displayed as far as they
are read; the coarsest one is read first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from ...engine.axes import Layout
from ...engine.tiles import Span
from ..jobs.worker_thread import WorkerThread
from ..redraw import Redraw
from .array import Array, Cache, Key, LazyPlanes, plane_axes
from .source import SourcePlanes, empty_plane, paste

if TYPE_CHECKING:
    from napari.layers import Image

LARGE = 2048
"""side of a plane in pixels above which coarser levels are added"""
READ_SIDE = 4096
"""side in image pixels of the square that is read at once"""
CACHE_BYTES = 256 << 20
"""size of the cache of samples in bytes"""


@dataclass(frozen=True)
class Sampled:
    """An array subsampled by ``step`` along Y and X; the central pixel of each block is taken."""

    data: Any
    """dask array"""
    layout: Layout
    """axes of the array"""
    step: int
    """subsampling factor"""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the subsampled array."""
        return tuple(
            n // self.step if axis in (self.layout.y, self.layout.x) else n
            for axis, n in enumerate(self.data.shape)
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the array."""
        dtype: np.dtype[Any] = self.data.dtype
        return dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """Block shape for reading."""
        return (max(16, READ_SIDE // self.step),) * len(self.shape)

    def __getitem__(self, index: tuple[int | slice, ...]) -> Array:
        step = self.step
        full = tuple(
            slice(at.start * step + step // 2, at.stop * step, step)
            if isinstance(at, slice) and axis in (self.layout.y, self.layout.x)
            else at
            for axis, at in enumerate(index)
        )
        # In this thread only; dask's thread pool would compete with the GUI thread.
        return np.asarray(self.data[full].compute(scheduler="synchronous"))


class Overview(WorkerThread):
    """Coarser levels of an image, and the thread that samples them.

    Parameters
    ----------
    data
        The coarsest existing level, a dask array.
    axes
        Axes of the array, one letter per dimension.
    fill
        Value of pixels that are not read.

    Attributes
    ----------
    layers
        The layers that display the levels.
    sources
        The levels, finest first.
    """

    def __init__(self, data: Any, axes: str, fill: float) -> None:
        self.layers: WeakSet[Image] = WeakSet()
        self.redraw = Redraw(self._draw, self._show_error)
        signals = self.redraw.signals
        super().__init__(signals.updated.emit, signals.failed.emit)
        self.layout = Layout(axes, data.shape, None, 1)
        cache, step = Cache(CACHE_BYTES), 1
        self.sources: list[SourcePlanes] = []
        while max(self.layout.plane) // step > LARGE and min(self.layout.plane) // step > 1:
            step *= 2
            sampled = Sampled(data, self.layout, step)
            self.sources.append(SourcePlanes(sampled, self.layout, cache, fill))

    def levels(self) -> list[LazyPlanes]:
        """Return the levels as layer data, finest first."""
        return [
            LazyPlanes(s.shape, s.dtype, self.layout, partial(self._read, number), self)
            for number, s in enumerate(self.sources)
        ]

    def _read(self, number: int, key: Key, rows: Span, columns: Span) -> Array:
        """Return a region of a plane; missing blocks are upsampled from coarser levels."""
        out = self._assemble(number, key, rows, columns)
        with self._lock:
            self._start()
        return out

    def _assemble(self, number: int, key: Key, rows: Span, columns: Span) -> Array:
        source = self.sources[number]
        cells = source.grid.cells((rows, columns))
        found = {cell: source.get_or_request(key, cell) for cell in cells}
        if number + 1 < len(self.sources) and any(block is None for block in found.values()):
            coarser = self.sources[number + 1].grid.shape
            (y, height), (x, width) = (
                (min(a // 2, n - 1), min(-(-b // 2), n))
                for (a, b), n in zip((rows, columns), coarser, strict=True)
            )
            out = self._upsample(number + 1, key, (y, height), (x, width), rows, columns)
        else:
            out = empty_plane(self.layout, source.shape, rows, columns, source.dtype)
            out[...] = source.fill
        for cell, block in found.items():
            if block is not None:
                paste(self.layout, out, (rows, columns), block, source.grid.box(cell))
        return out

    def _upsample(
        self, number: int, key: Key, near_y: Span, near_x: Span, rows: Span, columns: Span
    ) -> Array:
        """Return a region of the next finer level, by pixel repetition from level ``number``."""
        out = self._assemble(number, key, near_y, near_x)
        kept = plane_axes(self.layout)
        for axis, near, span in (
            (self.layout.y, near_y, rows),
            (self.layout.x, near_x, columns),
        ):
            at = np.clip(np.arange(*span) // 2, near[0], near[1] - 1) - near[0]
            out = out.take(at, kept.index(axis))
        return out

    # -- worker thread ----------------------------------------------------------------------------

    def _has_work(self) -> bool:
        return any(source.requested for source in self.sources)

    def _work(self) -> None:
        while not self.stopped and any(source.fetch() for source in reversed(self.sources)):
            self._notify()

    # -- GUI thread -------------------------------------------------------------------------------

    def _draw(self) -> None:
        for source in self.sources:
            source.fetched.clear()
        for layer in list(self.layers):
            # napari 0.9 and later caches the coarsest level for the thumbnail.
            getattr(layer, "_reset_thumbnail_level_data", lambda: None)()
            if layer.visible:
                layer.refresh(thumbnail=not self.running, highlight=False, extent=False)

    def _show_error(self, error: Exception) -> None:
        from napari.utils.notifications import show_error

        from ..errors import format_error

        show_error(format_error(error))


def with_overview(levels: list[Any], axes: str, fill: float) -> list[Any]:
    """Return the levels of an image, extended by coarser levels if the last one is large."""
    coarsest = levels[-1]
    sides = [n for letter, n in zip(axes, coarsest.shape, strict=True) if letter in "YX"]
    if isinstance(coarsest, np.ndarray) or max(sides) <= LARGE:
        return levels
    return [*levels, *Overview(coarsest, axes, fill).levels()]


def overview_of(layer: Any) -> Overview | None:
    """Return the `Overview` of a layer; None if it has none."""
    multiscale = getattr(layer, "multiscale", False)
    owner = getattr(layer.data[-1], "owner", None) if multiscale else None
    return owner if isinstance(owner, Overview) else None


def split_levels(layer: Image) -> tuple[list[Any], list[Any]]:
    """Return the original levels of a layer, and those of its `Overview`."""
    levels = list(layer.data) if layer.multiscale else [layer.data]
    overview = overview_of(layer)
    own = len(levels) - (0 if overview is None else len(overview.sources))
    return levels[:own], levels[own:]


def connect_overview(layer: Image) -> None:
    """Redraw a layer whenever blocks of its `Overview` have been read."""
    overview = overview_of(layer)
    if overview is not None:
        overview.layers.add(layer)


def disconnect_overview(layer: Any) -> None:
    """Stop redrawing a layer, and reading if no layer is left."""
    overview = overview_of(layer)
    if overview is None:
        return
    overview.layers.discard(layer)
    if not overview.layers:
        for source in overview.sources:
            source.requested.clear()
