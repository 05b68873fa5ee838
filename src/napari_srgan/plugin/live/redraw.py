"""When a layer is drawn again after something came in another thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from typing import Any
from weakref import WeakMethod

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]

LEAST_SECONDS = 0.05
"""between two redraws"""


def weak_callback(method: Callable[..., None]) -> Callable[..., None]:
    """Return a function that calls a method, as long as its object is there without it."""
    known = WeakMethod(method)

    def call(*arguments: Any) -> None:
        found = known()
        if found is not None:
            found(*arguments)

    return call


def timer_of(method: Callable[..., None]) -> QTimer:
    """Return a timer that calls a method once, as long as its object is there without it."""
    timer = QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(weak_callback(method))
    return timer


def stop_timer(timer: QTimer) -> None:
    """Stop a timer, if it is still there."""
    # Where Python ends, Qt may have deleted it before.
    with suppress(RuntimeError):
        timer.stop()


class RedrawSignal(QObject):
    """Rings in the thread of the window when something happened in another."""

    arrived = QtSignal()
    failed = QtSignal(object)
    noted = QtSignal(str)


class Redraw:
    """Draws soon after something came, but not so often that the window has no time left.

    Parameters
    ----------
    draw
        What draws, called in the thread of the window.
    failed, noted
        Called there with an error or a sentence.
    """

    def __init__(
        self,
        draw: Callable[[], None],
        failed: Callable[[Exception], None],
        noted: Callable[[str], None] | None = None,
    ) -> None:
        self._draw = weak_callback(draw)
        self._seconds = 0.0
        self._drawn = -1.0
        self.bell = RedrawSignal()
        for signal, slot in (
            (self.bell.arrived, self._soon),
            (self.bell.failed, failed),
            (self.bell.noted, noted),
        ):
            if slot is not None:
                signal.connect(weak_callback(slot), Qt.ConnectionType.QueuedConnection)
        self.timer = timer_of(self.now)

    def _soon(self) -> None:
        """Draw now, or when the last time is long enough ago."""
        if not self.timer.isActive():
            # Where drawing takes long, the window has most of the time for itself.
            pause = max(LEAST_SECONDS, 3 * self._seconds) - (time.perf_counter() - self._drawn)
            self.timer.start(max(0, ceil(1000 * pause)))

    def now(self) -> None:
        """Draw."""
        since = time.perf_counter()
        self._draw()
        self._drawn = time.perf_counter()
        self._seconds = self._drawn - since

    def stop(self) -> None:
        """Draw no more of what came."""
        stop_timer(self.timer)
