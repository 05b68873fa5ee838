"""Queue of the super-resolution jobs of a viewer, run one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from psygnal import Signal

from ..errors import USER_ERRORS, format_error
from ..layers.lineage import insertion_index, register_result
from .job import Job, JobRequest
from .worker import wait_at_exit

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from ...engine.progress import Progress


class JobQueue:
    """The jobs of one viewer, of which one runs at a time.

    Parameters
    ----------
    viewer
        Results are added to it. Only a weak reference is kept.

    Attributes
    ----------
    changed
        Emitted after a job was added, removed or changed.
    message
        Emitted with a text for the user, and whether it reports an error.
    jobs
        Jobs that are not finished, in the order in which they run.
    previews
        Source layer → its preview.
    finished
        Number of successful jobs since the queue was last empty.
    """

    changed = Signal()
    message = Signal(str, bool)

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = ref(viewer)
        self.jobs: list[Job] = []
        self.previews: WeakKeyDictionary[Image, Image] = WeakKeyDictionary()
        self.finished = 0

    @property
    def viewer(self) -> ViewerModel | None:
        """The viewer, None after it was deleted."""
        return self._viewer()

    def add(self, request: JobRequest) -> Job | None:
        """Queue a job; cancel unfinished previews of the same layer.

        Returns
        -------
        Job or None
            None if the layer cannot be super-resolved; the reason is shown as a message.
        """
        from napari.qt.threading import create_worker
        from napari.utils import progress

        try:
            job = Job(request)
        except USER_ERRORS as error:
            self.show_message(format_error(error), is_error=True)
            return None
        for other in self.active_jobs(request.layer):
            if other.request.preview:
                other.cancel()
        wait_at_exit()
        job.worker = create_worker(job.run, _start_thread=False, _ignore_errors=True)
        job.worker.yielded.connect(lambda step: self._on_progress(job, step))
        job.worker.returned.connect(lambda result: self._on_result(job, result))
        job.worker.errored.connect(lambda error: self._on_error(job, error))
        job.worker.aborted.connect(job.close)
        job.worker.finished.connect(lambda: self._on_finished(job))
        job.bar = progress(total=100, desc=f"Super-resolving {job.name}")
        job.changed.connect(lambda: self.changed.emit())
        self.jobs.append(job)
        self.changed.emit()
        self._start_next()
        return job

    def show_message(self, text: str, *, is_error: bool = False) -> None:
        """Show a text in the connected widgets, or as a notification if there are none."""
        from napari.utils.notifications import show_error, show_info

        if len(self.message):
            self.message.emit(text, is_error)
        else:
            (show_error if is_error else show_info)(text)

    @property
    def done(self) -> float:
        """Completed fraction, 0 to 1, of all jobs since the queue was last empty."""
        parts = [0.0 if job.progress is None else job.progress.done for job in self.jobs]
        return (self.finished + sum(parts)) / max(1, self.finished + len(parts))

    def cancel_all(self) -> None:
        """Cancel all jobs, waiting ones first, so that none of them is started."""
        for job in reversed(self.jobs):
            job.cancel()

    def active_jobs(self, layer: Image | None) -> Iterator[Job]:
        """Yield the active jobs of a layer."""
        yield from [j for j in self.jobs if j.active and j.request.layer is layer]

    def _start_next(self) -> None:
        if any(job.state in ("running", "cancelling") for job in self.jobs):
            return
        for job in self.jobs:
            if job.state == "waiting":
                # napari calls quit() on waiting workers, too, when its window closes.
                job.set_state("cancelling" if job.worker.abort_requested else "running")
                job.worker.start()
                return

    def _on_progress(self, job: Job, step: Progress) -> None:
        if step.note:
            self.show_message(f"“{job.name}”: {step.note}.")
        job.update_progress(step)
        if step.stage == "computing":
            job.bar.update(round(100 * step.done) - job.bar.n)
        job.changed.emit()

    def _on_result(self, job: Job, result: Image) -> None:
        if self.viewer is None or job.state == "cancelling":
            # No viewer is left, or the job was cancelled after its last step: drop the result.
            return
        request, layers = job.request, self.viewer.layers
        in_viewer = request.layer in layers
        name = result.name
        assert job.recipe is not None
        register_result(result, request.layer, job.recipe, layers)
        layers.insert(insertion_index(layers, request.layer) if in_viewer else len(layers), result)
        # After the insertion, as napari selects another layer when the selected one is removed.
        self._remove_preview(request.layer)
        if request.preview:
            result.name = name  # no longer used by the previous preview
            self.previews[request.layer] = result
        elif request.hide_source:
            request.layer.visible = False
        if not in_viewer:
            self.show_message(
                f"“{job.name}” was removed while it was being computed; “{result.name}” is of the "
                "data that it had."
            )
        elif not job.data_unchanged:
            self.show_message(
                f"The data of “{job.name}” were replaced while it was being computed; "
                f"“{result.name}” is of the old data. Run it again for the new ones."
            )
        elif job.remarks:
            self.show_message(f"“{result.name}”: {', '.join(job.remarks)}.")
        job.set_state("done")

    def _remove_preview(self, source: Image) -> None:
        preview = self.previews.pop(source, None)
        if preview is not None and self.viewer is not None and preview in self.viewer.layers:
            self.viewer.layers.remove(preview)

    def _on_error(self, job: Job, error: Exception) -> None:
        from napari.utils.notifications import notification_manager

        if isinstance(error, USER_ERRORS):
            self.show_message(f"“{job.name}”: {format_error(error)}", is_error=True)
        else:
            self.show_message(
                f"“{job.name}” stopped for a reason of its own: {error}", is_error=True
            )
            notification_manager.receive_error(type(error), error, error.__traceback__)
        job.set_state("failed")

    def _on_finished(self, job: Job) -> None:
        self.jobs.remove(job)
        job.bar.close()
        if job.active:
            job.close()
        self.finished = self.finished + (job.state == "done") if self.jobs else 0
        self.changed.emit()
        self._start_next()


_queues: list[JobQueue] = []


def queue_of(viewer: ViewerModel) -> JobQueue:
    """Return the job queue of a viewer, shared by the widget and the command."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    _queues[:] = [queue for queue in _queues if queue.viewer is not None]
    for queue in _queues:
        if queue.viewer is viewer:
            return queue
    _queues.append(JobQueue(viewer))
    return _queues[-1]
