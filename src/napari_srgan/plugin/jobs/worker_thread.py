"""Worker thread that exits when its queue is empty."""

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
"""increment of the nice value of the thread, on Linux"""


class WorkerThread(ABC):
    """Base class of background work in a daemon thread, started on demand.

    Qt's thread pool is not used: on a small machine it has a single thread, which jobs occupy.

    Parameters
    ----------
    on_update
        Called in the thread after new data is available.
    on_error
        Called in the thread with the exception that stopped the work.

    Attributes
    ----------
    stopped
        Whether `stop` was called; the thread is not started again.
    updates
        Number of calls of ``on_update``.
    """

    def __init__(
        self, on_update: Callable[[], None], on_error: Callable[[Exception], None]
    ) -> None:
        self.stopped = False
        self.updates = 0
        self._on_update, self._on_error = on_update, on_error
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        _threads.add(self)

    @abstractmethod
    def _has_work(self) -> bool:
        """Whether the queue has entries."""

    @abstractmethod
    def _work(self) -> None:
        """Process the queue until it is empty; called in the thread."""

    @property
    def running(self) -> bool:
        """Whether a thread exists."""
        with self._lock:
            return self._thread is not None

    def stop(self) -> None:
        """Stop as soon as possible and do not start again."""
        self.stopped = True

    def join(self, seconds: float | None = None) -> None:
        """Wait for the thread to end, at most ``seconds``; None waits without limit."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _start(self) -> None:
        """Start the thread if the queue has entries; the caller must hold the lock."""
        if not self.stopped and self._thread is None and self._has_work():
            name = f"napari-srgan {type(self).__name__}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        _lower_priority()
        try:
            self._work()
        except Exception as error:
            if not self.stopped:
                self.stop()
                self._on_error(error)
        finally:
            with self._lock:
                self._thread = None
                # Entries may have been added after `_work` found the queue empty.
                self._start()

    def _notify(self) -> None:
        self.updates += 1
        self._on_update()


_threads: WeakSet[WorkerThread] = WeakSet()


@atexit.register
def stop_all() -> None:
    """Stop all threads at interpreter exit."""
    running = list(_threads)
    for thread in running:
        thread.stop()
    for thread in running:
        thread.join(10)


def _lower_priority() -> None:
    """Lower the scheduling priority of the current thread below the GUI thread, on Linux."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
