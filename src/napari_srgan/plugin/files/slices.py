"""Combine slices of one DICOM series that are dropped into a viewer into one volume.

napari calls a reader once per dropped file. The first slice is shown at once; slices that follow
within seconds are collected, and a volume of all slices replaces it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, ref

from qtpy.QtCore import QTimer

from ...io.dicom.sets import series_of
from ..layers.lineage import parent_of
from ..layers.origin import ORIGIN_KEY, Origin
from ..settings import PLUGIN
from ..viewers import open_viewers

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

__all__ = ["is_gathered"]

MAX_PAUSE = 10.0
"""maximum seconds between two slices of one drop"""
DEBOUNCE_MS = 100
"""milliseconds without another slice after which the volume is read"""

Series = tuple[Path, str]
"""folder and SeriesInstanceUID"""


class SliceCollector:
    """Collect the slices of one series that are dropped into a viewer."""

    def __init__(self, viewer: Viewer, first: str) -> None:
        self._viewer = ref(viewer)
        self._before: WeakSet[Any] = WeakSet(viewer.layers)
        self.paths = [first]
        self.last = time.monotonic()
        self.timer = QTimer(viewer.window._qt_window)
        self.timer.setSingleShot(True)
        self.timer.setInterval(DEBOUNCE_MS)
        self.timer.timeout.connect(self.show)

    def layers(self) -> list[Layer]:
        """Return the layers of the first slice."""
        viewer = self._viewer()
        return [
            layer
            for layer in (() if viewer is None else viewer.layers)
            if layer not in self._before
            and parent_of(layer) is None
            and isinstance(origin := layer.metadata.get(ORIGIN_KEY), Origin)
            and origin.path == self.paths[0]
        ]

    def takes(self, path: str) -> bool:
        """Add a slice if it follows the last one soon; return whether it was added."""
        late = time.monotonic() - self.last > MAX_PAUSE
        if late or path in self.paths or not self.layers():
            return False
        self.paths.append(path)
        self.last = time.monotonic()
        self.timer.start()
        return True

    def show(self) -> None:
        """Replace the layers of the first slice by the volume."""
        viewer = self._viewer()
        if viewer is None:
            return
        for layer in self.layers():
            viewer.layers.remove(layer)
        viewer.open(self.paths, stack=True, plugin=PLUGIN)


_gathered: WeakKeyDictionary[Viewer, dict[Series, SliceCollector]] = WeakKeyDictionary()


def is_gathered(path: str) -> bool:
    """Whether a file was added to the volume of slices dropped just before."""
    if not open_viewers():
        return False
    from napari import current_viewer

    viewer = current_viewer()
    uid = "" if viewer is None else series_of(Path(path))
    if viewer is None or not uid:
        return False
    series = Path(path).parent.resolve(), uid
    known = _gathered.setdefault(viewer, {})
    if series in known and known[series].takes(path):
        return True
    known[series] = SliceCollector(viewer, path)
    return False
