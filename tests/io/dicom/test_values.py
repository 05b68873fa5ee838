"""Numbers of DICOM files mean what their headers say, and padding means that there is no value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_srgan.io.finer_image import finer_image

pytest.importorskip("pydicom")
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_rescale
from pydicom.sequence import Sequence

from napari_srgan.io.dicom.reader import read_dicom

from .test_layout import item, items, slide
from .test_reader import noise, read, series, write


def table(values: Any, begin: int = 0, depth: int = 16) -> Sequence:
    made = Dataset()
    made.LUTDescriptor = [len(values), begin, depth]
    made.ModalityLUTType = "OD"
    made.add_new("LUTData", "OW", np.asarray(values, "<u2").tobytes())
    return items(made)


# --- what numbers mean ---------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [None, 10])
@pytest.mark.parametrize(("count", "begin"), [(256, 0), (100, 50)])
def test_a_modality_lut_is_applied_as_pydicom_does(
    tmp_path: Path, limit: int | None, count: int, begin: int
) -> None:
    data = noise(6, 8)
    lut = np.arange(count) ** 2 % 65536
    path = write(tmp_path / "a.dcm", data, ModalityLUTSequence=table(lut, begin))
    image = read(path, limit)
    made = dcmread(path)
    assert np.array_equal(np.asarray(image.data), apply_modality_lut(made.pixel_array, made))
    assert image.data.dtype == np.uint16
    assert image.metadata["intensity_unit"] == "OD"


def test_a_modality_lut_of_signed_numbers_and_twelve_bits(tmp_path: Path) -> None:
    data = noise(6, 8, dtype="int16") - 100
    path = write(tmp_path / "a.dcm", data, ModalityLUTSequence=table(np.arange(200) * 20, -100, 12))
    assert np.array_equal(read(path).data, (data.astype(int) + 100) * 20)


def test_a_broken_modality_lut_is_refused(tmp_path: Path) -> None:
    broken = table(np.arange(256))
    broken[0].LUTDescriptor = [300, 0, 16]
    with pytest.raises(ValueError, match=r"a\.dcm: cannot be read"):
        read_dicom(write(tmp_path / "a.dcm", noise(6, 8), ModalityLUTSequence=broken))
    del broken[0].LUTData
    with pytest.raises(ValueError, match="has no descriptor or no data"):
        read_dicom(write(tmp_path / "a.dcm", noise(6, 8), ModalityLUTSequence=broken))


def mapping(**tags: Any) -> Dataset:
    return item(
        RealWorldValueFirstValueMapped=0,
        RealWorldValueLastValueMapped=199,
        MeasurementUnitsCodeSequence=items(item(CodeValue="um2/s")),
        **tags,
    )


@pytest.mark.parametrize("shared", [True, False])
def test_a_mapping_to_real_world_values_is_applied(tmp_path: Path, shared: bool) -> None:
    found = items(mapping(RealWorldValueSlope=0.5, RealWorldValueIntercept=-10.0))
    tags: dict[str, Any] = {"RealWorldValueMappingSequence": found}
    data = noise(6, 8)
    path = write(tmp_path / "a.dcm", data, WindowCenter=100.5, WindowWidth=101, **tags)
    expected = apply_rescale(data, item(RescaleSlope=0.5, RescaleIntercept=-10.0))
    if shared:
        tags = {"SharedFunctionalGroupsSequence": items(item(**tags))}
        path = write(tmp_path / "a.dcm", data, WindowCenter=100.5, WindowWidth=101, **tags)
    image = read(path)
    assert image.data == pytest.approx(expected)
    assert image.channels[0].window == (50 * 0.5 - 10, 150 * 0.5 - 10)
    assert image.metadata["intensity_unit"] == "um2/s"


def test_a_table_of_real_world_values_is_applied(tmp_path: Path) -> None:
    values = np.sqrt(np.arange(200.0))
    found = items(mapping(RealWorldValueLUTData=values.tolist()))
    data = noise(2, 6, 8)
    for i, plane in enumerate(data):
        write(tmp_path / f"{i}.dcm", plane, RealWorldValueMappingSequence=found, InstanceNumber=i)
    image = read(tmp_path)
    assert image.data.dtype == np.float32
    assert image.data == pytest.approx(values[data])


def test_what_the_modality_says_goes_before_other_mappings(tmp_path: Path) -> None:
    found = items(mapping(RealWorldValueSlope=0.5, RealWorldValueIntercept=-10.0))
    tags: dict[str, Any] = {
        "RealWorldValueMappingSequence": found,
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
    }
    data = noise(6, 8)
    image = read(write(tmp_path / "a.dcm", data, **tags, RescaleType="HU"))
    assert np.array_equal(image.data, data)
    assert image.metadata["intensity_unit"] == "HU"
    (other,) = image.metadata["real_world_values"]
    assert (other["slope"], other["intercept"], other["unit"]) == (0.5, -10, "um2/s")


# --- no value ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [None, 10])
def test_padding_is_nodata_in_rescaled_numbers(tmp_path: Path, limit: int | None) -> None:
    data = noise(3, 6, 7, dtype="int16")
    data[:, :2] = -2000
    tags: dict[str, Any] = {
        "PixelPaddingValue": -2000,
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
    }
    image = read(series(tmp_path / "a", data, **tags), limit)
    assert image.nodata == -3024
    assert image.missing is None
    assert np.array_equal(np.asarray(image.data) == image.nodata, data == -2000)


def test_padding_may_have_the_other_sign_and_bits_that_are_not_used(tmp_path: Path) -> None:
    data = noise(6, 8)
    data[:2] = 63536  # -2000
    tags: dict[str, Any] = {
        "BitsStored": 12,
        "HighBit": 11,
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
    }
    path = write(tmp_path / "a.dcm", data, PixelPaddingValue=63536, **tags)
    image = read(path)
    assert image.nodata == 62512
    assert np.array_equal(image.data, data.astype(int) - 1024)
    signed = data.astype("int16")
    path = write(tmp_path / "a.dcm", signed)
    made = dcmread(path)
    made.add_new("PixelPaddingValue", "US", 63536)
    made.save_as(path)
    assert read(path).nodata == -2000


@pytest.mark.parametrize("limit", [None, 10])
def test_a_range_of_padding_is_missing(tmp_path: Path, limit: int | None) -> None:
    data = noise(3, 6, 7)
    tags: dict[str, Any] = {"PixelPaddingValue": 20, "PixelPaddingRangeLimit": 5}
    image = read(series(tmp_path / "a", data, **tags), limit)
    assert image.nodata is None
    assert image.missing is not None
    assert np.array_equal(np.asarray(image.missing), (data >= 5) & (data <= 20))
    assert np.array_equal(np.asarray(image.missing[1, 2:5]), ((data >= 5) & (data <= 20))[1, 2:5])


def test_padding_of_slices_that_are_scaled_apart_is_missing(tmp_path: Path) -> None:
    data = noise(2, 6, 7)
    data[:, 0] = 0
    for i, plane in enumerate(data):
        place = {"ImagePositionPatient": [0, 0, i], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
        write(tmp_path / f"{i}.dcm", plane, **place, PixelSpacing=[1, 1], PixelPaddingValue=0,
              RescaleSlope=i + 0.5, RescaleIntercept=i)  # fmt: skip
    image = read(tmp_path)
    assert image.nodata is None
    assert image.missing is not None
    assert np.array_equal(image.missing, data == 0)


def test_without_padding_nothing_is_missing(tmp_path: Path) -> None:
    data = noise(6, 8) + 1
    image = read(write(tmp_path / "a.dcm", data))
    assert (image.nodata, image.missing) == (None, None)
    colours = noise(6, 8, 3, dtype="uint8")
    image = read(write(tmp_path / "b.dcm", colours, SamplesPerPixel=3, PixelPaddingValue=0))
    assert (image.nodata, image.missing) == (None, None)


@pytest.mark.parametrize("limit", [None, 10])
def test_a_finer_image_misses_what_its_source_does(tmp_path: Path, limit: int | None) -> None:
    data = noise(3, 6, 7)
    tags: dict[str, Any] = {"PixelPaddingValue": 20, "PixelPaddingRangeLimit": 5}
    source = read(series(tmp_path / "a", data, **tags), limit)
    finer = finer_image(source, noise(3, 12, 14), "ZYX", 2)
    whole = np.asarray(source.missing).repeat(2, 1).repeat(2, 2)
    assert np.array_equal(np.asarray(finer.missing), whole)


def test_a_slide_has_no_padding(tmp_path: Path) -> None:
    image = read(slide(tmp_path / "a.dcm", noise(16, 32, 3, dtype="uint8"), PixelPaddingValue=255))
    assert (image.nodata, image.missing) == (None, None)
