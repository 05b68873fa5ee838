"""Rate-limited redraws of a layer after updates from another thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from typing import Any
from weakref import WeakMethod

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]

MIN_INTERVAL = 0.05
"""minimum interval between two redraws in seconds"""


def weak_callback(method: Callable[..., None]) -> Callable[..., None]:
    """Return a function that calls a bound method, without keeping its object alive."""
    reference = WeakMethod(method)

    def call(*arguments: Any) -> None:
        bound_method = reference()
        if bound_method is not None:
            bound_method(*arguments)

    return call


def single_shot_timer(method: Callable[..., None]) -> QTimer:
    """Return a single-shot timer that calls a bound method, without keeping its object alive."""
    timer = QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(weak_callback(method))
    return timer


def stop_timer(timer: QTimer) -> None:
    """Stop a timer, unless it was deleted."""
    # At interpreter exit Qt may have deleted the timer.
    with suppress(RuntimeError):
        timer.stop()


class WorkerSignals(QObject):
    """Signals from a worker thread to the GUI thread."""

    updated = QtSignal()
    failed = QtSignal(object)
    noted = QtSignal(str)


class Redraw:
    """Redraws after updates, at a rate that leaves most of the time to the GUI.

    Parameters
    ----------
    draw
        Redraws; called in the GUI thread.
    failed
        Called in the GUI thread with an exception.
    noted
        Called in the GUI thread with a text for the user.
    """

    def __init__(
        self,
        draw: Callable[[], None],
        failed: Callable[[Exception], None],
        noted: Callable[[str], None] | None = None,
    ) -> None:
        self._draw = weak_callback(draw)
        self._draw_seconds = 0.0
        self._last_redraw = -1.0
        self.signals = WorkerSignals()
        for signal, slot in (
            (self.signals.updated, self._schedule),
            (self.signals.failed, failed),
            (self.signals.noted, noted),
        ):
            if slot is not None:
                signal.connect(weak_callback(slot), Qt.ConnectionType.QueuedConnection)
        self.timer = single_shot_timer(self.now)

    def _schedule(self) -> None:
        """Redraw as soon as the minimum interval has passed."""
        if not self.timer.isActive():
            # Slow redraws are spaced out, so that they take at most a quarter of the time.
            pause = max(MIN_INTERVAL, 3 * self._draw_seconds) - (
                time.perf_counter() - self._last_redraw
            )
            self.timer.start(max(0, ceil(1000 * pause)))

    def now(self) -> None:
        """Redraw immediately and measure the time."""
        start_time = time.perf_counter()
        self._draw()
        self._last_redraw = time.perf_counter()
        self._draw_seconds = self._last_redraw - start_time

    def stop(self) -> None:
        """Cancel a scheduled redraw."""
        stop_timer(self.timer)
