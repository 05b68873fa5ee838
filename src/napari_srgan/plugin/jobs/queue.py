"""Jobs: super-resolution in the background, one after the other, each with its own cancel."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary, ref

from psygnal import Signal

from ...options import Options
from ..layers.lineage import enter, place_above
from ..layers.result import layer_arguments, layer_state
from ..layers.result_names import Recipe, recipe_of
from ..layers.source import layer_source, level_0, missing_of
from ..layers.super_resolve import steps
from .worker import load_torch, one_core_free, wait_at_exit

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from ...engine.progress import Progress
    from ...engine.run import Run
    from ...engine.tiles import Span

State = Literal["waiting", "running", "cancelling", "done", "cancelled", "failed"]
EXPECTED = (ValueError, TypeError, OSError, MemoryError)
"""errors whose text tells a person what to mend"""
PREVIEW = " preview"
"""what the name of a preview ends with"""


@dataclass(frozen=True)
class Order:
    """What a person asked for; taken when they clicked, whatever they select afterwards."""

    layer: Image
    model: Any = "auto"
    """name, path or loaded model"""
    options: Options = field(default_factory=Options)
    spans: list[Span] | None = None
    preview: bool = False
    hide_source: bool = False


class JobError(Exception):
    """A run stopped for a reason that it could not know."""


class Job:
    """One order on its way.

    Attributes
    ----------
    changed
        Emitted after every change of state or progress.
    """

    changed = Signal()

    def __init__(self, order: Order) -> None:
        self.order = order
        # Both now, so that what happens to the layer meanwhile does not matter.
        # A part was chosen in the plane that is shown.
        part = order.spans is not None
        self.data, self.options = layer_source(order.layer, order.options, shown=part)
        self.missing = missing_of(order.layer)
        self.source = layer_state(order.layer)
        self.remarks: list[str] = []
        """phrases on what the image needed"""
        self.state: State = "waiting"
        self.progress: Progress | None = None
        self.since = 0.0
        self.worker: Any = None
        self.bar: Any = None
        self.steps: Generator[Progress, None, tuple[Any, Run]] | None = None
        self.recipe: Recipe | None = None
        """how the result was made, once it is there"""

    @property
    def name(self) -> str:
        """What the job is called."""
        return f"{self.order.layer.name}{' (preview)' if self.order.preview else ''}"

    @property
    def active(self) -> bool:
        """Whether the job is not over yet."""
        return self.state in ("waiting", "running", "cancelling")

    @property
    def seconds_left(self) -> float | None:
        """How long the job will go on, None where that is not known yet."""
        if self.progress is None or self.progress.done <= 0.01:
            return None
        done = self.progress.done
        return (time.perf_counter() - self.since) * (1 - done) / done

    def advance(self, step: Progress) -> None:
        """Take note of progress. What is left is told from the time since reading ended."""
        if self.progress is not None and self.progress.stage != step.stage:
            self.since = time.perf_counter()
        self.progress = step

    def set_state(self, state: State) -> None:
        """Change the state and say so."""
        self.state = state
        self.changed.emit()

    def cancel(self) -> None:
        """Stop: at once while waiting, within a tile while running."""
        if self.state in ("waiting", "running"):
            waiting = self.state == "waiting"
            self.worker.quit()
            self.set_state("cancelling")
            if waiting:
                # Does nothing but say that it was aborted.
                self.worker.start()

    def run(self) -> Generator[Progress, None, Image]:
        """Do the work and return the new layer, in the worker's thread."""
        from napari.layers import Image

        load_torch()
        with one_core_free():
            self.since = time.perf_counter()
            order = self.order
            self.steps = steps(self.data, order.model, self.options, order.spans, self.missing)
            try:
                out, run = yield from self.steps
            except RuntimeError as error:
                # A worker takes these for its own end and would say nothing.
                raise JobError(str(error)) from error
        self.recipe = recipe_of(run.plan, self.order.model, self.order.options)
        self.remarks = run.remarks
        # Where the layer is by now, if it still is what was computed from.
        state = layer_state(self.order.layer) if self.data_unchanged else self.source
        title = PREVIEW if self.order.preview else ""
        return Image(out, **layer_arguments(state, run.plan, title, self.remarks))

    @property
    def data_unchanged(self) -> bool:
        """Whether the layer still has the data that the job began with."""
        return level_0(self.order.layer) is self.data

    def close(self) -> None:
        """Let go of what a job held that was stopped on its way."""
        if self.steps is not None:
            self.steps.close()
        self.set_state("cancelled")


class JobQueue:
    """The jobs of one viewer.

    Attributes
    ----------
    changed
        Emitted after a job came, went or changed.
    said
        A sentence for the person, and whether something went wrong.
    """

    changed = Signal()
    said = Signal(str, bool)

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = ref(viewer)
        self.jobs: list[Job] = []
        self.previews: WeakKeyDictionary[Image, Image] = WeakKeyDictionary()
        self.finished = 0
        """jobs that came to an end since there was none"""

    @property
    def viewer(self) -> ViewerModel | None:
        """The viewer, as long as there is one."""
        return self._viewer()

    def add(self, order: Order) -> Job | None:
        """Queue an order; None where its layer cannot be super-resolved, which is said.

        A run of a layer, or a new preview, takes the place of a preview that is not ready yet.
        """
        from napari.qt.threading import create_worker
        from napari.utils import progress

        try:
            job = Job(order)
        except EXPECTED as error:
            self.say(sentence(error), wrong=True)
            return None
        for other in self.of(order.layer):
            if other.order.preview:
                other.cancel()
        wait_at_exit()
        job.worker = create_worker(job.run, _start_thread=False, _ignore_errors=True)
        job.worker.yielded.connect(lambda step: self._advance(job, step))
        job.worker.returned.connect(lambda result: self._finish(job, result))
        job.worker.errored.connect(lambda error: self._fail(job, error))
        job.worker.aborted.connect(job.close)
        job.worker.finished.connect(lambda: self._end(job))
        job.bar = progress(total=100, desc=f"Super-resolving {job.name}")
        job.changed.connect(lambda: self.changed.emit())
        self.jobs.append(job)
        self.changed.emit()
        self._next()
        return job

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Tell the person a sentence: in the widgets that listen, else as a notification."""
        from napari.utils.notifications import show_error, show_info

        if len(self.said):
            self.said.emit(text, wrong)
        else:
            (show_error if wrong else show_info)(text)

    @property
    def done(self) -> float:
        """How much of all jobs is done since there was none, 0 to 1."""
        parts = [0.0 if job.progress is None else job.progress.done for job in self.jobs]
        return (self.finished + sum(parts)) / max(1, self.finished + len(parts))

    def cancel_all(self) -> None:
        """Stop every job, those that wait first."""
        for job in reversed(self.jobs):
            job.cancel()

    def of(self, layer: Image | None) -> Iterator[Job]:
        """Yield the jobs of a layer that are not over."""
        yield from [j for j in self.jobs if j.active and j.order.layer is layer]

    def _next(self) -> None:
        if any(job.state in ("running", "cancelling") for job in self.jobs):
            return
        for job in self.jobs:
            if job.state == "waiting":
                # napari asks waiting jobs to quit, too, when its window closes.
                job.set_state("cancelling" if job.worker.abort_requested else "running")
                job.worker.start()
                return

    def _advance(self, job: Job, step: Progress) -> None:
        if step.note:
            self.say(f"“{job.name}”: {step.note}.")
        job.advance(step)
        if step.stage == "computing":
            job.bar.update(round(100 * step.done) - job.bar.n)
        job.changed.emit()

    def _finish(self, job: Job, result: Image) -> None:
        if self.viewer is None or job.state == "cancelling":
            # Stopped when the work was just over; what a person saw was a job that ran.
            return
        order, layers = job.order, self.viewer.layers
        there = order.layer in layers
        name = result.name
        assert job.recipe is not None
        enter(result, order.layer, job.recipe, layers)
        layers.insert(place_above(layers, order.layer) if there else len(layers), result)
        # Only now, so that napari does not select another layer in its place.
        self._drop_preview(order.layer)
        if order.preview:
            result.name = name  # which is free again
            self.previews[order.layer] = result
        elif order.hide_source:
            order.layer.visible = False
        if not there:
            self.say(
                f"“{job.name}” was removed while it was being computed; “{result.name}” is of the "
                "data that it had."
            )
        elif not job.data_unchanged:
            self.say(
                f"The data of “{job.name}” were replaced while it was being computed; "
                f"“{result.name}” is of the old data. Run it again for the new ones."
            )
        elif job.remarks:
            self.say(f"“{result.name}”: {', '.join(job.remarks)}.")
        job.set_state("done")

    def _drop_preview(self, source: Image) -> None:
        preview = self.previews.pop(source, None)
        if preview is not None and self.viewer is not None and preview in self.viewer.layers:
            self.viewer.layers.remove(preview)

    def _fail(self, job: Job, error: Exception) -> None:
        from napari.utils.notifications import notification_manager

        if isinstance(error, EXPECTED):
            self.say(f"“{job.name}”: {sentence(error)}", wrong=True)
        else:
            self.say(f"“{job.name}” stopped for a reason of its own: {error}", wrong=True)
            notification_manager.receive_error(type(error), error, error.__traceback__)
        job.set_state("failed")

    def _end(self, job: Job) -> None:
        self.jobs.remove(job)
        job.bar.close()
        if job.active:
            job.close()
        self.finished = self.finished + (job.state == "done") if self.jobs else 0
        self.changed.emit()
        self._next()


_queues: list[JobQueue] = []


def queue_of(viewer: ViewerModel) -> JobQueue:
    """Return the jobs of a viewer, shared by the widget and the command."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    _queues[:] = [queue for queue in _queues if queue.viewer is not None]
    for queue in _queues:
        if queue.viewer is viewer:
            return queue
    _queues.append(JobQueue(viewer))
    return _queues[-1]


def sentence(error: BaseException) -> str:
    """Return an error's text as a sentence."""
    text = str(error).strip() or type(error).__name__
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
