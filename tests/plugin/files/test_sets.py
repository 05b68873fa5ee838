"""Several files of one OME set, dropped into a window at once, are one image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.settings import get_settings
from napari.utils.notifications import notification_manager
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from napari_srgan.plugin import settings
from tests.io.tiff.test_ome_sets import DATA, NAMES, folder
from tests.plugin.conftest import PLUGIN, idle

__all__ = ["folder"]

pytestmark = pytest.mark.usefixtures("small_models")


def drop(window: Any, *paths: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    action, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    none = Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(9, 9), action, mime, button, none))


@pytest.mark.parametrize("order", [1, -1])
def test_a_set_that_is_dropped_is_there_once(
    make_napari_viewer_proxy: Any,
    qtbot: QtBot,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    order: int,
) -> None:
    settings.put("live_on_opening", False)
    monkeypatch.setitem(get_settings().plugins.extension2reader, "*.tif", PLUGIN)
    viewer = make_napari_viewer_proxy().__wrapped__
    paths = [folder / name for name in NAMES][::order]
    drop(viewer.window._qt_viewer, *paths)
    qtbot.waitUntil(idle, timeout=60_000)
    assert len(viewer.layers) == 2
    for layer, planes in zip(viewer.layers, DATA, strict=True):
        assert np.array_equal(layer.data, planes)
    (record,) = notification_manager.records
    assert f"{paths[1]} is a part of the image of {paths[0]}, which is open" in str(record.message)
    # What is opened again by the same name is wanted twice.
    viewer.open(str(paths[0]), plugin=PLUGIN)
    assert len(viewer.layers) == 4
