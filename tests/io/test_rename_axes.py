"""Axes that are named otherwise than in a file take their pixel size and place along."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_srgan.io import GeoReference, ImageFile, finest_plane, named
from napari_srgan.io.finer_image import finer_image

AFFINE = np.array([[0, 0, 4, -16], [0.5, 0, 0, 2], [0, 0.25, 0, 7], [0, 0, 0, 1.0]])
"""from z, y, x to the world: Z runs along the second axis of the world, Y along its third"""
SIZE = {"T": 2.0, "Z": 0.5, "Y": 0.25, "X": 4.0}


def image(axes: str = "TZYX", **fields: Any) -> ImageFile:
    return ImageFile(None, axes, SIZE, unit="mm", affine=AFFINE, **fields)


def test_sizes_and_columns_of_the_affine_follow_their_axes() -> None:
    found = named(image(), "TYXZ")
    assert found.pixel_size == {"T": 2, "Y": 0.5, "X": 0.25, "Z": 4}
    assert found.affine is not None
    # A voxel has one place, whatever its axes are called.
    assert np.array_equal(found.affine @ [3, 1, 2, 1], AFFINE @ [1, 2, 3, 1])
    assert named(found, "TZYX").pixel_size == SIZE


@pytest.mark.parametrize("axes", ["YXZ", "YZX", "XYZ", "XZY", "ZXY", "ZYX"])
@pytest.mark.parametrize("scale", [2, 4])
def test_a_finer_result_fills_the_box_of_its_source(axes: str, scale: int) -> None:
    shape = (5, 6, 7)
    finer = finer_image(image("ZYX"), None, axes, scale)
    assert finer.affine is not None
    fine = {a: n * (scale if a in "YX" else 1) for a, n in zip(axes, shape, strict=True)}
    for corner in np.ndindex(2, 2, 2):
        ends = dict(zip(axes, corner, strict=True))
        there = [ends[a] * fine[a] - 0.5 for a in "ZYX"]
        here = [c * n - 0.5 for c, n in zip(corner, shape, strict=True)]
        assert finer.affine @ [*there, 1] == pytest.approx(AFFINE @ [*here, 1])


def test_time_and_channels_have_no_size_in_space() -> None:
    found = named(image("TZYX"), "ZTYX")
    assert found.pixel_size == {"Y": 0.25, "X": 4}


@pytest.mark.parametrize(
    ("own", "given"), [("TZYX", "YZTX"), ("CYX", "YXC"), ("YXS", "ZYX"), ("TYX", "XYT")]
)
def test_what_is_no_space_is_not_y_or_x(own: str, given: str) -> None:
    with pytest.raises(ValueError, match=f"axes='{given}' takes the .* of the file for"):
        named(image(own), given)


def test_rows_and_columns_of_a_map_may_be_named_the_other_way() -> None:
    transform = np.array([[10.0, 0, 500], [0, -10, 900], [0, 0, 1]])
    source = ImageFile(None, "YX", {"Y": 10.0, "X": 10.0}, "m", geo=GeoReference(transform))
    finer = finer_image(source, None, "XY", 2)
    assert finer.geo is not None
    assert finer.geo.transform is not None
    # Four columns and two rows in are now four rows and two columns.
    assert finer.geo.transform @ [2, 4, 1] == pytest.approx(transform @ [2, 1, 1])
    with pytest.raises(ValueError, match="takes the Z of the file for Y"):
        named(ImageFile(None, "ZYX", {}, "m", geo=GeoReference(transform)), "YZX")


@pytest.mark.parametrize(
    ("size", "plane"),
    [
        ((0.5, 0.5, 4), "TYXZ"),  # sagittal
        ((0.5, 4, 0.5), "TYZX"),  # coronal
        ((4, 0.5, 0.5), None),  # axial
        ((0.667, 0.667, 0.7), None),  # nearly even
        ((0.5, 0.6, 4), None),  # no plane of square pixels
        ((1, 1, 1), None),
    ],
)
def test_the_finest_plane_is_that_of_the_slices(
    size: tuple[float, float, float], plane: str | None
) -> None:
    sizes = dict(zip("ZYX", size, strict=True))
    affine = np.diag([*size, 1])
    assert finest_plane(ImageFile(None, "TZYX", sizes, "mm", affine=affine)) == plane
    assert finest_plane(ImageFile(None, "TZYX", sizes, "mm")) is None
