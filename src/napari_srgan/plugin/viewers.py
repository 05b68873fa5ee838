"""Open napari viewers, and a callback for closed windows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from .redraw import weak_callback

if TYPE_CHECKING:
    from napari import Viewer
    from napari.components import ViewerModel


def open_viewers() -> list[Viewer]:
    """Return the viewers with a window; the current one where napari does not list them."""
    module: Any = sys.modules.get("napari.viewer")
    if module is None:
        return []
    current = module.current_viewer()
    return list(getattr(module.Viewer, "_instances", () if current is None else (current,)))


def reset_view_later() -> None:
    """Reset the view of all empty viewers after the next layers have been added.

    napari fits the view to the first layer that is added, without those added with it.
    """
    for viewer in open_viewers():
        if not viewer.layers:
            timer = QTimer(viewer.window._qt_window)
            timer.setSingleShot(True)
            timer.timeout.connect(viewer.reset_view)
            timer.start(0)


def on_window_closed(viewer: ViewerModel, call: Callable[[], None]) -> None:
    """Call a bound method, held by a weak reference, when a viewer's window is closed."""
    window = getattr(getattr(viewer, "window", None), "_qt_window", None)
    if window is not None:
        callback = weak_callback(call)
        window.destroyed.connect(lambda: callback())
