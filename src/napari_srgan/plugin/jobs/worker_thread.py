"""A thread beside the window's, there only while there is something to do."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakSet

NICENESS = 5
"""by how much the window comes before this thread, where the system knows that"""


class WorkerThread(ABC):
    """Work that goes on in a thread of its own.

    It may be another than those of Qt's pool, of which a small machine has one, which runs need.

    Parameters
    ----------
    arrived, failed
        Called in the thread: after something came that is worth to be drawn, and when the work
        cannot go on.

    Attributes
    ----------
    stopped
        Whether it has ended for good.
    news
        How many times something came.
    """

    def __init__(self, arrived: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        self.stopped = False
        self.news = 0
        self._arrived, self._failed = arrived, failed
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        _all.add(self)

    @abstractmethod
    def _asked(self) -> bool:
        """Whether there is something to do."""

    @abstractmethod
    def _work(self) -> None:
        """Do it, in the thread."""

    @property
    def running(self) -> bool:
        """Whether the thread is there, or another one about to take its place."""
        with self._lock:
            return self._thread is not None

    def stop(self) -> None:
        """Stop as soon as may be, for good."""
        self.stopped = True

    def join(self, seconds: float | None = None) -> None:
        """Wait for the thread to end."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _start(self) -> None:
        """Start the thread if there is something to do; the lock is held."""
        if not self.stopped and self._thread is None and self._asked():
            name = f"napari-srgan {type(self).__name__}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        _come_last()
        try:
            self._work()
        except Exception as error:
            if not self.stopped:
                self.stop()
                self._failed(error)
        finally:
            with self._lock:
                self._thread = None
                # What was asked for between the last look and now.
                self._start()

    def _tell(self) -> None:
        self.news += 1
        self._arrived()


_all: WeakSet[WorkerThread] = WeakSet()


@atexit.register
def stop_all() -> None:
    """Stop every such thread, so that Python can end."""
    running = list(_all)
    for work in running:
        work.stop()
    for work in running:
        work.join(10)


def _come_last() -> None:
    """Let this thread have what the window leaves of the processor, where that can be said."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
