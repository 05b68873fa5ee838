"""Parts of a layer: in view, in the slice, in a rectangle; each equals that part of the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_srgan.plugin.jobs.region import RegionError, around_centre, spans_of
from tests.plugin.conftest import Opened

Open = Callable[..., Opened]

rng = np.random.default_rng(0)

SQUARE = np.array([[10.0, 5.0], [10.0, 12.0], [19.0, 12.0], [19.0, 5.0]])


def viewer_with(data: Any, **options: Any) -> tuple[Any, Any]:
    """Return a viewer without a window and an image layer in it."""
    viewer: Any = ViewerModel()
    return viewer, viewer.add_image(data, name="cells", **options)


def test_the_whole_layer_is_all_of_it() -> None:
    viewer, layer = viewer_with(np.zeros((4, 20, 30)))
    viewer.dims.ndisplay = 3
    assert spans_of("layer", layer, viewer) == [(0, 4), (0, 20), (0, 30)]


def test_a_slice_is_where_the_slider_stands() -> None:
    viewer, layer = viewer_with(np.zeros((4, 20, 30)), scale=(3, 1, 1), translate=(100, 0, 0))
    viewer.dims.set_point(0, 106)
    assert spans_of("slice", layer, viewer) == [(2, 3), (0, 20), (0, 30)]


def test_a_slice_of_an_rgb_layer_has_all_samples() -> None:
    viewer, layer = viewer_with(np.zeros((4, 20, 30, 3), "uint8"), rgb=True)
    viewer.dims.set_current_step(0, 1)
    assert spans_of("slice", layer, viewer) == [(1, 2), (0, 20), (0, 30), (0, 3)]


def test_a_slice_follows_rolled_axes() -> None:
    viewer, layer = viewer_with(np.zeros((4, 20, 30)))
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, 7)
    assert spans_of("slice", layer, viewer) == [(0, 4), (7, 8), (0, 30)]


def test_a_layer_beside_the_slice_is_named() -> None:
    viewer, layer = viewer_with(np.zeros((4, 20, 30)))
    viewer.add_image(np.zeros((90, 20, 30)), name="long")
    viewer.dims.set_current_step(0, 50)
    with pytest.raises(RegionError, match="“cells” does not reach to the current slice"):
        spans_of("slice", layer, viewer)


def test_a_flat_layer_in_a_deep_viewer_has_no_slices() -> None:
    viewer, layer = viewer_with(np.zeros((20, 30)))
    viewer.add_image(np.zeros((90, 20, 30)))
    viewer.dims.set_current_step(0, 50)
    assert spans_of("slice", layer, viewer) == [(0, 20), (0, 30)]


@pytest.mark.parametrize("extent", ["view", "slice", "rectangle"])
def test_the_3d_view_has_no_flat_part(extent: Any) -> None:
    viewer, layer = viewer_with(np.zeros((4, 20, 30)))
    viewer.dims.ndisplay = 3
    with pytest.raises(RegionError, match="in the 3D view: switch to 2D"):
        spans_of(extent, layer, viewer, viewer.add_shapes(SQUARE))


def test_a_rectangle_takes_every_pixel_that_it_touches() -> None:
    viewer, layer = viewer_with(np.zeros((20, 30)))
    shapes = viewer.add_shapes(SQUARE + np.array([0.2, -0.2]), shape_type="rectangle")
    assert spans_of("rectangle", layer, viewer, shapes) == [(10, 20), (5, 13)]


def test_a_rectangle_counts_in_every_slice() -> None:
    viewer, layer = viewer_with(np.zeros((6, 20, 30)))
    corners = np.insert(SQUARE, 0, 3, axis=1)
    shapes = viewer.add_shapes(corners, shape_type="rectangle")
    flat = viewer.add_shapes(SQUARE, shape_type="rectangle")
    for drawn in (shapes, flat):
        assert spans_of("rectangle", layer, viewer, drawn) == [(0, 6), (10, 20), (5, 13)]


def test_a_rectangle_is_found_through_the_transforms() -> None:
    options = {"scale": (0.5, 0.5), "translate": (100, 200), "rotate": 90}
    viewer, layer = viewer_with(np.zeros((20, 30)), **options)
    world = np.array([layer.data_to_world(p) for p in SQUARE])
    shapes = viewer.add_shapes(world / 2, shape_type="rectangle", scale=(2, 2))
    assert spans_of("rectangle", layer, viewer, shapes) == [(10, 20), (5, 13)]


def test_the_selected_rectangle_comes_first_then_the_last() -> None:
    viewer, layer = viewer_with(np.zeros((20, 30)))
    shapes = viewer.add_shapes([SQUARE - 5, SQUARE], shape_type="rectangle")
    assert spans_of("rectangle", layer, viewer, shapes) == [(10, 20), (5, 13)]
    shapes.selected_data = {0}
    assert spans_of("rectangle", layer, viewer, shapes) == [(5, 15), (0, 8)]


def test_a_rectangle_within_one_pixel_is_that_pixel() -> None:
    viewer, layer = viewer_with(np.zeros((20, 30)))
    inside = np.array([[3.9, 4.9], [3.9, 5.1], [4.1, 5.1], [4.1, 4.9]])
    shapes = viewer.add_shapes(inside, shape_type="rectangle")
    assert spans_of("rectangle", layer, viewer, shapes) == [(4, 5), (5, 6)]


def test_a_rectangle_across_the_border_is_cut_there() -> None:
    viewer, layer = viewer_with(np.zeros((20, 30)))
    shapes = viewer.add_shapes(SQUARE - np.array([15, 0]), shape_type="rectangle")
    assert spans_of("rectangle", layer, viewer, shapes) == [(0, 5), (5, 13)]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (None, "Add a Shapes layer and draw a rectangle"),
        ({}, "“roi” has no rectangle yet"),
        ({"data": SQUARE, "shape_type": "ellipse"}, "“roi” has no rectangle yet"),
        (
            {"data": SQUARE + 500, "shape_type": "rectangle"},
            "The rectangle in “roi” lies outside of “cells”",
        ),
    ],
)
def test_a_missing_rectangle_is_explained(shapes: Any, message: str) -> None:
    viewer, layer = viewer_with(np.zeros((20, 30)))
    drawn = None if shapes is None else viewer.add_shapes(name="roi", ndim=2, **shapes)
    with pytest.raises(RegionError, match=message):
        spans_of("rectangle", layer, viewer, drawn)


def test_the_middle_of_a_large_view_is_taken() -> None:
    viewer, layer = viewer_with(np.zeros((7, 1000, 1000)))
    viewer.scene.camera.center = (0, 300, 980)
    spans, cut = around_centre([(2, 3), (0, 1000), (0, 1000)], layer, viewer, 100 * 100)
    assert cut
    assert spans == [(2, 3), (250, 350), (900, 1000)]
    spans, cut = around_centre([(2, 3), (0, 50), (10, 60)], layer, viewer, 100 * 100)
    assert not cut
    assert spans == [(2, 3), (0, 50), (10, 60)]


def test_what_is_in_view_is_what_the_canvas_shows(open_widget: Open, small_models: None) -> None:
    opened = open_widget(show=True)
    viewer = opened.viewer
    layer = viewer.add_image(rng.integers(0, 255, (400, 400), "uint8"), name="cells")
    viewer.scene.camera.center = (0, 100, 300)
    viewer.scene.camera.zoom = 20
    opened.wait(lambda: layer.corner_pixels[0].all())
    (top, bottom), (left, right) = spans_of("view", layer, viewer)
    height, width = (n / 20 for n in viewer.canvas.size)
    assert abs((top + bottom) / 2 - 100) <= 1
    assert abs((left + right) / 2 - 300) <= 1
    assert height <= bottom - top <= height + 3
    assert width <= right - left <= width + 3
    viewer.scene.camera.center = (0, 4000, 300)
    opened.wait(lambda: layer.corner_pixels[0, 0] > 300)
    with pytest.raises(RegionError, match="Nothing of “cells” is in view"):
        spans_of("view", layer, viewer)


@pytest.mark.usefixtures("small_models")
def test_a_rectangle_s_result_is_that_part_of_the_whole(open_widget: Open) -> None:
    opened = open_widget()
    options = {"scale": (2, 3), "translate": (7, -5), "rotate": 30}
    source = opened.viewer.add_image(
        rng.integers(0, 60000, (40, 50), "uint16"), name="a", **options
    )
    opened.widget.advanced.precision.value = "float32"
    opened.run()
    opened.wait_for_jobs()
    whole = opened.viewer.layers["a ×4"]
    roi = opened.viewer.add_shapes(SQUARE, shape_type="rectangle", name="roi", **options)
    opened.viewer.layers.selection.active = source
    region = opened.widget.region
    region.value = region.get_choice("rectangle in roi")
    estimate = opened.wait_for_estimate()
    assert estimate.shape == (40, 32)
    opened.run()
    opened.wait_for_jobs()
    part = opened.viewer.layers.selection.active
    assert part.data.shape == (40, 32)
    assert np.abs(part.data.astype(int) - whole.data[40:80, 20:52]).max() <= 2
    here, there = part.data_to_world((0, 0)), whole.data_to_world((40, 20))
    assert np.allclose(here, there, rtol=0, atol=1e-6)
    opened.viewer.layers.remove(roi)
    assert region.value == "layer"


@pytest.mark.usefixtures("small_models")
def test_one_slice_of_a_stack_lies_at_its_depth(open_widget: Open) -> None:
    opened = open_widget()
    source = opened.viewer.add_image(
        rng.integers(0, 255, (9, 20, 24), "uint8"), name="a", scale=(5, 1, 1)
    )
    opened.viewer.dims.set_current_step(0, 6)
    opened.widget.region.value = "slice"
    opened.run()
    opened.wait_for_jobs()
    finer = opened.viewer.layers["a ×4"]
    assert finer.data.shape == (1, 80, 96)
    assert np.allclose(finer.data_to_world((0, 0, 0))[0], source.data_to_world((6, 0, 0))[0])


@pytest.mark.usefixtures("small_models")
def test_a_part_that_is_not_there_is_said_before_the_click(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(rng.integers(0, 255, (20, 24), "uint8"), name="a")
    shapes = opened.viewer.add_shapes(name="roi")
    region = opened.widget.region
    region.value = region.get_choice("rectangle in roi")
    opened.wait(lambda: "“roi” has no rectangle yet" in opened.message)
    opened.run()
    assert opened.widget.queue.jobs == []
    assert "“roi” has no rectangle yet" in opened.message
    shapes.add_rectangles(SQUARE)
    opened.wait(lambda: "→ 40 × 32" in opened.widget.estimate_label.text())
    assert opened.message == ""
