"""Least-recently-used cache of loaded models."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from .model import Model

MAX_MODELS = 6
"""default capacity; a shipped model takes at most 6 MB"""

FileVersion = tuple[str, int, int, int]
"""path, mtime in ns, size in bytes, inode"""
Key = tuple[tuple[FileVersion, ...], float | None]
"""versions of the model files, and ``detail``"""


class ModelCache:
    """LRU cache of models, keyed by the versions of their files.

    Thread-safe: concurrent requests for a model load it once. Cached models are shared and must
    not be modified; copy a network to change it.

    Parameters
    ----------
    max_models
        Capacity.
    """

    def __init__(self, max_models: int = MAX_MODELS) -> None:
        self.max_models = max_models
        self._models: OrderedDict[Key, Model] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, load: Callable[[], Model], *paths: Path, detail: float | None = None) -> Model:
        """Return the cached model of ``paths`` and ``detail``, or call ``load`` and cache it."""
        with self._lock:
            try:
                key = tuple(file_version(path) for path in paths), detail
            except (OSError, ValueError):
                return load()  # raises the error for the file
            if key not in self._models:
                # The version is read before loading, so that a file replaced during loading is
                # loaded again next time.
                self._models[key] = load()
            self._models.move_to_end(key)
            while len(self._models) > self.max_models:
                self._models.popitem(last=False)
            return self._models[key]

    def __len__(self) -> int:
        return len(self._models)


def file_version(path: Path) -> FileVersion:
    """Return path, mtime, size and inode: values that change when a file is replaced or modified.

    Raises
    ------
    OSError
        If the file does not exist.
    """
    stat = path.stat()
    return str(path.resolve()), stat.st_mtime_ns, stat.st_size, stat.st_ino
