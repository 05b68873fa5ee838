"""What a format does not hold is carried in its own way, or said before it is written."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import napari_srgan as ns
from napari_srgan import io
from napari_srgan.io import Channel, ImageFile
from napari_srgan.io.finer_image import finer_image

PIXELS = np.random.default_rng(0).integers(1, 200, (12, 16)).astype("int16")


def remarks(path: Path, image: ImageFile) -> list[str]:
    """Write an image and return what is said."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        io.write(path, image)
    return [str(remark.message) for remark in said]


# --- missing data --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [7.0, -1.5, float("nan"), float("inf"), float("-inf")])
def test_ome_zarr_carries_the_value_of_missing_data(tmp_path: Path, value: float) -> None:
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "a.zarr"
    image = ImageFile(PIXELS.astype("float32"), "YX", {"Y": 1, "X": 1}, nodata=value)
    assert remarks(path, image) == []
    (read,) = io.read(path)
    assert read.nodata is not None
    assert np.array_equal(read.nodata, value, equal_nan=True)
    assert read.pixel_size == image.pixel_size
    # Other programs find the image as they did, and strict JSON.
    assert zarr.open_group(str(path), mode="r")["s0"].shape == PIXELS.shape

    def refuse(name: str) -> None:
        raise AssertionError(name)

    json.loads((path / "zarr.json").read_text(), parse_constant=refuse)


def test_a_layer_keeps_the_value_of_missing_data_in_ome_zarr(tmp_path: Path) -> None:
    io.write(tmp_path / "a.zarr", ImageFile(PIXELS, "YX", nodata=7.0))
    (layer,) = ns.read(tmp_path / "a.zarr")
    ns.write(tmp_path / "b.tif", layer)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages.first.tags[42113].value == "7"


def test_nifti_says_that_missing_data_are_numbers_like_others(tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    image = ImageFile(np.where(PIXELS < 50, -9, PIXELS), "YX", nodata=-9.0)
    (said,) = remarks(tmp_path / "a.nii.gz", image)
    assert said == "a.nii.gz does not hold that -9 means no data; write a .tif"


def test_nifti_is_silent_about_a_value_that_no_pixel_has(tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    assert remarks(tmp_path / "a.nii.gz", ImageFile(PIXELS, "YX", nodata=-2000.0)) == []
    floats = np.where(PIXELS < 50, np.nan, PIXELS)
    assert remarks(tmp_path / "b.nii", ImageFile(floats, "YX", nodata=float("nan"))) == []


def test_a_series_without_padded_pixels_becomes_nifti_in_silence(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    pytest.importorskip("nibabel")
    from .dicom.test_reader import noise, series

    folder = series(tmp_path / "ct", noise(3, 20, 30), PixelPaddingValue=2000)
    (image,) = io.read(folder)
    assert remarks(tmp_path / "a.nii.gz", image) == []
    padded = noise(3, 20, 30)
    padded[:, :5] = 2000
    (image,) = io.read(series(tmp_path / "padded", padded, PixelPaddingValue=2000))
    (said,) = remarks(tmp_path / "b.nii.gz", image)
    assert "b.nii.gz does not hold that 2000 means no data" in said


# --- places --------------------------------------------------------------------------------------


def placed(*shape: int, **facts: Any) -> ImageFile:
    affine = np.diag([1.0, 0.5, 0.25, 1])
    affine[1:3, 3] = 200, 100
    data = np.broadcast_to(PIXELS.astype("uint8"), (*shape, *PIXELS.shape))
    axes = "CYX"[-data.ndim :]
    return ImageFile(data, axes, {"Y": 0.5, "X": 0.25}, affine=affine, **facts)


def test_a_tiff_with_a_mask_says_that_its_position_is_lost(tmp_path: Path) -> None:
    mask: dict[str, Any] = {"missing": PIXELS < 50, "metadata": {"mask": True}}
    (said,) = remarks(tmp_path / "a.tif", placed(**mask))
    assert said == "a TIFF with a mask or an opacity does not hold a position; left out"
    waves = (Channel("a", emission=509.0), Channel("b"))
    (said,) = remarks(tmp_path / "b.tif", placed(2, **mask, channels=waves))
    assert "does not hold a position and wavelengths and exposures; left out" in said


def test_bands_with_an_opacity_say_that_their_position_is_lost(tmp_path: Path) -> None:
    (said,) = remarks(tmp_path / "a.tif", placed(2, alpha=(PIXELS > 50).astype("uint8") * 255))
    assert "does not hold a position; left out" in said


def test_a_tiff_with_a_mask_at_the_origin_has_nothing_to_say(tmp_path: Path) -> None:
    mask: dict[str, Any] = {"missing": PIXELS < 50, "metadata": {"mask": True}}
    image = ImageFile(PIXELS, "YX", {"Y": 0.5, "X": 0.25}, **mask)
    assert remarks(tmp_path / "a.tif", image) == []
    finer = finer_image(image, PIXELS.repeat(2, 0).repeat(2, 1), "YX", 2)
    assert remarks(tmp_path / "b.tif", finer) == []


@pytest.mark.parametrize("size", [None, 0.5])
def test_a_position_without_a_pixel_size_is_said_to_be_left_out(
    tmp_path: Path, size: float | None
) -> None:
    path = tmp_path / "a.ome.tif"
    said: dict[str, Any] = {"axes": "YX", "Plane": {"PositionX": [100.0], "PositionY": [200.0]}}
    if size:
        said |= {"PhysicalSizeX": size, "PhysicalSizeY": size}
    tifffile.imwrite(path, PIXELS, metadata=said)
    with warnings.catch_warnings(record=True) as remarked:
        warnings.simplefilter("always")
        (image,) = io.read(path)
    texts = [str(remark.message) for remark in remarked]
    left_out = f"{path}: where it lies is left out, since it does not say how large its pixels are"
    assert texts == ([] if size else [left_out])
    assert (image.affine is None) == (size is None)
    assert image.metadata.get("position") == (None if size else (0.0, 200.0, 100.0))
