"""What goes wrong is said in a sentence, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_srgan.plugin.jobs.queue import queue_of
from tests.conftest import MakeModel
from tests.plugin.conftest import Opened, idle, put

Open = Callable[..., Opened]

pytestmark = pytest.mark.usefixtures("small_models")

rng = np.random.default_rng(0)


def image(*shape: int) -> Any:
    """Return an image of noise."""
    return rng.integers(0, 255, shape, "uint8")


def test_without_an_image_it_says_what_to_do(open_widget: Open) -> None:
    opened = open_widget()
    assert "Open an image first" in opened.widget.layer_info.text()
    assert not opened.widget.run_button.native.isEnabled()
    assert not opened.widget.preview_button.native.isEnabled()


def test_a_selected_labels_layer_is_named(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(image(8, 8), name="cells")
    opened.viewer.add_labels(np.zeros((8, 8), int), name="nuclei")
    assert (
        "“nuclei” is a labels layer; the image “cells” is taken." in opened.widget.layer_info.text()
    )
    opened.viewer.add_points(np.zeros((1, 2)), name="spots")
    assert "“spots” is a points layer" in opened.widget.layer_info.text()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.zeros((9, 9), bool), "⚠ The image has dtype bool; allowed are integers and floats"),
        (np.zeros((2,) * 5 + (9, 9), "uint8"), "has 5 axes before Y and X, more than T, C and Z"),
    ],
)
def test_an_image_that_cannot_be_taken_is_refused_before_the_click(
    open_widget: Open, data: Any, sentence: str
) -> None:
    opened = open_widget()
    opened.viewer.add_image(data, name="a", contrast_limits=(0, 1))
    buttons = (opened.widget.run_button, opened.widget.preview_button, opened.widget.live_button)
    opened.wait(lambda: sentence in opened.message)
    opened.wait_until_settled()
    for button in buttons:
        opened.click(button)
        assert not button.native.isEnabled()
    assert opened.widget.queue.jobs == []
    assert sentence in opened.message
    opened.viewer.add_image(image(9, 9), name="b")
    assert all(button.native.isEnabled() for button in buttons)
    opened.wait_for_estimate()
    assert opened.message == ""


def test_axes_of_an_image_of_7_dimensions_can_be_named_no_more(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(np.zeros((1,) * 5 + (9, 9), "uint8"), name="a", contrast_limits=(0, 1))
    opened.widget.advanced.axes.value = "ABTCZYX"
    opened.wait(lambda: "allowed are T time, C channel" in opened.message)


def test_a_layer_that_is_deleted_meanwhile_loses_nothing(
    open_widget: Open, slow_model: None
) -> None:
    opened = open_widget()
    source = opened.viewer.add_image(image(200, 200), name="a")
    opened.run()
    opened.viewer.layers.remove(source)
    opened.wait_for_jobs()
    assert opened.names == ["a ×4"]
    assert "“a” was removed while it was being computed" in opened.message


def test_data_that_are_replaced_meanwhile_are_not_mixed_up(
    open_widget: Open, identity_models: None
) -> None:
    opened = open_widget()
    old = image(300, 300)
    source = opened.viewer.add_image(old, name="a", scale=(2, 2))
    opened.widget.advanced.precision.value = "float32"
    opened.run()
    source.data = image(4, 4)
    source.scale = (8, 8)
    opened.wait_for_jobs()
    finer = opened.viewer.layers["a ×4"]
    assert np.array_equal(finer.data, old.repeat(4, 0).repeat(4, 1))
    assert np.allclose(finer.scale, 0.5)
    assert "were replaced while it was being computed" in opened.message


def test_a_layer_that_is_moved_meanwhile_is_met_where_it_is(
    open_widget: Open, slow_model: None
) -> None:
    opened = open_widget()
    source = opened.viewer.add_image(image(200, 200), name="a")
    opened.run()
    source.scale = (3, 3)
    source.translate = (50, 60)
    opened.wait_for_jobs()
    finer = opened.viewer.layers["a ×4"]
    assert np.allclose(finer.scale, 0.75)
    assert np.allclose(finer.data_to_world((-0.5, -0.5)), source.data_to_world((-0.5, -0.5)))


def test_closing_the_viewer_stops_everything(open_widget: Open, slow_model: None) -> None:
    opened = open_widget()
    for name in ("a", "b"):
        opened.viewer.add_image(image(30, 512, 512), name=name)
        opened.run()
    running, waiting = opened.widget.queue.jobs
    opened.wait(lambda: running.progress is not None)
    opened.viewer.close()
    opened.wait(lambda: idle() and not running.active, seconds=20)
    assert running.state == "cancelled"
    assert waiting.state != "running"


def test_a_result_without_room_says_how_much_and_what_to_do(open_widget: Open) -> None:
    opened = open_widget()
    huge = da.zeros((100_000, 4096, 4096), chunks=(1, 4096, 4096), dtype="uint16")
    opened.viewer.add_image(huge, name="a", contrast_limits=(0, 1))
    opened.wait(lambda: "50000.0 GiB" in opened.message, seconds=30)
    assert "Take a part of the image" in opened.message
    opened.run()
    opened.wait_for_jobs()
    assert opened.names == ["a"]


def test_a_model_that_does_not_load_is_named(open_widget: Open, tmp_path: Path) -> None:
    opened = open_widget()
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no model at all")
    opened.viewer.add_image(image(8, 8), name="a")
    opened.widget.model.files.append(broken)
    opened.widget.model.reset_choices()
    opened.widget.model.value = broken
    opened.wait(lambda: "broken.safetensors" in opened.message)
    opened.run()
    opened.wait_for_jobs()
    assert opened.message.startswith("⚠")
    assert opened.names == ["a"]


def test_a_colour_model_takes_a_grey_layer(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(image(8, 8), name="a")
    opened.widget.model.value = "general-x4"
    opened.wait_for_estimate()
    opened.run()
    opened.wait_for_jobs()
    assert opened.names == ["a", "a ×4"]


def test_a_model_for_other_channels_says_which_would_do(
    open_widget: Open, own_models: Path, make_identity: MakeModel
) -> None:
    put(own_models, "bands", make_identity(5))
    opened = open_widget()
    opened.viewer.add_image(image(8, 8), name="a")
    opened.widget.model.value = "bands"
    opened.wait(lambda: "takes 5 channels at once" in opened.message)


def test_channels_that_are_done_on_their_own_are_mentioned(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(image(5, 8, 8), name="a")
    opened.wait_for_estimate()
    assert opened.message == ("gray-x4 takes each of the 5 channels on its own.")


def test_a_value_that_is_no_number_is_named(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(image(8, 8), name="a")
    opened.widget.advanced.nodata.value = "none at all"
    opened.run()
    assert "The no-data value 'none at all' is not a number." in opened.message
    assert opened.widget.queue.jobs == []


def test_an_error_of_the_network_ends_the_job(
    open_widget: Open, slow_model: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    opened = open_widget()
    opened.viewer.add_image(image(64, 64), name="a")
    opened.wait_for_estimate(timed=True)

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the processor is on fire")

    monkeypatch.setattr(torch.nn.functional, "leaky_relu", fail)
    monkeypatch.setattr(torch.nn.functional, "leaky_relu_", fail, raising=False)
    monkeypatch.setattr("napari.utils.notifications.NotificationManager.receive_error", _received)
    opened.run()
    opened.wait_for_jobs()
    assert "the processor is on fire" in opened.message
    assert opened.names == ["a"]


def _received(*_: Any) -> None:
    """Stand in for napari's window with a traceback, which a test would fail by."""


def test_the_jobs_of_two_viewers_do_not_mix(open_widget: Open, slow_model: None) -> None:
    one, two = open_widget(), open_widget()
    one.viewer.add_image(image(100, 100), name="a")
    two.viewer.add_image(image(16, 16), name="b")
    one.run()
    assert two.widget.queue.jobs == []
    two.run()
    one.wait_for_jobs()
    two.wait_for_jobs()
    assert (one.names, two.names) == (["a", "a ×4"], ["b", "b ×4"])
    assert queue_of(one.viewer) is one.widget.queue


def test_memory_that_runs_out_half_way_is_mentioned_and_nothing_is_lost(
    open_widget: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    convolve, most = torch.nn.functional.conv2d, 100 * 100

    def conv2d(x: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
        if x.shape[-1] * x.shape[-2] > most:
            raise torch.OutOfMemoryError("out of memory")
        return convolve(x, *args, **options)

    opened = open_widget()
    opened.viewer.add_image(image(200, 200), name="a")
    opened.wait_for_estimate(timed=True)
    monkeypatch.setattr(torch.nn.functional, "conv2d", conv2d)
    monkeypatch.setattr(torch.nn.Conv2d, "_conv_forward", _forward_through(conv2d))
    opened.run()
    opened.wait_for_jobs()
    assert opened.names == ["a", "a ×4"]
    assert "cpu ran out of memory; going on with tiles of at most" in opened.message


def _forward_through(conv2d: Callable[..., Any]) -> Callable[..., Any]:
    def forward(self: Any, x: Any, weight: Any, bias: Any) -> Any:
        return conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    return forward
