"""Several files of one image, dropped into a window at once, are one image."""

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
from tests.io.dicom.test_reader import series
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


VOLUME = np.random.default_rng(1).integers(0, 900, (4, 20, 24)).astype("uint16")


@pytest.fixture
def slices(tmp_path: Path) -> list[Path]:
    """Return the slices of a series, in an order that is not theirs in the body."""
    return sorted(series(tmp_path / "ct", VOLUME).iterdir())


def volumes(viewer: Any) -> list[Any]:
    return [layer.data.shape for layer in viewer.layers]


@pytest.mark.parametrize("live", [False, True])
def test_slices_that_are_dropped_are_one_volume(
    make_napari_viewer_proxy: Any,
    qtbot: QtBot,
    slices: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    live: bool,
) -> None:
    settings.put("live_on_opening", live)
    monkeypatch.setitem(get_settings().plugins.extension2reader, "*.dcm", PLUGIN)
    viewer = make_napari_viewer_proxy().__wrapped__
    drop(viewer.window._qt_viewer, *slices)
    count = 2 if live else 1
    qtbot.waitUntil(lambda: len(viewer.layers) == count and idle(), timeout=60_000)
    qtbot.waitUntil(lambda: viewer.layers[0].ndim == 3 and len(viewer.layers) == count)
    (layer, *_) = viewer.layers
    assert np.array_equal(layer.data, VOLUME)
    assert tuple(layer.scale) == pytest.approx((2.5, 0.5, 0.75))
    assert not notification_manager.records


def test_slices_in_a_list_are_one_volume(make_napari_viewer_proxy: Any, slices: list[Path]) -> None:
    settings.put("live_on_opening", False)
    viewer = make_napari_viewer_proxy().__wrapped__
    viewer.open([str(path) for path in slices], stack=True, plugin=PLUGIN)
    assert volumes(viewer) == [VOLUME.shape]


def test_other_series_and_a_slice_named_again_stay_apart(
    make_napari_viewer_proxy: Any, qtbot: QtBot, slices: list[Path], tmp_path: Path
) -> None:
    settings.put("live_on_opening", False)
    other = sorted(series(tmp_path / "other", VOLUME[:2], SeriesInstanceUID="1.2.9").iterdir())
    viewer = make_napari_viewer_proxy().__wrapped__
    # The slices of both come in turns.
    for path in (slices[0], other[0], slices[1], other[1], slices[2], slices[3]):
        viewer.open(str(path), plugin=PLUGIN)
    qtbot.waitUntil(lambda: sorted(volumes(viewer)) == [(2, 20, 24), (4, 20, 24)], timeout=60_000)
    viewer.open(str(slices[0]), plugin=PLUGIN)
    viewer.open(str(slices[0]), plugin=PLUGIN)
    assert sorted(volumes(viewer)) == [(2, 20, 24), (4, 20, 24), (20, 24), (20, 24)]
