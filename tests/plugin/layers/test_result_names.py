"""Results of one layer: which lies on top, and what each is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_srgan as ns
from napari_srgan.models import save_model
from napari_srgan.plugin.layers.result_names import Recipe, name_result
from tests.conftest import MakeModel
from tests.plugin.conftest import Opened, put

Open = Callable[..., Opened]

pytestmark = pytest.mark.usefixtures("small_models")

rng = np.random.default_rng(0)


def image(*shape: int) -> Any:
    """Return an image of noise."""
    return rng.integers(0, 255, shape, "uint8")


def bare(layer: Any) -> Any:
    """Return a layer itself for the proxy that napari hands to plugins."""
    return getattr(layer, "__wrapped__", layer)


def again(opened: Opened) -> str:
    """Click, and return the name of the layer that comes."""
    opened.run()
    opened.wait_for_jobs()
    name: str = opened.viewer.layers.selection.active.name
    return name


@pytest.fixture
def both_ends(small_models: None, own_models: Path, make_model: MakeModel) -> None:
    """Put a network with both ends of detail in the place of gray-x4."""
    (own_models / "gray-x4.safetensors").unlink()
    network = make_model().network
    for end in ("fidelity", "adversarial"):
        state = {
            name: value + (end == "adversarial") * 0.01 * value.is_floating_point()
            for name, value in network.state_dict().items()
        }
        save_model(own_models / end, state, ns.ModelCard("gray-x4", network.config, end=end))


@pytest.mark.usefixtures("both_ends")
def test_the_newest_lies_on_top_and_its_name_says_what_differs(
    open_widget: Open, own_models: Path, make_model: MakeModel
) -> None:
    put(own_models, "satellite-x4", make_model())
    opened = open_widget()
    source = opened.viewer.add_image(image(20, 16), name="a")
    opened.viewer.add_labels(np.zeros((20, 16), int), name="cells")
    opened.viewer.layers.selection.active = source
    widget = opened.widget
    opened.wait(lambda: widget.detail.slider.enabled)
    assert again(opened) == "a ×4"
    widget.detail.slider.value = 1.0
    assert again(opened) == "a ×4 realistic"
    widget.detail.slider.value = 0.5
    assert again(opened) == "a ×4 detail 0.5"
    widget.model.value = "satellite-x4"
    assert again(opened) == "a ×4 satellite"
    assert opened.names == [
        "a",
        "a ×4",
        "a ×4 realistic",
        "a ×4 detail 0.5",
        "a ×4 satellite",
        "cells",
    ]
    made = [each.metadata["napari_srgan"] for each in list(opened.viewer.layers)[1:5]]
    assert [each["detail"] for each in made] == [0, 1, 0.5, 0]
    assert [each["model"] for each in made] == ["gray-x4"] * 3 + ["satellite-x4"]


def test_a_result_lies_above_all_that_covers_its_source(open_widget: Open) -> None:
    opened = open_widget(show=True)
    source = opened.viewer.add_image(image(30, 30), name="a")
    opened.viewer.add_image(image(30, 30), name="b")
    again(opened)
    opened.viewer.layers.selection.active = source
    again(opened)
    opened.click(opened.widget.live_button)
    opened.wait(lambda: opened.widget.live.live is not None)
    assert opened.names == ["a", "a ×4", "a ×4 live", "b", "b ×4"]
    again(opened)
    assert opened.names == ["a", "a ×4", "a ×4 live", "a ×4 [1]", "b", "b ×4"]
    opened.viewer.layers.selection.active = opened.viewer.layers["a ×4"]
    assert again(opened) == "a ×4 ×4"
    opened.viewer.layers.selection.active = source
    assert again(opened) == "a ×4 [2]"
    assert opened.names[3:6] == ["a ×4 [1]", "a ×4 ×4", "a ×4 [2]"]
    opened.viewer.layers.move(1, 8)
    assert again(opened) == "a ×4 [3]"
    assert opened.names[-3:] == ["b ×4", "a ×4", "a ×4 [3]"]


def test_parts_are_named_by_what_they_are(open_widget: Open) -> None:
    opened = open_widget()
    source = opened.viewer.add_image(image(9, 20, 24), name="a", scale=(5, 1, 1))
    widget = opened.widget
    assert again(opened) == "a ×4"
    widget.region.value = "slice"
    for place in (6, 2):
        opened.viewer.dims.set_current_step(0, place)
        assert again(opened) == f"a ×4 z{place}"
    shapes = opened.viewer.add_shapes(name="roi")
    opened.viewer.layers.selection.active = source
    widget.region.value = widget.region.get_choice("rectangle in roi")
    shapes.add_rectangles([[2, 3], [2, 9], [9, 9], [9, 3]])
    assert again(opened) == "a ×4 part"
    shapes.add_rectangles([[8, 10], [8, 19], [16, 19], [16, 10]])
    assert again(opened) == "a ×4 part at 8, 10"
    assert [each.data.shape[0] for each in list(opened.viewer.layers)[1:6]] == [9, 1, 1, 9, 9]


def test_options_that_change_pixels_stand_in_the_name(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(image(20, 24), name="a", contrast_limits=(10, 200))
    advanced = opened.widget.advanced
    advanced.consistency.value = 1
    assert again(opened) == "a ×4"
    advanced.consistency.value = 0
    assert again(opened) == "a ×4 no consistency"
    advanced.consistency.value = 2
    assert again(opened) == "a ×4 consistency 2"
    advanced.normalise.value = "limits"
    assert again(opened) == "a ×4 consistency 2 range 10–200"
    advanced.consistency.value, advanced.normalise.value = 1, "auto"
    advanced.nodata.value = "0"
    assert again(opened) == "a ×4 nodata 0"
    advanced.nodata.value = ""
    advanced.tile.value = 32
    advanced.precision.value = "float32"
    assert again(opened) == "a ×4 [1]"


def test_the_plain_name_is_free_again_when_its_layer_is_renamed(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(image(16, 16), name="a")
    again(opened)
    opened.viewer.layers["a ×4"].name = "best"
    assert again(opened) == "a ×4"
    assert opened.names == ["a", "best", "a ×4"]


def test_a_file_of_one_s_own_gives_its_name(
    open_widget: Open, tmp_path: Path, make_model: MakeModel
) -> None:
    model = make_model(2 - 1)
    path = save_model(tmp_path / "my cells", model.state_dict(), model.card)
    opened = open_widget()
    opened.viewer.add_image(image(16, 16), name="a")
    again(opened)
    opened.widget.model.files.append(path)
    opened.widget.model.reset_choices()
    opened.widget.model.value = path
    assert again(opened) == "a ×4 my cells"


def test_the_console_names_results_alike(open_widget: Open, make_model: MakeModel) -> None:
    opened = open_widget()
    layer = opened.viewer.add_image(image(16, 16), name="a")
    first = ns.super_resolve_layer(layer)
    assert first.name == "a ×4"
    assert ns.super_resolve_layer(layer, consistency=1).name == "a ×4"
    opened.viewer.add_layer(first)
    assert opened.widget.layer.value is bare(layer)
    second = ns.super_resolve_layer(layer, consistency=1)
    assert second.name == "a ×4 consistency 1"
    opened.viewer.add_layer(second)
    assert again(opened) == "a ×4 [1]"
    assert opened.names == ["a", "a ×4", "a ×4 consistency 1", "a ×4 [1]"]


def test_names_are_short_and_tell_results_apart() -> None:
    plain = Recipe("gray", 0.0, "ZYX", (None, None, None), 0, "auto", None)
    spans = ((2, 5), None, (7, 9))
    part = Recipe("gray", 1.0, "ZYX", spans, 0, "auto", None)
    there = [("a ×4", plain)]
    assert name_result("a ×4", part, there) == "a ×4 realistic z2–4 part"
    there.append(("a ×4 realistic z2–4 part", part))
    other = Recipe("gray", 1.0, "ZYX", ((2, 5), (3, 4), (7, 9)), 0, "auto", None)
    assert name_result("a ×4", other, there) == "a ×4 realistic z2–4 part at 3, 7"
    assert name_result("a ×4", plain, [("a ×4", part)]) == "a ×4 faithful whole"
    assert name_result("a ×2", plain, there) == "a ×2"
