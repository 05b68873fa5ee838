"""Keeps the estimate up to date while a person changes what a run depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from ..jobs.estimate import estimate_run
from ..jobs.queue import EXPECTED, sentence
from ..jobs.worker import make_worker

SETTLE = 150
"""milliseconds without a change after which the estimate is worked out"""


class EstimateUpdater:
    """Works out in the background what a run would give.

    Parameters
    ----------
    question
        Returns the arguments of `estimate_run`, or None where there is nothing to look at; raises
        what a person can mend.
    parent
        The widget with which this ends.

    Attributes
    ----------
    seen
        Emitted with the `Estimate`, or None.
    failed
        Emitted with the sentence that says why there would be no result.
    """

    seen = Signal(object)
    failed = Signal(str)

    def __init__(self, question: Callable[[], dict[str, Any] | None], parent: QWidget) -> None:
        self.question = question
        self.worker: Any = None
        self.again = False
        self.timer = QTimer(parent)
        self.timer.setSingleShot(True)
        self.timer.setInterval(SETTLE)
        self.timer.timeout.connect(self.look)

    def soon(self, *_: Any) -> None:
        """Look again as soon as nothing has changed for a moment."""
        self.timer.start()

    def look(self) -> None:
        """Look now, or after the look that is under way."""
        if self.worker is not None:
            self.again = True
            return
        try:
            asked = self.question()
        except EXPECTED as error:
            self.failed.emit(sentence(error))
            return
        if asked is None:
            self.seen.emit(None)
            return
        self.worker = make_worker(estimate_run, **asked)
        self.worker.yielded.connect(self._answer)
        self.worker.errored.connect(lambda error: self.failed.emit(sentence(error)))
        self.worker.finished.connect(self._end)
        self.worker.start()

    def stop(self) -> None:
        """Look no more."""
        self.timer.stop()
        self.again = False
        if self.worker is not None:
            self.worker.quit()

    def _answer(self, estimate: object) -> None:
        if not self.again:
            self.seen.emit(estimate)

    def _end(self) -> None:
        self.worker = None
        if self.again:
            self.again = False
            self.look()
