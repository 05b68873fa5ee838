"""The buttons **Super-resolve layer** (or **Cancel**) and **Preview**."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from ..errors import USER_ERRORS, format_error
from ..jobs.job import Job
from ..jobs.queue import JobQueue
from ..jobs.region import around_centre, spans_of
from .form import Form
from .form_values import FormValues

if TYPE_CHECKING:
    from napari.layers import Image

    from ...engine.tiles import Span
    from ..jobs.estimate import Estimate

PREVIEW_SECONDS = 2.0
"""target duration of a preview"""
PREVIEW_PIXELS = 128 * 128
"""pixels of a preview while the speed is unknown"""


class RunButtons:
    """Controller of the buttons that start, cancel and preview runs.

    Parameters
    ----------
    form
        The form with the buttons.
    values
        Reads the arguments of a run from the form.
    queue
        Runs the jobs.
    viewer
        The viewer whose view is previewed.
    get_supported
        Returns the chosen layers that can be super-resolved.
    get_estimate
        Returns the current estimate, None if there is none.
    show_message
        Called with a text for the user.
    on_error
        Called with the reason why a run cannot be started.

    Attributes
    ----------
    guard
        Timer, active for the time of a double click after a run was started.
    """

    def __init__(
        self,
        form: Form,
        values: FormValues,
        queue: JobQueue,
        viewer: Any,
        *,
        get_supported: Callable[[], tuple[Image, ...]],
        get_estimate: Callable[[], Estimate | None],
        show_message: Callable[[str], None],
        on_error: Callable[[str], None],
    ) -> None:
        self.form, self.values, self.queue, self.viewer = form, values, queue, viewer
        self.get_supported, self.get_estimate = get_supported, get_estimate
        self.show_message, self.on_error = show_message, on_error
        self.guard = QTimer(form)
        self.guard.setSingleShot(True)
        self.guard.setInterval(QApplication.doubleClickInterval())
        form.run_button.changed.connect(self.run_or_cancel)
        form.preview_button.changed.connect(self.preview)

    @property
    def jobs(self) -> list[Job]:
        """Active jobs of the chosen layers, without previews."""
        layers = self.form.layer.sources
        jobs = [job for layer in layers for job in self.queue.active_jobs(layer)]
        return [job for job in jobs if not job.request.preview]

    def refresh(self) -> None:
        """Update texts and enabled states of the buttons."""
        jobs, supported = self.jobs, self.get_supported()
        button = self.form.run_button
        if jobs:
            stopping = all(job.state == "cancelling" for job in jobs)
            button.text = "Cancelling…" if stopping else "Cancel"
        else:
            what = f"{len(supported)} layers" if len(supported) > 1 else "layer"
            button.text = f"Super-resolve {what}"
        usable = bool(jobs or supported) and not self.guard.isActive()
        button.enabled = usable and button.text != "Cancelling…"
        self.form.preview_button.enabled = self.form.layer.source in supported

    def run_or_cancel(self) -> None:
        """Queue runs of the chosen layers; if they have active runs, cancel these."""
        jobs = self.jobs
        if jobs:
            for job in reversed(jobs):
                job.cancel()
            return
        self.show_message("")
        for layer in self.get_supported():
            self._queue(layer)
        # The second click of a double click must not cancel the run.
        self.form.run_button.enabled = False
        self.guard.start()

    def preview(self) -> None:
        """Queue a run of the current view, cropped to what takes about `PREVIEW_SECONDS`."""
        layer = self.form.layer.source
        if layer is None:
            return
        self.show_message("")
        try:
            spans, cropped = around_centre(
                spans_of("view", layer, self.viewer), layer, self.viewer, self._preview_pixels()
            )
        except USER_ERRORS as error:
            self.on_error(format_error(error))
            return
        if self._queue(layer, spans, preview=True) and cropped:
            self.show_message(
                "The view is large; the preview shows its middle. Zoom in for all of it."
            )

    def _preview_pixels(self) -> int:
        estimate = self.get_estimate()
        if estimate is None or estimate.seconds_per_pixel is None:
            return PREVIEW_PIXELS
        window = (PREVIEW_SECONDS / estimate.seconds_per_pixel) ** 0.5
        return max(PREVIEW_PIXELS // 4, int(max(window - 2 * estimate.halo, 0)) ** 2)

    def _queue(
        self, layer: Image, spans: list[Span] | None = None, *, preview: bool = False
    ) -> bool:
        """Queue a run; return whether it was queued."""
        try:
            request = self.values.request(layer, spans, preview=preview)
        except USER_ERRORS as error:
            self.on_error(format_error(error))
            return False
        self.values.save()
        return self.queue.add(request) is not None
