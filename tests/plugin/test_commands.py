"""The command of the menu and the palette: a run of the selected layer, no widget needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from pytestqt.qtbot import QtBot

from napari_srgan.plugin.commands import super_resolve_active


@pytest.mark.usefixtures("identity_models")
def test_the_command_adds_the_result(qtbot: QtBot) -> None:
    viewer: Any = ViewerModel()
    data = np.random.default_rng(0).integers(0, 255, (40, 50), "uint8")
    source = viewer.add_image(data, name="cells", scale=(2, 3))
    viewer.layers.selection.active = source
    job: Any = super_resolve_active(viewer)
    qtbot.waitUntil(lambda: not job.active, timeout=60_000)
    assert job.state == "done"
    finer = viewer.layers["cells ×4"]
    assert np.array_equal(finer.data, data.repeat(4, 0).repeat(4, 1))
    assert np.allclose(finer.scale, (0.5, 0.75))


@pytest.mark.usefixtures("identity_models")
def test_a_cancelled_command_adds_nothing(qtbot: QtBot) -> None:
    viewer: Any = ViewerModel()
    source = viewer.add_image(np.zeros((64, 400, 400), "uint16"), name="stack")
    viewer.layers.selection.active = source
    job: Any = super_resolve_active(viewer)
    qtbot.waitUntil(lambda: job.progress is not None, timeout=60_000)
    job.cancel()
    qtbot.waitUntil(lambda: not job.active, timeout=60_000)
    assert job.state == "cancelled"
    assert [layer.name for layer in viewer.layers] == ["stack"]


def test_an_error_is_shown_as_a_sentence(qtbot: QtBot) -> None:
    viewer: Any = ViewerModel()
    viewer.layers.selection.active = viewer.add_image(np.zeros((9, 9), bool), name="mask")
    super_resolve_active(viewer)
    qtbot.waitUntil(lambda: bool(notification_manager.records), timeout=60_000)
    (shown,) = notification_manager.records
    assert shown.message.startswith("“mask”: The image has dtype bool; allowed are")
    assert [layer.name for layer in viewer.layers] == ["mask"]


@pytest.mark.usefixtures("qtbot")
def test_without_an_image_nothing_is_started() -> None:
    viewer: Any = ViewerModel()
    viewer.layers.selection.active = viewer.add_points(np.zeros((2, 2)))
    assert super_resolve_active(viewer) is None
    assert len(viewer.layers) == 1
