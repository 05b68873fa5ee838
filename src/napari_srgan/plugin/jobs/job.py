"""One super-resolution run in the background: request, state, progress and cancel."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal

from ...options import Options
from ..layers.result import layer_arguments, layer_state
from ..layers.result_names import Recipe, recipe_of
from ..layers.source import layer_source, level_0, missing_of
from ..layers.super_resolve import steps
from .worker import load_torch, one_core_free

if TYPE_CHECKING:
    from napari.layers import Image

    from ...engine.progress import Progress
    from ...engine.run import Run
    from ...engine.tiles import Span

State = Literal["waiting", "running", "cancelling", "done", "cancelled", "failed"]
PREVIEW_SUFFIX = " preview"
"""suffix of the layer name of a preview"""


@dataclass(frozen=True)
class JobRequest:
    """Layer, model and options of a run, as they were when the user started it."""

    layer: Image
    model: Any = "auto"
    """name, path or loaded model"""
    options: Options = field(default_factory=Options)
    spans: list[Span] | None = None
    """part of the layer, None for all of it"""
    preview: bool = False
    """whether the result is a preview, removed when another result of the layer is added"""
    hide_source: bool = False
    """whether the layer is hidden when its result is added"""


class JobError(Exception):
    """An unexpected error stopped a run."""


class Job:
    """A run of one request in a worker thread.

    Parameters
    ----------
    request
        What to super-resolve. Data and transform of the layer are read now, so that later changes
        of the layer do not affect the run.

    Attributes
    ----------
    changed
        Emitted after every change of state or progress.
    remarks
        Phrases about how the image was treated, available after the run.
    state
        ``waiting``, ``running``, ``cancelling``, ``done``, ``cancelled`` or ``failed``.
    start_time
        Value of `time.perf_counter` when the current stage began.
    worker
        The napari worker that calls `run`.
    bar
        Progress bar in napari's activity dock.
    recipe
        How the result was made; None before the run has finished.

    Raises
    ------
    TypeError, ValueError
        If the layer cannot be super-resolved.
    """

    changed = Signal()

    def __init__(self, request: JobRequest) -> None:
        self.request = request
        # A part is chosen in the displayed plane, so Y and X must be the displayed axes.
        part = request.spans is not None
        self.data, self.options = layer_source(request.layer, request.options, shown=part)
        self.missing = missing_of(request.layer)
        self.source = layer_state(request.layer)
        self.remarks: list[str] = []
        self.state: State = "waiting"
        self.progress: Progress | None = None
        self.start_time = 0.0
        self.worker: Any = None
        self.bar: Any = None
        self.steps: Generator[Progress, None, tuple[Any, Run]] | None = None
        self.recipe: Recipe | None = None

    @property
    def name(self) -> str:
        """Name of the layer, marked if the job is a preview."""
        return f"{self.request.layer.name}{' (preview)' if self.request.preview else ''}"

    @property
    def active(self) -> bool:
        """Whether the job is waiting, running or cancelling."""
        return self.state in ("waiting", "running", "cancelling")

    @property
    def seconds_left(self) -> float | None:
        """Estimated remaining time in seconds, None while it is unknown."""
        if self.progress is None or self.progress.done <= 0.01:
            return None
        done = self.progress.done
        return (time.perf_counter() - self.start_time) * (1 - done) / done

    def update_progress(self, step: Progress) -> None:
        """Store progress. The remaining time is extrapolated from the current stage only."""
        if self.progress is not None and self.progress.stage != step.stage:
            self.start_time = time.perf_counter()
        self.progress = step

    def set_state(self, state: State) -> None:
        """Set the state and emit ``changed``."""
        self.state = state
        self.changed.emit()

    def cancel(self) -> None:
        """Cancel: immediately while waiting, between two parts of a tile while running."""
        if self.state in ("waiting", "running"):
            waiting = self.state == "waiting"
            self.worker.quit()
            self.set_state("cancelling")
            if waiting:
                # A worker that was told to quit emits ``aborted`` only once it is started.
                self.worker.start()

    def run(self) -> Generator[Progress, None, Image]:
        """Super-resolve and return the result layer; called in the worker thread.

        Raises
        ------
        JobError
            If PyTorch raises a RuntimeError.
        """
        from napari.layers import Image

        load_torch()
        with one_core_free():
            self.start_time = time.perf_counter()
            request = self.request
            self.steps = steps(self.data, request.model, self.options, request.spans, self.missing)
            try:
                out, run = yield from self.steps
            except RuntimeError as error:
                # superqt's GeneratorWorker treats a RuntimeError as the end of the generator and
                # does not report it.
                raise JobError(str(error)) from error
        self.recipe = recipe_of(run.plan, self.request.model, self.request.options)
        self.remarks = run.remarks
        # The layer may have been moved during the run; a layer with new data is another image.
        state = layer_state(self.request.layer) if self.data_unchanged else self.source
        title = PREVIEW_SUFFIX if self.request.preview else ""
        return Image(out, **layer_arguments(state, run.plan, title, self.remarks))

    @property
    def data_unchanged(self) -> bool:
        """Whether the layer still has the data that the job was created with."""
        return level_0(self.request.layer) is self.data

    def close(self) -> None:
        """Release the resources of a run that was cancelled."""
        if self.steps is not None:
            self.steps.close()
        self.set_state("cancelled")
