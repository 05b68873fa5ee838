"""What a live view computes beside the window, in which order, and when that stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.tiles import Tiles
from ...options import Options
from ..jobs.worker import load_torch, one_core_free
from ..jobs.worker_thread import WorkerThread
from .array import Key, kept_axes
from .compositor import Compositor
from .source import SourcePlanes
from .visible_tiles import Cell

if TYPE_CHECKING:
    from ...engine.plan import Plan
    from ...engine.runner import Runner


class LiveWorker(WorkerThread):
    """Computes the tiles that are wanted, one after the other.

    Parameters
    ----------
    compositor
        Takes the tiles.
    sources
        The levels of the source, of which lazy ones are read here.
    data
        The finest of them.
    plan
        How the source goes through the model, but for its intensities.
    options
        From which the intensities follow.
    arrived, failed, noted
        Called in the thread: after something came that is worth to be drawn, when the work cannot
        go on, and with a sentence that a person should know.
    """

    def __init__(
        self,
        compositor: Compositor,
        sources: Sequence[SourcePlanes],
        data: Any,
        plan: Plan,
        options: Options,
        *,
        arrived: Callable[[], None],
        failed: Callable[[Exception], None],
        noted: Callable[[str], None],
    ) -> None:
        super().__init__(arrived, failed)
        self.compositor, self.sources, self.data = compositor, sources, data
        self.sketch, self.options = plan, options
        self.plan: Plan | None = None
        """with the intensities of the whole layer; None until they were looked at"""
        self.computed = 0
        """tiles so far"""
        self._noted = noted
        self._runner: Runner | None = None
        self._wanted: dict[tuple[Key, Cell], None] = {}

    def want(self, key: Key, cells: Sequence[Cell]) -> None:
        """Compute these tiles, the first one first, and no others."""
        with self._lock:
            self.compositor.hold(key, cells)
            self._wanted = {(key, c): None for c in cells if not self.compositor.has(key, c)}
            self._start()

    def restart(self, plan: Plan, options: Options, stamp: int) -> None:
        """Go on with another model or other options."""
        with self._lock:
            self.sketch, self.options, self.plan, self._runner = plan, options, None, None
            self.compositor.stamp = stamp
            self._wanted.clear()

    def stop(self) -> None:
        """Stop within a part of a tile, for good."""
        super().stop()
        with self._lock:
            self._wanted.clear()

    # -- in the thread ----------------------------------------------------------------------------

    def _work(self) -> None:
        self._prepare()
        if self._wanted:
            load_torch()
            with one_core_free():
                while (task := self._next()) is not None:
                    self._compute(*task)

    def _next(self) -> tuple[Key, Cell, int] | None:
        self._prepare()
        with self._lock:
            for key, cell in self._wanted:
                return key, cell, self.compositor.stamp
        return None

    def _prepare(self) -> None:
        """Read and interpolate what the window did not wait for."""
        done = False
        while not self.stopped:
            if not (any(s.fetch() for s in self.sources) or self.compositor.refine()):
                break
            done = True
        if done and not self.stopped:
            self._tell()

    def _asked(self) -> bool:
        asked = any(source.asked for source in self.sources)
        return bool(self._wanted or self.compositor.rough or asked)

    def _current(self, key: Key, cell: Cell, stamp: int) -> bool:
        return (key, cell) in self._wanted and stamp == self.compositor.stamp and not self.stopped

    def _compute(self, key: Key, cell: Cell, stamp: int) -> None:
        from ...engine.run import Run
        from ...upscale import plan_for

        plan = self.plan
        if plan is None:
            sketch = self.sketch
            mask = sketch.missing.mask
            plan = plan_for(self.data, sketch.model, self.options, missing=mask)
            with self._lock:
                if self.sketch is not sketch:
                    return
                self.plan = plan
        run = Run(part_of(plan, key, cell), self.data, self._runner)
        out = np.empty(run.plan.shape, run.plan.dtype)
        steps = run.into(out)
        for step in steps:
            if step.note:
                self._noted(step.note)
            self._prepare()
            if not self._current(key, cell, stamp):
                # It has left the view, or another model is to do it.
                steps.close()
                return
        kept = kept_axes(plan.layout)
        shape = [n for axis, n in enumerate(run.plan.shape) if axis in kept]
        with self._lock:
            if stamp != self.compositor.stamp:
                return
            self.compositor.put(key, cell, out.reshape(shape), stamp)
            self._wanted.pop((key, cell), None)
            # Less memory or another device is handed on.
            self._runner = run.runner
            self.plan = replace(plan, compute=run.plan.compute)
        self.computed += 1
        self._tell()


def part_of(plan: Plan, key: Key, cell: Cell) -> Plan:
    """Return the plan of one tile of one plane: the very tile of the plan for the whole."""
    layout, kept = plan.layout, kept_axes(plan.layout)
    row, column = cell
    tiles = Tiles((plan.tiles.rows[row],), (plan.tiles.columns[column],))
    tile = tiles[0]
    entries = iter(key)
    spans = [
        {layout.y: tile.core_y, layout.x: tile.core_x}.get(axis, (0, n))
        if axis in kept
        else ((at := next(entries)), at + 1)
        for axis, n in enumerate(layout.shape)
    ]
    return replace(plan, spans=tuple(spans), tiles=tiles, batch=1)
