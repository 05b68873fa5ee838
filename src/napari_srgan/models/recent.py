"""The models that were loaded last, so that none is loaded again for every image."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from .model import Model

KEPT = 6
"""models that are kept; one of the shipped ones takes at most 6 MB"""

Version = tuple[str, int, int, int]
Key = tuple[tuple[Version, ...], float | None]


class Recent:
    """Keeps the last few models in memory, each for as long as its files stay as they are.

    Threads that ask for the same model at once load it once. What is kept is shared: whoever
    wants to change a network takes a copy.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept
        self._models: OrderedDict[Key, Model] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, load: Callable[[], Model], *paths: Path, detail: float | None = None) -> Model:
        """Return the model of ``paths`` and ``detail``, which ``load`` makes if it is not kept."""
        with self._lock:
            try:
                key = tuple(version_of(path) for path in paths), detail
            except (OSError, ValueError):
                return load()  # which says what is wrong with the file
            if key not in self._models:
                # Asked before it is loaded: a file replaced meanwhile is loaded anew next time.
                self._models[key] = load()
            self._models.move_to_end(key)
            while len(self._models) > self.kept:
                self._models.popitem(last=False)
            return self._models[key]

    def __len__(self) -> int:
        return len(self._models)


def version_of(path: Path) -> Version:
    """Return what changes when a file is replaced or written to: path, mtime, size and number.

    Raises
    ------
    OSError
        If there is no such file.
    """
    stat = path.stat()
    return str(path.resolve()), stat.st_mtime_ns, stat.st_size, stat.st_ino
