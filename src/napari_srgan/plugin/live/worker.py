"""Compute the requested tiles of a live view in a background thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.tiles import Tiles
from ...options import Options
from ..jobs.worker import load_torch, one_core_free
from ..jobs.worker_thread import WorkerThread
from .array import Key, plane_axes
from .compositor import Compositor
from .source import SourcePlanes
from .visible_tiles import Cell

if TYPE_CHECKING:
    from ...engine.plan import Plan
    from ...engine.runner import Runner


class LiveWorker(WorkerThread):
    """Computes the requested tiles in the given order.

    Parameters
    ----------
    compositor
        Receives the tiles.
    sources
        Levels of the source, whose requested blocks are loaded.
    data
        The finest level.
    plan
        Plan of the run without the intensity map of the whole layer.
    options
        Options of the run, which determine the intensity map.
    on_update, on_error
        As in `WorkerThread`.
    on_note
        Called in the thread with a text for the user.

    Attributes
    ----------
    plan
        Plan with the intensity map of the whole layer; None until it is computed.
    computed
        Number of tiles computed.
    """

    def __init__(
        self,
        compositor: Compositor,
        sources: Sequence[SourcePlanes],
        data: Any,
        plan: Plan,
        options: Options,
        *,
        on_update: Callable[[], None],
        on_error: Callable[[Exception], None],
        on_note: Callable[[str], None],
    ) -> None:
        super().__init__(on_update, on_error)
        self.compositor, self.sources, self.data = compositor, sources, data
        self.initial_plan, self.options = plan, options
        self.plan: Plan | None = None
        self.computed = 0
        self._on_note = on_note
        self._runner: Runner | None = None
        self._requested: dict[tuple[Key, Cell], None] = {}

    def request(self, key: Key, cells: Sequence[Cell]) -> None:
        """Replace the requested tiles; they are computed in this order."""
        with self._lock:
            self.compositor.pin(key, cells)
            self._requested = {
                (key, c): None for c in cells if not self.compositor.is_current(key, c)
            }
            self._start()

    def restart(self, plan: Plan, options: Options, version: int) -> None:
        """Continue with another model or other options."""
        with self._lock:
            self.initial_plan, self.options, self.plan, self._runner = plan, options, None, None
            self.compositor.version = version
            self._requested.clear()

    def stop(self) -> None:
        """Stop between two parts of a tile and do not start again."""
        super().stop()
        with self._lock:
            self._requested.clear()

    # -- in the thread ----------------------------------------------------------------------------

    def _work(self) -> None:
        self._load_and_refine()
        if self._requested:
            load_torch()
            with one_core_free():
                while (task := self._next_task()) is not None:
                    self._compute_tile(*task)

    def _next_task(self) -> tuple[Key, Cell, int] | None:
        self._load_and_refine()
        with self._lock:
            for key, cell in self._requested:
                return key, cell, self.compositor.version
        return None

    def _load_and_refine(self) -> None:
        """Load requested blocks and interpolate unrefined cells."""
        done = False
        while not self.stopped:
            if not (any(s.fetch() for s in self.sources) or self.compositor.refine()):
                break
            done = True
        if done and not self.stopped:
            self._notify()

    def _has_work(self) -> bool:
        requested = any(source.requested for source in self.sources)
        return bool(self._requested or self.compositor.unrefined or requested)

    def _is_current(self, key: Key, cell: Cell, version: int) -> bool:
        return (
            (key, cell) in self._requested
            and version == self.compositor.version
            and not self.stopped
        )

    def _compute_tile(self, key: Key, cell: Cell, version: int) -> None:
        from ...engine.run import Run
        from ...upscale import plan_for

        plan = self.plan
        if plan is None:
            initial_plan = self.initial_plan
            mask = initial_plan.missing.mask
            plan = plan_for(self.data, initial_plan.model, self.options, missing=mask)
            with self._lock:
                if self.initial_plan is not initial_plan:
                    return
                self.plan = plan
        run = Run(tile_plan(plan, key, cell), self.data, self._runner)
        out = np.empty(run.plan.shape, run.plan.dtype)
        steps = run.into(out)
        for step in steps:
            if step.note:
                self._on_note(step.note)
            self._load_and_refine()
            if not self._is_current(key, cell, version):
                # The tile is no longer requested, or model or options have changed.
                steps.close()
                return
        kept = plane_axes(plan.layout)
        shape = [n for axis, n in enumerate(run.plan.shape) if axis in kept]
        with self._lock:
            if version != self.compositor.version:
                return
            self.compositor.put(key, cell, out.reshape(shape), version)
            self._requested.pop((key, cell), None)
            # Keep a smaller batch or another device chosen after an out-of-memory error.
            self._runner = run.runner
            self.plan = replace(plan, compute=run.plan.compute)
        self.computed += 1
        self._notify()


def tile_plan(plan: Plan, key: Key, cell: Cell) -> Plan:
    """Return the plan of a single tile of one plane, with the tile geometry of ``plan``."""
    layout, kept = plan.layout, plane_axes(plan.layout)
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
