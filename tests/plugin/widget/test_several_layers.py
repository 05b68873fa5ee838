"""LayerGroup selected layers: all are done, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from app_model.expressions import parse_expression
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from npe2 import PluginManager
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QThreadPool
from qtpy.QtWidgets import QApplication

from napari_srgan.engine.progress import Progress
from napari_srgan.plugin.commands import super_resolve_active
from napari_srgan.plugin.jobs.job import Job, JobRequest
from napari_srgan.plugin.jobs.queue import queue_of
from napari_srgan.plugin.widget.form import WIDTH
from napari_srgan.plugin.widget.job_list import progress_text
from napari_srgan.plugin.widget.layer_choice import LayerGroup
from tests.plugin.conftest import Opened

Open = Callable[..., Opened]

pytestmark = pytest.mark.usefixtures("identity_models")

rng = np.random.default_rng(0)


def image(*shape: int) -> Any:
    """Return an image of noise."""
    return rng.integers(0, 255, shape, "uint8")


def bare(layer: Any) -> Any:
    """Return a layer itself for the proxy that napari hands to plugins."""
    return getattr(layer, "__wrapped__", layer)


def add(opened: Opened, *names: str, side: int = 16) -> list[Any]:
    """Add images of these names."""
    return [opened.viewer.add_image(image(side, side), name=name) for name in names]


def repeated(data: Any) -> Any:
    """Return what an identity model makes of an image."""
    return data.repeat(4, -2).repeat(4, -1)


def test_all_selected_layers_are_done(open_widget: Open) -> None:
    opened = open_widget()
    a, _, c = add(opened, "a", "b", "c")
    opened.viewer.layers.selection = {a, c}
    widget = opened.widget
    assert widget.layer.native.currentText() == "2 layers: a, c"
    assert widget.run_button.text == "Super-resolve 2 layers"
    assert "2 layers, one after the other; shown here is “c”." in widget.layer_info.text()
    opened.run()
    assert [job.name for job in widget.queue.jobs] == ["a", "c"]
    opened.wait_for_jobs()
    assert opened.names == ["a", "a ×4", "b", "c", "c ×4"]
    for layer in (a, c):
        assert np.array_equal(opened.viewer.layers[f"{layer.name} ×4"].data, repeated(layer.data))
    assert widget.layer.sources == (bare(a), bare(c))
    assert "“c ×4” is new; the 2 layers are still taken." in opened.message


def tops(widget: Any) -> list[int]:
    """Return how far down the rows below the layer's own are."""
    QApplication.processEvents()
    rows = (widget.model, widget.estimate_label, widget.run_button)
    return [getattr(row, "native", row).mapTo(widget, QPoint(0, 0)).y() for row in rows]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("name", ["a", "cells in a dish, stained twice"])
def test_nothing_moves_when_a_result_comes(open_widget: Open, count: int, name: str) -> None:
    opened = open_widget(show=True)
    widget = opened.widget
    widget.setFixedWidth(WIDTH)
    layers = [
        opened.viewer.add_image(image(2, 116, 117), name=f"{name} {i}", scale=(2.5, 0.125, 0.125))
        for i in range(count)
    ]
    opened.viewer.layers.selection = set(layers)
    opened.wait_for_estimate(timed=True)
    before = tops(widget)
    opened.run()
    opened.wait_for_jobs()
    opened.wait_for_estimate(timed=True)
    assert len(opened.viewer.layers) == 2 * count
    assert "is new" in opened.message
    assert tops(widget) == before


def test_each_has_its_cross_and_all_have_one(open_widget: Open, slow_model: None) -> None:
    opened = open_widget()
    layers = add(opened, "a", "b", "c", side=300)
    opened.viewer.layers.selection = set(layers)
    opened.run()
    rows = opened.widget.job_list
    running, second, third = opened.widget.queue.jobs
    assert [row.job.name for row in rows.rows] == ["a", "b", "c"]
    assert not rows.all.isHidden()
    assert rows.all.text.text() == "All: 0 of 3 done"
    opened.click(rows.rows[1].cancel_button)
    opened.wait(lambda: not second.active)
    assert (running.state, second.state, third.state) == ("running", "cancelled", "waiting")
    assert rows.all.text.text() == "All: 0 of 2 done"
    opened.wait(lambda: running.state == "done")
    opened.wait(lambda: third.state == "running")
    assert rows.all.text.text() == "All: 1 of 2 done"
    assert rows.all.bar.value() >= 500
    opened.click(rows.all.cancel_button)
    opened.wait_for_jobs()
    assert third.state == "cancelled"
    assert opened.names == ["a", "a ×4", "b", "c"]
    assert rows.all.isHidden()


def test_the_button_cancels_all_of_them(open_widget: Open, slow_model: None) -> None:
    opened = open_widget()
    layers = add(opened, "a", "b", side=300)
    opened.viewer.layers.selection = set(layers)
    opened.run()
    jobs = list(opened.widget.queue.jobs)
    opened.wait(lambda: jobs[0].progress is not None)
    assert opened.widget.run_button.text == "Cancel"
    opened.run()
    opened.wait_for_jobs()
    assert [job.state for job in jobs] == ["cancelled", "cancelled"]
    assert opened.names == ["a", "b"]


def test_a_job_stopped_when_its_work_is_just_over_adds_nothing(open_widget: Open) -> None:
    opened = open_widget()
    add(opened, "a")
    opened.wait_for_estimate(timed=True)
    opened.run()
    job: Any = opened.widget.queue.jobs[0]
    pool = QThreadPool.globalInstance()
    assert pool is not None
    assert pool.waitForDone(60_000)
    assert job.state == "running"
    opened.click(opened.widget.job_list.rows[0].cancel_button)
    opened.wait_for_jobs()
    assert job.state == "cancelled"
    assert opened.names == ["a"]


def test_one_job_alone_has_one_bar(open_widget: Open, slow_model: None) -> None:
    opened = open_widget()
    add(opened, "a", side=200)
    opened.run()
    assert len(opened.widget.job_list.rows) == 1
    assert opened.widget.job_list.all.isHidden()
    opened.wait_for_jobs()


def test_other_layers_among_them_are_named(open_widget: Open) -> None:
    opened = open_widget()
    layers = add(opened, "a", "b")
    layers.append(opened.viewer.add_labels(np.zeros((8, 8), int), name="nuclei"))
    layers.append(opened.viewer.add_points(np.zeros((2, 2)), name="spots"))
    layers.append(opened.viewer.add_image(np.zeros((9, 9), bool), name="mask"))
    opened.viewer.layers.selection = set(layers)
    assert "Left out: “nuclei” (labels), “spots” (points)." in opened.widget.layer_info.text()
    assert "⚠ Left out: “mask”. The image has dtype bool;" in opened.message
    assert opened.widget.layer.native.currentText() == "2 layers: a, b"
    assert opened.widget.run_button.text == "Super-resolve 2 layers"
    assert all(
        button.native.isEnabled()
        for button in (opened.widget.preview_button, opened.widget.live_button)
    )
    opened.run()
    opened.wait_for_jobs()
    assert [name for name in opened.names if "×" in name] == ["a ×4", "b ×4"]


def test_of_several_that_cannot_be_done_one_says_why(open_widget: Open) -> None:
    opened = open_widget()
    masks = [opened.viewer.add_image(np.zeros((9, 9), bool), name=name) for name in "ab"]
    (c,) = add(opened, "c")
    opened.viewer.layers.selection = set(masks)
    assert "⚠ The image has dtype bool" in opened.message
    assert not opened.widget.run_button.native.isEnabled()
    opened.viewer.layers.selection = {masks[0], c}
    assert opened.widget.layer.value is bare(c)
    assert "⚠ Left out: “a”. The image has dtype bool" in opened.message
    assert opened.widget.run_button.text == "Super-resolve layer"


def test_a_live_layer_among_them_stands_for_its_source(open_widget: Open) -> None:
    opened = open_widget(show=True)
    (a,) = add(opened, "a")
    opened.click(opened.widget.live_button)
    opened.wait(lambda: opened.widget.live.live is not None)
    (b,) = add(opened, "b")
    live = opened.viewer.layers["a ×4 live"]
    opened.viewer.layers.selection = {live, b}
    assert opened.widget.layer.sources == (bare(a), bare(b))
    opened.viewer.layers.selection = {live, a}
    assert opened.widget.layer.value is bare(a)
    assert opened.widget.run_button.text == "Super-resolve layer"


def test_one_of_them_can_be_chosen(open_widget: Open) -> None:
    opened = open_widget()
    a, b = add(opened, "a", "b")
    opened.viewer.layers.selection = {a, b}
    opened.widget.layer.value = bare(a)
    assert "“a”, “b” are selected, but “a” is taken." in opened.widget.layer_info.text()
    assert opened.widget.run_button.text == "Super-resolve layer"
    opened.run()
    opened.wait_for_jobs()
    assert opened.names == ["a", "a ×4", "b"]


def test_renamed_and_removed_layers_among_several(open_widget: Open) -> None:
    opened = open_widget()
    a, b, c = add(opened, "a", "b", "c")
    opened.viewer.layers.selection = {a, b, c}
    a.name = "new"
    assert opened.widget.layer.native.currentText() == "3 layers: new, b, c"
    opened.viewer.layers.remove(b)
    assert opened.widget.layer.value == LayerGroup((bare(a), bare(c)))
    opened.viewer.layers.remove(c)
    assert opened.widget.layer.value is bare(a)
    assert opened.widget.run_button.text == "Super-resolve layer"


def test_each_has_its_own_contrast_limits_and_place(open_widget: Open) -> None:
    opened = open_widget()
    layers = [
        opened.viewer.add_image(image(16, 16), name="a", contrast_limits=(0, 100)),
        opened.viewer.add_image(image(20, 20), name="b", contrast_limits=(5, 250)),
    ]
    opened.viewer.layers.selection = set(layers)
    opened.widget.advanced.normalise.value = "limits"
    opened.run()
    jobs = list(opened.widget.queue.jobs)
    assert [job.options.normalise for job in jobs] == [(0, 100), (5, 250)]
    opened.wait_for_jobs()


def test_colour_and_grey_together_take_the_models_that_suit(open_widget: Open) -> None:
    opened = open_widget()
    (a,) = add(opened, "a")
    rgb = opened.viewer.add_image(image(40, 40, 3), name="rgb")
    opened.viewer.layers.selection = {a, rgb}
    opened.run()
    opened.wait_for_jobs()
    made = [opened.viewer.layers[name].metadata["napari_srgan"] for name in ("a ×4", "rgb ×4")]
    assert [each["model"] for each in made] == ["gray-x4", "general-x4"]


def test_the_command_takes_all_selected_layers(qtbot: QtBot) -> None:
    viewer: Any = ViewerModel()
    layers = [viewer.add_image(image(16, 16), name=name) for name in "abc"]
    points = viewer.add_points(np.zeros((2, 2)), name="spots")
    viewer.layers.selection = {layers[0], layers[2], points}
    queue = queue_of(viewer)
    assert super_resolve_active(viewer) is queue.jobs[0]
    qtbot.waitUntil(lambda: not queue.jobs, timeout=60_000)
    assert [each.name for each in viewer.layers] == ["a", "a ×4", "b", "c", "c ×4", "spots"]
    (shown,) = notification_manager.records
    assert shown.message.startswith("Left out: “spots” (points)")


@pytest.mark.usefixtures("qtbot")
def test_the_menu_s_entry_can_be_clicked_where_an_image_is_selected(
    npe2pm: PluginManager,
) -> None:
    command = npe2pm.get_command("napari-srgan.super_resolve_active")
    enabled = parse_expression(str(command.enablement))
    viewer: Any = ViewerModel()
    a, b = (viewer.add_image(image(8, 8), name=name) for name in "ab")
    points = viewer.add_points(np.zeros((2, 2)))
    for selection, expected in (
        ({a}, True),
        ({a, b}, True),
        ({a, points}, True),
        ({points}, False),
        (set(), False),
    ):
        viewer.layers.selection = selection
        assert bool(enabled.eval(viewer.layers._ctx)) is expected


@pytest.mark.usefixtures("qtbot")
def test_a_job_that_reads_says_so() -> None:
    viewer: Any = ViewerModel()
    job = Job(JobRequest(viewer.add_image(image(16, 16), name="a")))
    job.state = "running"
    assert progress_text(job) == "starting…"
    job.progress = Progress(0.0, 0, 4)
    object.__setattr__(job.progress, "stage", "reading")
    assert progress_text(job) == "reading…"
    object.__setattr__(job.progress, "stage", "computing")
    assert progress_text(job) == "tile 1 of 4"


def test_the_forecast_is_of_all_layers_that_can_be_done(open_widget: Open) -> None:
    opened = open_widget()
    a, b, c = add(opened, "a", "b", "c")
    bad = opened.viewer.add_image(np.zeros((16, 16), bool), name="bad")
    opened.viewer.layers.selection = {b}
    opened.wait(lambda: opened.widget.layer.sources == (bare(b),))
    single = opened.wait_for_estimate(timed=True)
    assert single.total is None
    opened.viewer.layers.selection = {a, b, c, bad}
    opened.wait_until_settled()
    estimate = opened.wait_for_estimate(timed=True)
    total = estimate.total
    assert (total.layers, total.nbytes, total.tiles) == (3, 3 * 64 * 64, 3)
    assert total.memory == single.working_bytes + total.nbytes
    assert total.seconds > estimate.seconds
    text = opened.widget.estimate_label.text()
    assert text.startswith("→ 3 layers: 12 kB · 3 tiles · under 1 s\n")
    assert f"of memory · {estimate.device}" in text
    opened.viewer.layers.selection = {a}
    opened.wait(lambda: opened.widget.layer.sources == (bare(a),))
    assert opened.wait_for_estimate(timed=True).total is None
    assert "layers" not in opened.widget.estimate_label.text()
