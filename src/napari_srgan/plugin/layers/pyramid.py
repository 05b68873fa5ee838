"""Coarser levels of a large image on disk that has none, sampled beside the window.

napari would read all of such an image to show it. Here it shows what is there at once, and the rest
as it is read, the coarsest first.
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
from ..live.array import (
    Array,
    Cache,
    Key,
    LazyPlanes,
    kept_axes,
)
from ..live.redraw import Redraw
from ..live.source import SourcePlanes, empty_plane, paste

if TYPE_CHECKING:
    from napari.layers import Image

LARGE = 2048
"""side of a plane from which on coarser levels are made"""
AT_ONCE = 4096
"""side of the square of the image that is read for one square of a level"""
CACHE = 256 << 20
"""bytes of samples that are kept"""


@dataclass(frozen=True)
class Sampled:
    """Every ``step``-th pixel of an array along Y and X, the middle one of those it stands for."""

    data: Any
    layout: Layout
    step: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis."""
        return tuple(
            n // self.step if axis in (self.layout.y, self.layout.x) else n
            for axis, n in enumerate(self.data.shape)
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        dtype: np.dtype[Any] = self.data.dtype
        return dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """What is read at once."""
        return (max(16, AT_ONCE // self.step),) * len(self.shape)

    def __getitem__(self, index: tuple[int | slice, ...]) -> Array:
        step = self.step
        full = tuple(
            slice(at.start * step + step // 2, at.stop * step, step)
            if isinstance(at, slice) and axis in (self.layout.y, self.layout.x)
            else at
            for axis, at in enumerate(index)
        )
        # In this thread alone, as the window needs the other cores.
        return np.asarray(self.data[full].compute(scheduler="synchronous"))


class Overview(WorkerThread):
    """The coarser levels of an image, and the thread that reads them.

    Parameters
    ----------
    data
        The coarsest level that there is, a dask array.
    axes
        A letter for each of its dimensions.
    fill
        The value of what is not read yet.
    """

    def __init__(self, data: Any, axes: str, fill: float) -> None:
        self.layers: WeakSet[Image] = WeakSet()
        self.redraw = Redraw(self._draw, self._fail)
        bell = self.redraw.bell
        super().__init__(bell.arrived.emit, bell.failed.emit)
        self.layout = Layout(axes, data.shape, None, 1)
        cache, step = Cache(CACHE), 1
        self.sources: list[SourcePlanes] = []
        while max(self.layout.plane) // step > LARGE and min(self.layout.plane) // step > 1:
            step *= 2
            sampled = Sampled(data, self.layout, step)
            self.sources.append(SourcePlanes(sampled, self.layout, cache, fill))

    def levels(self) -> list[LazyPlanes]:
        """Return the levels, the finest first."""
        return [
            LazyPlanes(s.shape, s.dtype, self.layout, partial(self._show, number), self)
            for number, s in enumerate(self.sources)
        ]

    def _show(self, number: int, key: Key, rows: Span, columns: Span) -> Array:
        """Return a part of a plane at once, from coarser levels where it is not read yet."""
        out = self._there(number, key, rows, columns)
        with self._lock:
            self._start()
        return out

    def _there(self, number: int, key: Key, rows: Span, columns: Span) -> Array:
        source = self.sources[number]
        cells = source.grid.cells((rows, columns))
        found = {cell: source.there(key, cell) for cell in cells}
        if number + 1 < len(self.sources) and any(block is None for block in found.values()):
            coarser = self.sources[number + 1].grid.shape
            (y, height), (x, width) = (
                (min(a // 2, n - 1), min(-(-b // 2), n))
                for (a, b), n in zip((rows, columns), coarser, strict=True)
            )
            out = self._enlarged(number + 1, key, (y, height), (x, width), rows, columns)
        else:
            out = empty_plane(self.layout, source.shape, rows, columns, source.dtype)
            out[...] = source.fill
        for cell, block in found.items():
            if block is not None:
                paste(self.layout, out, (rows, columns), block, source.grid.box(cell))
        return out

    def _enlarged(
        self, number: int, key: Key, near_y: Span, near_x: Span, rows: Span, columns: Span
    ) -> Array:
        """Return rows and columns of a level, repeated from the next coarser one."""
        out = self._there(number, key, near_y, near_x)
        kept = kept_axes(self.layout)
        for axis, near, wanted in (
            (self.layout.y, near_y, rows),
            (self.layout.x, near_x, columns),
        ):
            at = np.clip(np.arange(*wanted) // 2, near[0], near[1] - 1) - near[0]
            out = out.take(at, kept.index(axis))
        return out

    # -- in the thread ----------------------------------------------------------------------------

    def _asked(self) -> bool:
        return any(source.asked for source in self.sources)

    def _work(self) -> None:
        while not self.stopped and any(source.fetch() for source in reversed(self.sources)):
            self._tell()

    # -- in that of the window --------------------------------------------------------------------

    def _draw(self) -> None:
        for source in self.sources:
            source.fetched.clear()
        for layer in list(self.layers):
            # napari from 0.9 on reads the coarsest level but once.
            getattr(layer, "_reset_thumbnail_level_data", lambda: None)()
            if layer.visible:
                layer.refresh(thumbnail=not self.running, highlight=False, extent=False)

    def _fail(self, error: Exception) -> None:
        from napari.utils.notifications import show_error

        from ..jobs.queue import sentence

        show_error(sentence(error))


def with_overview(levels: list[Any], axes: str, fill: float) -> list[Any]:
    """Return the levels of an image with coarser ones, where the last of them is large."""
    coarsest = levels[-1]
    sides = [n for letter, n in zip(axes, coarsest.shape, strict=True) if letter in "YX"]
    if isinstance(coarsest, np.ndarray) or max(sides) <= LARGE:
        return levels
    return [*levels, *Overview(coarsest, axes, fill).levels()]


def overview_of(layer: Any) -> Overview | None:
    """Return what reads the coarser levels of a layer; None where they are all its own."""
    multiscale = getattr(layer, "multiscale", False)
    owner = getattr(layer.data[-1], "owner", None) if multiscale else None
    return owner if isinstance(owner, Overview) else None


def far_levels(layer: Image) -> tuple[list[Any], list[Any]]:
    """Return the levels of a layer's own, and those that are sampled beside the window."""
    levels = list(layer.data) if layer.multiscale else [layer.data]
    overview = overview_of(layer)
    own = len(levels) - (0 if overview is None else len(overview.sources))
    return levels[:own], levels[own:]


def follow(layer: Image) -> None:
    """Have a layer drawn again when more of its coarser levels is there."""
    overview = overview_of(layer)
    if overview is not None:
        overview.layers.add(layer)


def forget(layer: Any) -> None:
    """Read no more for a layer that is gone."""
    overview = overview_of(layer)
    if overview is None:
        return
    overview.layers.discard(layer)
    if not overview.layers:
        for source in overview.sources:
            source.asked.clear()
