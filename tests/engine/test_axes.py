from __future__ import annotations

import numpy as np
import pytest

from napari_srgan.engine.axes import complete_labels, guess_axes, make_layout, parse_axes


@pytest.mark.parametrize(
    ("shape", "rgb", "axes"),
    [
        ((20, 30), None, "YX"),
        ((20, 30, 3), None, "YXS"),
        ((20, 30, 4), None, "YXS"),
        ((20, 30, 4), False, "ZYX"),
        ((10, 20, 30), None, "ZYX"),
        ((3, 20, 30), None, "CYX"),
        ((7, 10, 20, 30), None, "TZYX"),
        ((7, 10, 20, 30, 3), None, "TZYXS"),
        ((2, 7, 10, 20, 30), None, "CTZYX"),
    ],
)
def test_axes_are_guessed_from_the_shape(
    shape: tuple[int, ...], rgb: bool | None, axes: str
) -> None:
    assert guess_axes(shape, rgb=rgb) == axes


@pytest.mark.parametrize(
    ("axes", "shape", "message"),
    [
        ("YX", (3, 4, 5), "names 2 axes, but the image has 3"),
        ("QYX", (3, 4, 5), r"\['Q'\]; allowed are T time"),
        ("YYX", (3, 4, 5), "twice"),
        ("TZC", (3, 4, 5), "must name both Y and X"),
        ("SYX", (3, 4, 5), "S must be the last axis"),
        ("YXS", (3, 4, 5), "3 .RGB. or 4 .RGBA. samples"),
    ],
)
def test_wrong_axes_are_named(axes: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_axes(axes, shape)


def test_too_many_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="take a slice of it first"):
        guess_axes((2,) * 7)


def test_labels_that_name_axes_are_taken() -> None:
    assert complete_labels(("time", "z", "Y", "x"), (2, 3, 4, 5), rgb=False) == "TZYX"
    assert complete_labels(("y", "x"), (4, 5, 3), rgb=True) == "YXS"
    assert complete_labels(("-2", "-1"), (4, 5), rgb=False) is None


@pytest.mark.parametrize(
    ("axes", "shape", "channels"),
    [
        ("YX", (5, 6), 1),
        ("XY", (5, 6), 1),
        ("TCZYX", (2, 3, 2, 5, 6), 1),
        ("YXC", (5, 6, 2), 1),
        ("YXS", (5, 6, 3), 1),
        ("ZYXS", (2, 5, 6, 4), 3),
        ("YXS", (5, 6, 4), 1),
        ("CYX", (5, 5, 6), 5),
        ("XCY", (5, 3, 6), 3),
        ("CYX", (2, 5, 6), 3),
        ("ZYX", (3, 5, 6), 3),
    ],
)
def test_planes_cover_the_array_once(axes: str, shape: tuple[int, ...], channels: int) -> None:
    layout = make_layout(axes, shape, channels)
    count = np.zeros(shape, int)
    rows, columns = layout.plane
    for plane in layout.planes():
        index = layout.index(plane, slice(0, rows), slice(0, columns))
        count[index] += 1
        part = count[index].transpose(layout.order())
        together = layout.channel_axis is not None
        assert part.shape == ((channels, rows, columns) if together else (rows, columns))
    if layout.alpha:
        assert (count[..., 3] == 0).all()
        count = count[..., :3]
    assert (count == 1).all()


@pytest.mark.parametrize(
    ("axes", "shape", "channels", "message"),
    [
        ("CYX", (2, 5, 6), 5, "C has 2.*gray-x4"),
        ("CYX", (5, 5, 6), 2, "C has 5.*gray-x4"),
        ("YX", (5, 6), 2, "single channel"),
        ("YXS", (5, 6, 3), 4, "S has 3"),
        ("ZYX", (0, 5, 6), 1, "empty: Z=0"),
        ("YX", (5, 0), 1, "empty: X=0"),
    ],
)
def test_channels_that_do_not_fit_are_named(
    axes: str, shape: tuple[int, ...], channels: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_layout(axes, shape, channels)
