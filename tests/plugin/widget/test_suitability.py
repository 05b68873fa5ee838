"""Images that cannot be done, and axes that are hardly what was meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from napari_srgan.plugin.layers.validation import axes_warning, unsupported_reason
from tests.plugin.conftest import Opened

Open = Callable[..., Opened]


def layer(*shape: int, dtype: str = "uint8", **options: Any) -> Image:
    """Return a layer of zeros."""
    return Image(np.zeros(shape, dtype), contrast_limits=(0, 1), **options)


@pytest.mark.parametrize(
    ("given", "axes", "reason"),
    [
        (layer(9, 9, dtype="bool"), None, "The image has dtype bool; allowed are integers"),
        (layer(2, 2, 2, 2, 9, 9), None, "has 4 axes before Y and X"),
        (layer(4, 9, 9), "YX", "Axes='YX' names 2 axes, but the image has 3"),
        (layer(4, 9, 9), "ABC", "allowed are T time"),
    ],
)
def test_what_cannot_be_done_is_known_from_dtype_and_shape(
    given: Image, axes: str | None, reason: str
) -> None:
    assert reason in unsupported_reason(given, axes)
    assert unsupported_reason(layer(4, 9, 9), "TYX") == ""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.zeros((0, 4)), "The image is empty: Y=0"),
        (np.zeros((9, 9), "complex64"), "The image has dtype complex64; allowed are integers"),
    ],
)
def test_what_napari_itself_can_hardly_show_is_refused(data: Any, reason: str) -> None:
    given = layer(3, 4)
    given._data = data
    assert unsupported_reason(given).startswith(reason)


@pytest.mark.parametrize(
    ("shape", "axes", "said"),
    [
        ((512, 512, 3), None, "512 images of 512 × 3 pixels. If that is wrong, type the axes"),
        ((512, 512, 3), None, "under Advanced, such as YXC."),
        ((512, 500, 12), None, "such as YXC."),
        ((12, 512, 512), "YXC", "512 images of 12 × 512 pixels"),
        ((12, 512, 512), "YXC", "such as ZYX."),
        ((3, 512, 512), "YXZ", "such as CYX."),
        ((10, 512, 512, 3), None, "such as ZYXC."),
        ((512, 9, 512), None, "512 images of 9 × 512 pixels"),
    ],
)
def test_a_guess_that_makes_an_image_very_narrow_is_doubted(
    shape: tuple[int, ...], axes: str | None, said: str
) -> None:
    given = layer(*shape, rgb=False)
    assert said in axes_warning(given, axes)


@pytest.mark.parametrize(
    ("shape", "axes", "options"),
    [
        ((12, 512, 512), None, {}),
        ((3, 512, 512), None, {}),
        ((512, 512), None, {}),
        ((512, 3), None, {}),
        ((5, 8, 8), None, {}),
        ((512, 512, 3), "YXC", {}),
        ((512, 512, 3), None, {"axis_labels": ("y", "x", "c")}),
        ((512, 512, 3), None, {"axis_labels": ("t", "y", "x")}),
        ((200, 64, 64), None, {}),
    ],
)
def test_other_axes_are_not_doubted(
    shape: tuple[int, ...], axes: str | None, options: dict[str, Any]
) -> None:
    assert axes_warning(layer(*shape, rgb=False, **options), axes) == ""
    assert axes_warning(layer(512, 512, 3, rgb=True)) == ""


@pytest.mark.usefixtures("identity_models")
def test_the_widget_says_so_until_the_axes_are_typed(open_widget: Open) -> None:
    opened = open_widget()
    data = np.random.default_rng(0).integers(0, 255, (60, 64, 3), "uint8")
    opened.viewer.add_image(data, name="a", rgb=False)
    assert "⚠ Taken for 60 images of 64 × 3 pixels." in opened.message
    opened.wait_for_estimate()
    assert "⚠ Taken for 60 images of 64 × 3 pixels." in opened.message
    assert opened.widget.run_button.native.isEnabled()
    opened.widget.advanced.axes.value = "YXC"
    assert "⚠" not in opened.message
    opened.run()
    opened.wait_for_jobs()
    assert np.array_equal(opened.viewer.layers["a ×4"].data, data.repeat(4, 0).repeat(4, 1))


@pytest.mark.usefixtures("small_models")
def test_typed_axes_that_do_not_fit_disable_the_buttons(open_widget: Open) -> None:
    opened = open_widget()
    opened.viewer.add_image(np.zeros((4, 20, 20), "uint8"), name="a")
    opened.widget.advanced.axes.value = "YX"
    assert "⚠ Axes='YX' names 2 axes, but the image has 3" in opened.message
    opened.click(opened.widget.run_button)
    assert opened.widget.queue.jobs == []
    assert not opened.widget.run_button.native.isEnabled()
    opened.widget.advanced.axes.value = "TYX"
    assert opened.widget.run_button.native.isEnabled()
    assert "⚠" not in opened.message
