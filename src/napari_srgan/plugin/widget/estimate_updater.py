"""Update the estimate in the background when layer or options change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from ..errors import USER_ERRORS, format_error
from ..jobs.total import Arguments, estimate_all
from ..jobs.worker import make_worker

DEBOUNCE_MS = 150
"""delay in milliseconds after the last change"""


class EstimateUpdater:
    """Runs `estimate_all` in a worker after changes, with a delay (debounced).

    Parameters
    ----------
    get_arguments
        Returns the arguments of `estimate_run` for each layer, empty if there is no layer; may
        raise `USER_ERRORS`.
    parent
        Parent of the timer.

    Attributes
    ----------
    seen
        Emitted with the `Estimate`, or None if there is no layer.
    failed
        Emitted with the reason why a run would fail.
    """

    ready = Signal(object)
    failed = Signal(str)

    def __init__(self, get_arguments: Callable[[], list[Arguments]], parent: QWidget) -> None:
        self.get_arguments = get_arguments
        self.worker: Any = None
        self.rerun = False
        self.timer = QTimer(parent)
        self.timer.setSingleShot(True)
        self.timer.setInterval(DEBOUNCE_MS)
        self.timer.timeout.connect(self.update)

    def schedule(self, *_: Any) -> None:
        """Update the estimate after the delay; restarts the delay."""
        self.timer.start()

    def update(self) -> None:
        """Start a worker, or run again when the current one has finished."""
        if self.worker is not None:
            self.rerun = True
            return
        try:
            arguments = self.get_arguments()
        except USER_ERRORS as error:
            self.failed.emit(format_error(error))
            return
        if not arguments:
            self.ready.emit(None)
            return
        self.worker = make_worker(estimate_all, runs=arguments)
        self.worker.yielded.connect(self._on_result)
        self.worker.errored.connect(lambda error: self.failed.emit(format_error(error)))
        self.worker.finished.connect(self._on_finished)
        self.worker.start()

    def stop(self) -> None:
        """Stop timer and worker."""
        self.timer.stop()
        self.rerun = False
        if self.worker is not None:
            self.worker.quit()

    def _on_result(self, estimate: object) -> None:
        if not self.rerun:
            self.ready.emit(estimate)

    def _on_finished(self) -> None:
        self.worker = None
        if self.rerun:
            self.rerun = False
            self.update()
