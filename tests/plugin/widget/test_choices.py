"""A choice is an object: it stays what it is when things are renamed, moved or removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

import napari_srgan as ns
from napari_srgan.models import save_model
from napari_srgan.plugin.widget.model_choice import CHOOSE_FILE
from napari_srgan.plugin.widget.object_choice import ObjectChoice, file_texts
from tests.conftest import MakeModel
from tests.plugin.conftest import Opened

Open = Callable[..., Opened]

pytestmark = pytest.mark.usefixtures("identity_models")

rng = np.random.default_rng(0)

SQUARE = [[4, 4], [4, 12], [12, 12], [12, 4]]


def image(*shape: int) -> Any:
    """Return an image of noise."""
    return rng.integers(0, 255, shape, "uint8")


def bare(layer: Any) -> Any:
    """Return a layer itself for the proxy that napari hands to plugins."""
    return getattr(layer, "__wrapped__", layer)


def repeated(data: Any) -> Any:
    """Return what an identity model makes of an image."""
    return data.repeat(4, -2).repeat(4, -1)


def finer(opened: Opened) -> Any:
    """Click, and return the pixels of the layer that comes."""
    opened.run()
    opened.wait_for_jobs()
    return opened.viewer.layers.selection.active.data


def rename_in_the_list(opened: Opened, name: str, new: str) -> None:
    """Rename a layer as a double click in the layer list does."""
    rows = bare(opened.viewer.window)._qt_viewer.layers
    model = rows.model()
    at = [model.index(row, 0) for row in range(model.rowCount())]
    (index,) = [each for each in at if model.data(each, Qt.ItemDataRole.DisplayRole) == name]
    assert model.setData(index, new, Qt.ItemDataRole.EditRole)


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_renamed_layer_stays_chosen_and_is_what_is_done(open_widget: Open, by_hand: bool) -> None:
    opened = open_widget()
    data = image(20, 24)
    opened.viewer.add_image(image(8, 8), name="first")
    second = opened.viewer.add_image(data, name="second")
    if by_hand:
        rename_in_the_list(opened, "second", "new name")
    else:
        second.name = "new name"
    assert opened.widget.layer.value is bare(second)
    assert opened.widget.layer.native.currentText() == "new name"
    assert np.array_equal(finer(opened), repeated(data))
    assert opened.names == ["first", "new name", "new name ×4"]


def test_renaming_another_layer_changes_nothing(open_widget: Open) -> None:
    opened = open_widget()
    first = opened.viewer.add_image(image(8, 8), name="first")
    second = opened.viewer.add_image(image(9, 9), name="second")
    opened.widget.advanced.nodata.value = "7"
    second.name = "third"
    first.name = "second"
    assert opened.widget.layer.value is bare(second)
    assert opened.widget.layer.native.currentText() == "third"
    assert [text for text, _ in opened.widget.layer.entries] == ["second", "third"]
    assert opened.widget.advanced.nodata.value == "7"


def test_a_layer_stays_chosen_when_layers_are_moved_or_removed(open_widget: Open) -> None:
    opened = open_widget()
    layers = [opened.viewer.add_image(image(8, 8), name=name) for name in "abc"]
    opened.viewer.layers.selection.active = layers[1]
    opened.viewer.layers.move(2, 0)
    assert opened.widget.layer.value is bare(layers[1])
    assert [text for text, _ in opened.widget.layer.entries] == ["c", "a", "b"]
    opened.viewer.layers.remove(layers[2])
    opened.viewer.layers.remove(layers[0])
    assert opened.widget.layer.value is bare(layers[1])
    assert opened.widget.layer.choices == (bare(layers[1]),)


def test_a_rectangle_stays_chosen_when_its_layer_is_renamed(open_widget: Open) -> None:
    opened = open_widget()
    data = image(20, 24)
    source = opened.viewer.add_image(data, name="a")
    shapes = opened.viewer.add_shapes(SQUARE, shape_type="rectangle", name="roi")
    opened.viewer.layers.selection.active = source
    region = opened.widget.region
    region.value = region.get_choice("rectangle in roi")
    shapes.name = "nucleus"
    assert region.value is bare(shapes)
    assert region.native.currentText() == "rectangle in nucleus"
    assert np.array_equal(finer(opened), repeated(data[4:13, 4:13]))


def test_a_rectangle_whose_layer_is_removed_is_told_of(open_widget: Open) -> None:
    opened = open_widget()
    source = opened.viewer.add_image(image(20, 24), name="a")
    shapes = opened.viewer.add_shapes(SQUARE, shape_type="rectangle", name="roi")
    opened.viewer.layers.selection.active = source
    region = opened.widget.region
    region.value = region.get_choice("rectangle in roi")
    opened.viewer.layers.remove(shapes)
    assert region.value == "layer"
    assert opened.message == "“roi” is gone; the whole layer is taken."


def test_two_model_files_of_one_name_are_two_models(
    open_widget: Open,
    tmp_path: Path,
    make_model: MakeModel,
    make_identity: MakeModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = []
    for folder, model in (("blurry", make_model()), ("sharp", make_identity())):
        (tmp_path / folder).mkdir()
        paths.append(save_model(tmp_path / folder / "best", model.state_dict(), model.card))
    opened = open_widget()
    data = image(16, 16)
    opened.viewer.add_image(data, name="a")
    combo = opened.widget.model
    for path in paths:
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, p=path: (str(p), ""))
        combo.value = CHOOSE_FILE
        assert combo.value == path
    texts = [text for text, _ in combo.entries]
    assert texts[-3:-1] == ["blurry/best.safetensors", "sharp/best.safetensors"]
    assert np.array_equal(finer(opened), repeated(data))
    combo.value = paths[0]
    assert not np.array_equal(finer(opened), repeated(data))


def test_to_choose_no_file_keeps_the_model(
    open_widget: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_widget()
    opened.widget.model.value = "general-x4"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    opened.widget.model.value = CHOOSE_FILE
    assert opened.widget.model.value == "general-x4"


@pytest.mark.usefixtures("qtbot")
def test_what_looks_alike_is_not_the_same() -> None:
    one, two, three = object(), object(), object()
    combo = ObjectChoice(choices=[("same", one), ("same", two)])
    seen: list[Any] = []
    combo.changed.connect(seen.append)
    combo.value = two
    combo.choices = [("same", one), ("other", two), ("same", three)]
    assert combo.value is two
    assert len(combo.choices) == 3
    assert seen == [two]
    combo.choices = [("same", one)]
    assert combo.value is one
    assert seen == [two, one]


def test_files_are_told_apart_by_as_few_folders_as_it_takes() -> None:
    files = [Path("/a/x/best.pt"), Path("/b/x/best.pt"), Path("/b/y/best.pt"), Path("/b/y/last.pt")]
    assert file_texts(files) == ["a/x/best.pt", "b/x/best.pt", "y/best.pt", "last.pt"]


def test_a_result_that_is_opened_again_is_followed(open_widget: Open, tmp_path: Path) -> None:
    opened = open_widget()
    source = opened.viewer.add_image(image(20, 24), name="a")
    result = ns.super_resolve_layer(bare(source))
    (again,) = ns.read(ns.write(str(tmp_path / "finer.tif"), result)[0])
    layer = opened.viewer.add_layer(Image(again[0], **again[1]))
    assert "napari_srgan" in layer.metadata
    assert opened.widget.layer.value is bare(layer)
    assert opened.widget.layer_info.text().startswith("Y X · 80 × 96")
    assert np.array_equal(finer(opened), repeated(result.data))


def test_a_crop_of_a_result_is_followed(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(image(20, 24), name="a")
    result = bare(opened.viewer.layers[0])
    finer(opened)
    result = opened.viewer.layers["a ×4"]
    crop = opened.viewer.add_image(result.data[:8, :12], name="crop", metadata=result.metadata)
    assert opened.widget.layer.value is bare(crop)


def test_a_new_result_is_not_followed_and_that_is_said(open_widget: Open) -> None:
    opened = open_widget()
    source = opened.viewer.add_image(image(20, 24), name="a")
    finer(opened)
    widget = opened.widget
    assert opened.viewer.layers.selection.active.name == "a ×4"
    assert widget.layer.value is bare(source)
    assert "“a ×4” is new; “a” is still taken." in widget.message.text()
    opened.viewer.layers.selection.active = source
    assert "still" not in widget.layer_info.text()
    result = opened.viewer.layers["a ×4"]
    opened.viewer.layers.selection.active = result
    assert widget.layer.value is bare(result)
    assert widget.layer_info.text() == "Y X · 80 × 96 · uint8 · pixel 0.25"
    assert finer(opened).shape == (320, 384)
    assert opened.names == ["a", "a ×4", "a ×4 ×4"]


def test_a_new_result_can_be_chosen_from_the_list(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(image(20, 24), name="a")
    finer(opened)
    combo = opened.widget.layer.native
    QTest.keyClick(combo, Qt.Key.Key_Down)  # type: ignore[call-overload]
    assert opened.widget.layer.value.name == "a ×4"
    assert "taken" not in opened.widget.layer_info.text()
    assert finer(opened).shape == (320, 384)


def test_a_result_that_comes_while_another_layer_is_chosen_changes_nothing(
    open_widget: Open, slow_model: None
) -> None:
    opened = open_widget()
    opened.viewer.add_image(image(120, 120), name="a")
    opened.run()
    other = opened.viewer.add_image(image(8, 8), name="b")
    opened.wait_for_jobs()
    assert opened.viewer.layers.selection.active.name == "a ×4"
    assert opened.widget.layer.value is bare(other)
    assert "“a ×4” is new; “b” is still taken." in opened.message


def test_a_preview_and_its_run_leave_the_choice(open_widget: Open) -> None:
    opened = open_widget(show=True)
    source = opened.viewer.add_image(image(40, 50), name="a")
    opened.viewer.add_image(image(8, 8), name="b")
    opened.viewer.layers.selection.active = source
    opened.wait(lambda: source.corner_pixels[1].all())
    opened.click(opened.widget.preview_button)
    opened.wait_for_jobs()
    assert opened.widget.layer.value is bare(source)
    opened.click(opened.widget.preview_button)
    opened.wait_for_jobs()
    assert opened.names == ["a", "a ×4 preview", "b"]
    finer(opened)
    assert opened.names == ["a", "a ×4", "b"]
    assert opened.widget.layer.value is bare(source)


def test_a_result_that_is_deleted_by_hand_leaves_the_choice(open_widget: Open) -> None:
    opened = open_widget()
    source = opened.viewer.add_image(image(16, 16), name="a")
    finer(opened)
    finer(opened)
    opened.viewer.layers.remove_selected()
    assert opened.viewer.layers.selection.active.name == "a ×4"
    assert opened.widget.layer.value is bare(source)
    assert "“a ×4” is selected, but “a” is taken." in opened.widget.layer_info.text()


def test_a_live_layer_stands_for_its_source(open_widget: Open) -> None:
    opened = open_widget(show=True)
    source = opened.viewer.add_image(image(40, 40), name="a")
    opened.click(opened.widget.live_button)
    opened.wait(lambda: opened.widget.live.live is not None)
    other = opened.viewer.add_image(image(40, 40), name="b")
    assert opened.widget.layer.value is bare(other)
    opened.viewer.layers.selection.active = opened.viewer.layers["a ×4 live"]
    assert opened.widget.layer.value is bare(source)
    assert opened.widget.live_button.native.isChecked()
