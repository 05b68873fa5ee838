"""Files opened in a window have their live views on top, and nothing that does not suit has one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.settings import get_settings
from napari.utils.notifications import notification_manager
from npe2 import PluginManager, PluginManifest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

import napari_srgan as ns
from napari_srgan import io
from napari_srgan.io import Channel, ImageFile
from napari_srgan.plugin import settings
from napari_srgan.plugin.live.controller import LiveController, controllers_of
from tests.plugin.conftest import Opened, idle

Open = Callable[[Path], Any]

pytestmark = pytest.mark.usefixtures("small_models")

rng = np.random.default_rng(0)
PLUGIN = "napari-srgan"


def pixels(*shape: int, dtype: str = "uint16") -> Any:
    return rng.integers(0, 250, shape).astype(dtype)


def file(folder: Path, data: Any, axes: str = "YX", name: str = "a.tif", **facts: Any) -> Path:
    return io.write(folder / name, ImageFile(data, axes, **facts))


def settle(bot: QtBot) -> None:
    """Let everything happen that is under way."""
    bot.waitUntil(idle, timeout=60_000)
    bot.wait(50)


def said() -> list[str]:
    return [str(record.message) for record in notification_manager.records]


def lives(viewer: Any) -> list[LiveController]:
    return list(controllers_of([getattr(each, "__wrapped__", each) for each in viewer.layers]))


@pytest.fixture
def viewer(make_napari_viewer_proxy: Any) -> Any:
    return make_napari_viewer_proxy()


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_an_image_comes_first_and_its_live_view_on_top(
    viewer: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    path = file(tmp_path, pixels(30, 40), pixel_size={"Y": 0.5, "X": 0.5})
    (source,) = viewer.open(str(path), plugin=PLUGIN)
    assert names(viewer) == ["a"]
    settle(qtbot)
    assert names(viewer) == ["a", "a ×4 live"]
    assert viewer.layers.selection.active.name == "a"
    assert np.allclose(viewer.layers[1].scale, 0.125)
    assert "napari_srgan_opening" not in source.metadata
    assert said() == []


def test_a_live_view_of_what_was_opened_is_sharp_where_one_looks(
    make_napari_viewer_proxy: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    viewer.open(str(file(tmp_path, pixels(40, 40))), plugin=PLUGIN)
    settle(qtbot)
    viewer.scene.camera.zoom = 14
    viewer.screenshot(flash=False)
    (live,) = lives(viewer)
    qtbot.waitUntil(lambda: live.worker.computed > 0 and live.complete, timeout=60_000)
    layer: Any = live.layer
    expected = ns.super_resolve_layer(live.source, tile=96).data
    assert np.array_equal(np.asarray(layer.data[0]), expected)


def test_the_setting_turns_it_off(viewer: Any, qtbot: QtBot, tmp_path: Path) -> None:
    settings.put("live_on_opening", False)
    viewer.open(str(file(tmp_path, pixels(30, 40))), plugin=PLUGIN)
    settle(qtbot)
    assert names(viewer) == ["a"]


def test_it_has_the_model_and_the_options_that_are_set(
    viewer: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    for name, value in {"model": "gray-x4", "consistency": 2, "normalise": "limits"}.items():
        settings.put(name, value)
    (source,) = viewer.open(str(file(tmp_path, pixels(30, 40))), plugin=PLUGIN)
    settle(qtbot)
    (live,) = lives(viewer)
    assert live.prepared.options.consistency == 2
    assert live.prepared.options.normalise == tuple(source.contrast_limits)
    assert live.prepared.requested_model == "gray-x4"


def dialog(window: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open a file as File > Open does, with a person's choice of it."""
    monkeypatch.setattr(type(window), "_open_file_dialog_uni", lambda *_: [str(path)])
    monkeypatch.setattr("napari._qt.qt_viewer.update_open_history", lambda _: None)
    window._open_files_dialog()


def drop(window: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file fall into the window."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    window.dropEvent(
        QDropEvent(
            QPointF(9, 9),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )


@pytest.mark.parametrize("way", [dialog, drop])
def test_however_a_person_opens_a_file_it_has_a_live_view(
    make_napari_viewer_proxy: Any,
    qtbot: QtBot,
    npe2pm: PluginManager,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: Callable[..., None],
) -> None:
    # napari's own reader is there, too; a person has said once which one is to open TIFFs.
    npe2pm.register(PluginManifest.from_distribution("napari"))
    monkeypatch.setitem(get_settings().plugins.extension2reader, "*.tif", PLUGIN)
    viewer = make_napari_viewer_proxy().__wrapped__
    way(viewer.window._qt_viewer, file(tmp_path, pixels(30, 40)), monkeypatch)
    settle(qtbot)
    assert names(viewer) == ["a", "a ×4 live"]
    assert said() == []


def test_a_sample_comes_as_its_pair_alone(viewer: Any, qtbot: QtBot, tmp_path: Path) -> None:
    # In a window that is looked after since a file was opened in it.
    viewer.open(str(file(tmp_path, pixels(30, 40))), plugin=PLUGIN)
    settle(qtbot)
    viewer.open_sample(PLUGIN, "cell")
    settle(qtbot)
    assert names(viewer)[2:] == ["cell (HR)", "cell (LR)"]
    assert len(lives(viewer)) == 1


def test_scripts_read_the_image_alone(viewer: Any, qtbot: QtBot, tmp_path: Path) -> None:
    (layer,) = ns.read(file(tmp_path, pixels(30, 40)))
    viewer.add_image(layer[0], **layer[1])
    settle(qtbot)
    assert names(viewer) == ["a"]
    assert list(layer[1]["metadata"]) == ["napari_srgan_file"]


def test_the_other_of_two_windows_gets_it_where_that_opens_the_file(
    make_napari_viewer_proxy: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    first, second = make_napari_viewer_proxy(), make_napari_viewer_proxy()
    first.open(str(file(tmp_path, pixels(30, 40))), plugin=PLUGIN)
    settle(qtbot)
    assert names(first) == ["a", "a ×4 live"]
    assert names(second) == []


def test_channels_do_not_add_up_with_their_sources(
    viewer: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    channels = (Channel("DAPI", (0, 0, 255)), Channel("GFP", (0, 255, 0)))
    path = file(tmp_path, pixels(2, 30, 40), "CYX", channels=channels)
    viewer.open(str(path), plugin=PLUGIN)
    settle(qtbot)
    assert names(viewer) == ["a: DAPI", "a: DAPI ×4 live", "a: GFP", "a: GFP ×4 live"]
    visible = [layer.visible for layer in viewer.layers]
    assert visible == [False, True, False, True]
    assert viewer.layers[3].colormap.name == "green"
    viewer.layers[1].visible = False
    assert [layer.visible for layer in viewer.layers] == [True, False, False, True]
    viewer.layers.remove("a: GFP ×4 live")
    assert [layer.visible for layer in viewer.layers] == [True, False, True]


def test_source_and_live_view_look_alike(viewer: Any, qtbot: QtBot, tmp_path: Path) -> None:
    viewer.open(str(file(tmp_path, pixels(30, 40))), plugin=PLUGIN)
    settle(qtbot)
    source, live = viewer.layers
    source.contrast_limits = (3, 90)
    live.gamma = 0.5
    source.colormap = "magma"
    assert live.contrast_limits == source.contrast_limits == [3, 90]
    assert source.gamma == live.gamma == 0.5
    assert live.colormap.name == source.colormap.name == "magma"


@pytest.mark.parametrize(
    ("data", "axes"),
    [
        (rng.random((30, 40)) > 0.5, "YX"),
        (pixels(30, 40, dtype="uint32"), "YX"),
        (pixels(30, 40, dtype="int64"), "YX"),
        (pixels(1, 1), "YX"),
        (pixels(5, 40), "YX"),
        (pixels(3, 5, 5), "ZYX"),
    ],
)
def test_masks_labels_and_tiny_images_have_none(
    viewer: Any, qtbot: QtBot, tmp_path: Path, data: Any, axes: str
) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", metadata={"axes": axes})
    viewer.open(str(tmp_path / "a.tif"), plugin=PLUGIN)
    settle(qtbot)
    assert names(viewer) == ["a"]
    assert said() == []


def test_a_model_that_does_not_fit_is_said_in_a_sentence(
    viewer: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    settings.put("model", "gone-x4")
    viewer.open(str(file(tmp_path, pixels(30, 40))), plugin=PLUGIN)
    settle(qtbot)
    assert names(viewer) == ["a"]
    (sentence,) = said()
    assert sentence.startswith("“a” has no live view: There is no model 'gone-x4'")


def test_many_files_do_not_all_get_one(viewer: Any, qtbot: QtBot, tmp_path: Path) -> None:
    paths = [str(file(tmp_path, pixels(30, 40), name=f"{n}.tif")) for n in range(6)]
    viewer.open(paths, plugin=PLUGIN)
    settle(qtbot)
    assert len(lives(viewer)) == 4
    assert len(viewer.layers) == 10
    assert "Only 4 layers" in said()[0]


def test_of_many_channels_all_or_none(viewer: Any, qtbot: QtBot, tmp_path: Path) -> None:
    viewer.open(str(file(tmp_path, pixels(5, 30, 40), "CYX")), plugin=PLUGIN)
    settle(qtbot)
    assert len(viewer.layers) == 5
    assert all(layer.visible for layer in viewer.layers)
    assert len(said()) == 1


def test_a_stack_of_files_has_one(viewer: Any, qtbot: QtBot, tmp_path: Path) -> None:
    paths = [str(file(tmp_path, pixels(30, 40), name=f"{n}.tif")) for n in range(6)]
    viewer.open(paths, stack=True, plugin=PLUGIN)
    settle(qtbot)
    assert len(viewer.layers) == 2
    (live,) = lives(viewer)
    assert live.layer is not None
    assert live.layer.data[0].shape == (6, 120, 160)


def test_removed_before_it_is_ready_nothing_comes(
    viewer: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    viewer.open(str(file(tmp_path, pixels(30, 40))), plugin=PLUGIN)
    viewer.layers.clear()
    settle(qtbot)
    assert names(viewer) == []
    assert said() == []


def test_a_window_closed_before_it_is_ready_is_no_error(
    make_napari_viewer_proxy: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.open(str(file(tmp_path, pixels(30, 40))), plugin=PLUGIN)
    viewer.close()
    settle(qtbot)
    assert said() == []


def test_the_button_knows_of_it(open_widget: Callable[..., Opened], tmp_path: Path) -> None:
    opened = open_widget()
    opened.viewer.open(str(file(tmp_path, pixels(30, 40))), plugin=PLUGIN)
    settle(opened.bot)
    assert opened.widget.layer.value.name == "a"
    assert opened.widget.live_button.native.isChecked()
    opened.click(opened.widget.live_button)
    assert opened.names == ["a"]


def test_the_source_is_saved_and_the_live_view_says_why_not(
    viewer: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    data = pixels(30, 40)
    viewer.open(str(file(tmp_path, data)), plugin=PLUGIN)
    settle(qtbot)
    viewer.layers.save(str(tmp_path / "b.tif"), plugin=PLUGIN, selected=True)
    assert np.array_equal(io.read(tmp_path / "b.tif")[0].data, data)
    with pytest.raises(OSError, match="'a ×4 live' is computed only where one looks"):
        viewer.layers[1].save(str(tmp_path / "c.tif"), plugin=PLUGIN)
    assert not (tmp_path / "c.tif").exists()


@pytest.mark.slow
def test_a_live_view_ends_with_its_window(tmp_path: Path) -> None:
    code = """
import sys, time
import napari
from napari_srgan.plugin.jobs.region import camera_of
from napari_srgan.plugin.live.controller import controllers_of
from qtpy.QtWidgets import QApplication

def wait(until):
    end = time.monotonic() + 60
    while not until() and time.monotonic() < end:
        QApplication.processEvents()

viewer = napari.Viewer()
viewer.open(sys.argv[1], plugin="napari-srgan")
wait(lambda: len(viewer.layers) == 2)
camera_of(viewer).zoom = 8
(live,) = controllers_of(viewer.layers)
wait(lambda: live.worker.running)
print(live.worker.running, live.worker.stopped)
viewer.window._qt_window.close()
wait(lambda: not live.worker.running)
print(live.worker.running, live.worker.stopped)
"""
    path = file(tmp_path, pixels(400, 400))
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "False", "False", "True"], done.stderr
