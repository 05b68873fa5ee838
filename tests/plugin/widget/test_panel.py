"""The widget, through real clicks on a real viewer with small real networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog, QMessageBox

import napari_srgan as ns
from napari_srgan.models import save_model
from napari_srgan.plugin import settings
from napari_srgan.plugin.widget.model_choice import CHOOSE_FILE
from napari_srgan.plugin.widget.panel import SuperResolveWidget
from tests.conftest import MakeModel
from tests.plugin.conftest import Opened, idle

Open = Callable[..., Opened]

pytestmark = pytest.mark.usefixtures("small_models")

rng = np.random.default_rng(0)


def corners(layer: Any) -> npt.NDArray[Any]:
    """Return the world coordinates of the outer corners of a layer's data."""
    ends = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in layer.data.shape[: layer.ndim]]))
    return np.array([layer.data_to_world(p) for p in ends.reshape(layer.ndim, -1).T])


def test_a_click_adds_a_finer_layer_on_top_of_its_source(open_widget: Open) -> None:
    opened = open_widget()
    source = opened.viewer.add_image(
        rng.integers(0, 4000, (3, 20, 30), "uint16"),
        name="cells",
        scale=(2.0, 0.5, 0.25),
        translate=(10, -7, 3),
        rotate=[[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]],
        shear=[0.1, 0.2, -0.3],
        units=("um", "um", "um"),
        colormap="magenta",
    )
    opened.run()
    opened.wait_for_jobs()
    finer = opened.viewer.layers["cells ×4"]
    assert finer.data.shape == (3, 80, 120)
    assert finer.data.dtype == np.uint16
    pixel = min(finer.scale)
    assert np.abs(corners(finer) - corners(source)).max() < 1e-6 * pixel
    assert finer.colormap.name == "magenta"
    assert np.allclose(finer.contrast_limits, source.contrast_limits)
    assert [str(unit) for unit in finer.units] == ["micrometer"] * 3


def test_the_result_says_how_it_was_made(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(rng.integers(0, 255, (16, 16), "uint8"), name="a", metadata={"b": 1})
    opened.widget.advanced.consistency.value = 1
    opened.run()
    opened.wait_for_jobs()
    metadata = opened.viewer.layers["a ×4"].metadata
    made = metadata["napari_srgan"]
    assert metadata["b"] == 1
    assert made["model"] == "gray-x4"
    assert [len(digest) for digest in made["sha256"]] == [64]
    assert made["consistency"] == 1
    assert made["part"] == [[0, 16], [0, 16]]
    assert {"napari-srgan", "torch"} == set(made["versions"])


def test_the_outlook_is_what_comes_out(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(
        rng.integers(0, 255, (7, 30, 40), "uint8"), name="a", scale=(1, 2, 2), units="um"
    )
    estimate = opened.wait_for_estimate(timed=True)
    text = opened.widget.estimate_label.text()
    assert opened.widget.layer_info.text() == "Z Y X (guessed) · 7 × 30 × 40 · uint8 · 2 µm"
    assert "→ 7 × 120 × 160 · uint8 · 0.5 µm" in text
    assert "7 tiles" in text
    opened.run()
    opened.wait_for_jobs()
    result = opened.viewer.layers["a ×4"].data
    assert estimate.shape == result.shape
    assert estimate.nbytes == result.nbytes


def test_a_click_while_it_runs_cancels(open_widget: Open, slow_model: None) -> None:
    opened = open_widget()
    opened.viewer.add_image(rng.integers(0, 255, (20, 512, 512), "uint8"), name="stack")
    opened.run()
    (job,) = opened.widget.queue.jobs
    opened.wait(lambda: job.progress is not None)
    assert opened.widget.run_button.text == "Cancel"
    opened.run()
    assert opened.widget.run_button.text == "Cancelling…"
    opened.wait_for_jobs(seconds=10)
    assert job.state == "cancelled"
    assert opened.names == ["stack"]
    assert opened.widget.run_button.text == "Super-resolve layer"
    assert opened.widget.job_list.rows == []
    opened.wait(lambda: not job.worker.is_running)


def test_a_double_click_does_not_cancel(open_widget: Open, slow_model: None) -> None:
    opened = open_widget()
    opened.viewer.add_image(rng.integers(0, 255, (400, 400), "uint8"), name="a")
    opened.run()
    opened.click(opened.widget.run_button)
    opened.click(opened.widget.run_button)
    (job,) = opened.widget.queue.jobs
    assert job.state == "running"
    opened.wait(opened.widget.run_button.native.isEnabled)
    assert opened.widget.run_button.text == "Cancel"


def test_jobs_queue_up_and_each_has_its_cancel(open_widget: Open, slow_model: None) -> None:
    opened = open_widget()
    for name in ("first", "second", "third"):
        opened.viewer.add_image(rng.integers(0, 255, (300, 300), "uint8"), name=name)
        opened.run()
    states = [job.state for job in opened.widget.queue.jobs]
    assert states == ["running", "waiting", "waiting"]
    row = opened.widget.job_list.rows[1]
    assert row.text.text() == "second: waiting"
    opened.click(row.cancel_button)
    opened.wait_for_jobs()
    assert opened.names == ["first", "first ×4", "second", "third", "third ×4"]


def test_a_second_run_of_a_layer_makes_a_second_result(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(rng.integers(0, 255, (16, 16), "uint8"), name="a")
    for _ in range(2):
        opened.run()
        opened.wait_for_jobs()
    assert opened.names == ["a", "a ×4", "a ×4 [1]"]


def test_the_result_lies_right_above_its_source(open_widget: Open) -> None:
    opened = open_widget()
    source = opened.viewer.add_image(rng.integers(0, 255, (16, 16), "uint8"), name="a")
    opened.viewer.add_labels(np.zeros((16, 16), int), name="cells")
    opened.viewer.layers.selection.active = source
    opened.run()
    opened.wait_for_jobs()
    assert opened.names == ["a", "a ×4", "cells"]


def test_the_widget_follows_the_layer_list(open_widget: Open) -> None:
    opened = open_widget()
    layer = opened.widget.layer
    one = opened.viewer.add_image(np.zeros((8, 8), "uint8"), name="one")
    two = opened.viewer.add_image(np.zeros((9, 9), "uint8"), name="two")
    assert layer.value.name == "two"
    opened.viewer.layers.selection.active = one
    assert layer.value.name == "one"
    one.name = "renamed"
    assert [layer.get_choice(name).name for name in ("renamed", "two")] == ["renamed", "two"]
    opened.viewer.layers.remove(one)
    assert layer.choices == (two,)
    two.data = np.zeros((4, 10, 12), "uint16")
    assert opened.widget.layer_info.text().startswith("C Y X (guessed) · 4 × 10 × 12 · uint16")


def test_axes_of_one_layer_are_not_taken_for_those_of_another(open_widget: Open) -> None:
    opened = open_widget()
    stack = opened.viewer.add_image(np.zeros((8, 9, 9), "uint8"), name="stack")
    opened.widget.advanced.axes.value = "TYX"
    assert opened.widget.layer_info.text().startswith("T Y X · 8 × 9 × 9")
    opened.viewer.add_image(np.zeros((9, 9), "uint8"), name="flat")
    assert opened.widget.advanced.axes.value == ""
    assert opened.widget.layer_info.text().startswith("Y X · 9 × 9")
    opened.viewer.layers.selection.active = stack
    assert opened.widget.layer_info.text().startswith("Z Y X (guessed)")


def test_a_result_is_not_taken_for_the_next_source(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(rng.integers(0, 255, (16, 16), "uint8"), name="a")
    opened.run()
    opened.wait_for_jobs()
    assert opened.viewer.layers.selection.active.name == "a ×4"
    assert opened.widget.layer.value.name == "a"


def test_a_preview_is_replaced_by_the_run(open_widget: Open) -> None:
    opened = open_widget(show=True)
    source = opened.viewer.add_image(rng.integers(0, 255, (40, 50), "uint8"), name="a")
    opened.wait(lambda: source.corner_pixels[1].all())
    opened.click(opened.widget.preview_button)
    opened.wait_for_jobs()
    preview = opened.viewer.layers["a ×4 preview"]
    assert preview.metadata["napari_srgan"]["part"] == [[0, 40], [0, 50]]
    opened.click(opened.widget.preview_button)
    opened.wait_for_jobs()
    assert opened.names == ["a", "a ×4 preview"]
    opened.run()
    opened.wait_for_jobs()
    assert opened.names == ["a", "a ×4"]


def test_what_was_set_is_remembered(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(rng.integers(0, 255, (16, 16), "uint8"), name="a")
    opened.widget.model.value = "gray-x4"
    opened.widget.advanced.precision.value = "float32"
    opened.widget.advanced.tile.value = 64
    opened.run()
    opened.wait_for_jobs()
    again = open_widget()
    assert again.widget.model.value == "gray-x4"
    assert again.widget.advanced.precision.value == "float32"
    assert again.widget.advanced.tile.value == 64


@pytest.mark.parametrize(
    ("kept", "chosen", "stays"),
    [
        ("gray-x4", "auto", "auto"),
        ("gray-x4", None, "gray-x4"),
        ("gone-x4", None, "auto"),
    ],
)
def test_what_is_chosen_before_the_models_are_known_stays(
    open_widget: Open, qtbot: QtBot, kept: str, chosen: str | None, stays: str
) -> None:
    opened = open_widget()
    settings.put("model", kept)
    early = SuperResolveWidget(opened.viewer)
    qtbot.addWidget(early)
    assert early.model.value == kept
    if chosen is not None:
        early.model.value = chosen
    opened.wait(lambda: early.model.cards)
    assert early.model.value == stays
    first, *_, last = early.model.choices
    assert (first, last) == ("auto", CHOOSE_FILE)


def test_the_models_stay_in_their_order(
    open_widget: Open, tmp_path: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_widget()
    choices = opened.widget.model.choices
    # With another kind of layer “auto” stands for another model.
    opened.viewer.add_image(np.zeros((16, 16, 3), "uint8"), rgb=True)
    assert opened.widget.model.choices == choices
    model = make_model()
    path = save_model(tmp_path / "own", model.state_dict(), model.card)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    opened.widget.model.value = CHOOSE_FILE
    assert opened.widget.model.value == path
    assert opened.widget.model.choices == (*choices[:-1], path, CHOOSE_FILE)


def test_the_source_is_hidden_where_a_person_asked_for_it(open_widget: Open) -> None:
    from napari.settings import get_plugin_settings

    get_plugin_settings("napari-srgan").widget.hide_source = True
    opened = open_widget()
    source = opened.viewer.add_image(rng.integers(0, 255, (16, 16), "uint8"), name="a")
    opened.run()
    opened.wait_for_jobs()
    assert not source.visible


def test_the_form_fits_into_a_narrow_dock(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(np.zeros((8, 8), "uint8"), name="a layer with quite a long name" * 3)
    opened.widget.more.expand(animate=False)
    assert opened.widget.minimumSizeHint().width() <= 300


def test_every_control_says_what_it_does(open_widget: Open) -> None:
    widget = open_widget().widget
    controls = [widget.layer, widget.model, widget.region, widget.detail, widget.help, widget.card]
    controls.append(widget.live_button)
    for control in (*controls, widget.run_button, widget.preview_button, *widget.advanced.controls):
        assert control.tooltip
        assert len(control.tooltip) > 15


def test_the_theme_may_change(open_widget: Open) -> None:
    opened = open_widget()
    for theme in ("light", "dark"):
        opened.viewer.theme = theme
    assert opened.widget.styleSheet() == ""
    assert opened.widget.isEnabled()


def test_closing_the_dock_lets_the_job_go_on(open_widget: Open, slow_model: None) -> None:
    opened = open_widget()
    opened.viewer.add_image(rng.integers(0, 255, (200, 200), "uint8"), name="a")
    opened.run()
    queue = opened.widget.queue
    opened.viewer.window.remove_dock_widget(opened.widget)
    opened.wait(lambda: not queue.jobs)
    assert opened.names == ["a", "a ×4"]
    opened.viewer.add_image(np.zeros((8, 8)), name="b")
    opened.viewer.dims.ndisplay = 3


def test_the_dock_may_be_closed_while_it_looks_ahead(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(rng.integers(0, 255, (200, 200), "uint8"), name="a")
    opened.wait(lambda: opened.widget.estimate_updater.worker)
    opened.viewer.window.remove_dock_widget(opened.widget)
    opened.wait(idle)
    opened.bot.wait(300)
    assert opened.names == ["a"]


def test_the_form_can_be_used_from_the_keyboard(open_widget: Open) -> None:
    opened = open_widget(show=True)
    opened.viewer.add_image(rng.integers(0, 255, (16, 16), "uint8"), name="a")
    widget = opened.widget
    opened.viewer.window.activate()
    widget.layer.native.setFocus()
    order = [widget.layer.native]
    while (following := order[-1].nextInFocusChain()) not in order:
        order.append(following)
    wanted = [
        each.native
        for each in (
            widget.layer,
            widget.help,
            widget.model,
            widget.card,
            widget.region,
            widget.preview_button,
            widget.run_button,
        )
    ]
    assert [each for each in order if each in wanted] == wanted
    QTest.keyClick(widget.run_button.native, Qt.Key.Key_Space)  # type: ignore[call-overload]
    opened.wait_for_jobs()
    assert opened.names == ["a", "a ×4"]


def test_the_model_s_card_is_a_click_away(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(rng.integers(0, 255, (16, 16), "uint8"), name="a")
    opened.wait(opened.widget.card.native.isEnabled)
    opened.click(opened.widget.card)
    (box,) = opened.widget.findChildren(QMessageBox)
    assert "<h3>gray-x4</h3>" in box.text()
    assert "fine detail is a guess" in box.text()
    box.close()


def test_the_slider_blends_the_ends_of_a_model(
    open_widget: Open, own_models: Path, make_model: MakeModel
) -> None:
    network = make_model().network
    for end in ("fidelity", "adversarial"):
        state = {
            name: value + (end == "adversarial") * 0.01 * value.is_floating_point()
            for name, value in network.state_dict().items()
        }
        card = ns.ModelCard("gray-x4", network.config, end=end)
        save_model(own_models / f"{end}", state, card)
    (own_models / "gray-x4.safetensors").unlink()
    opened = open_widget()
    opened.viewer.add_image(rng.integers(0, 255, (16, 16), "uint8"), name="a")
    opened.wait(lambda: opened.widget.detail.slider.enabled)
    opened.widget.detail.slider.value = 0.25
    opened.run()
    opened.wait_for_jobs()
    made = opened.viewer.layers["a ×4"].metadata["napari_srgan"]
    assert made["detail"] == 0.25
    assert len(made["sha256"]) == 2
