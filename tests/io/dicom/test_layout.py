"""Frames of one DICOM file become slices, times, channels or one image, as its header says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pydicom")
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

import napari_srgan as ns
from napari_srgan.io.dicom.reader import read_dicom

from .test_reader import noise, read, write

NUCLEAR = "1.2.840.10008.5.1.4.1.1.20"
SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"


def item(**tags: Any) -> Dataset:
    made = Dataset()
    for tag, value in tags.items():
        setattr(made, tag, value)
    return made


def items(*found: Dataset) -> Sequence:
    return Sequence(found)


# --- nuclear medicine ----------------------------------------------------------------------------


def tomogram(path: Path, data: Any, **tags: Any) -> Path:
    usual = {
        "SOPClassUID": NUCLEAR,
        "Modality": "NM",
        "ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
        "FrameIncrementPointer": Tag("SliceVector"),
        "SliceVector": list(range(1, len(data) + 1)),
        "NumberOfSlices": len(data),
        "PixelSpacing": [4, 4],
        "SliceThickness": 4,
        "SpacingBetweenSlices": -4,
        "DetectorInformationSequence": items(
            item(ImagePositionPatient=[-12, -16, 100], ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
        ),
        "PatientID": "a",
        "StudyInstanceUID": "1.2",
    }
    path = write(path, data, **(usual | tags))
    made = dcmread(path)
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("step", [4, -4])
@pytest.mark.parametrize("limit", [None, 10])
def test_reconstructed_slices_lie_where_simpleitk_has_them(
    tmp_path: Path, step: int, limit: int | None
) -> None:
    sitk = pytest.importorskip("SimpleITK")
    data = noise(5, 8, 6)
    path = tomogram(tmp_path / "a.dcm", data, SpacingBetweenSlices=step)
    image = read(path, limit)
    assert image.axes == "ZYX"
    assert image.pixel_size == pytest.approx({"Z": 4, "Y": 4, "X": 4})
    seen = sitk.ReadImage(str(path))
    values = sitk.GetArrayFromImage(seen)
    assert image.affine is not None
    found = np.asarray(image.data)
    for index in [(0, 0, 0), (4, 7, 5), (2, 3, 1)]:
        point = (image.affine @ [*index, 1])[2::-1]
        there = seen.TransformPhysicalPointToIndex(point.tolist())[::-1]
        assert found[index] == values[there]


def test_gated_slices_are_time_and_depth(tmp_path: Path) -> None:
    data = noise(6, 8, 6)
    path = tomogram(
        tmp_path / "a.dcm",
        data,
        FrameIncrementPointer=[Tag("TimeSlotVector"), Tag("SliceVector")],
        TimeSlotVector=[1, 1, 1, 2, 2, 2],
        SliceVector=[1, 2, 3, 1, 2, 3],
        SpacingBetweenSlices=4,
    )
    image = read(path)
    assert image.axes == "TZYX"
    assert np.array_equal(image.data, data.reshape(2, 3, 8, 6))


def test_energy_windows_are_channels(tmp_path: Path) -> None:
    data = noise(2, 8, 6)
    path = tomogram(
        tmp_path / "a.dcm",
        data,
        FrameIncrementPointer=Tag("EnergyWindowVector"),
        EnergyWindowVector=[1, 2],
        DetectorInformationSequence=items(item(CollimatorType="PARA")),
    )
    image = read(path)
    assert image.axes == "CYX"
    assert [channel.name for channel in image.channels] == ["EnergyWindow 1", "EnergyWindow 2"]
    assert np.array_equal(image.data, data)


def test_slices_without_a_position_are_depth(tmp_path: Path) -> None:
    data = noise(3, 8, 6)
    path = tomogram(
        tmp_path / "a.dcm", data, DetectorInformationSequence=items(), SliceVector=[3, 1, 2]
    )
    image = read(path)
    assert (image.axes, image.affine) == ("ZYX", None)
    assert image.pixel_size == {"Z": 4, "Y": 4, "X": 4}
    assert np.array_equal(image.data, data[[1, 2, 0]])


# --- what is not said ----------------------------------------------------------------------------


def test_frames_in_an_unknown_order_are_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.dcm",
        noise(3, 8, 6),
        FrameIncrementPointer=Tag("PageNumberVector"),
        PageNumberVector=[1, 2, 3],
    )
    with pytest.raises(ValueError, match="follow each other by PageNumberVector, which is neither"):
        read_dicom(path)
    with pytest.raises(ValueError, match="its SliceVector does not have a value for each of its 3"):
        read_dicom(tomogram(tmp_path / "b.dcm", noise(3, 8, 6), SliceVector=[1, 2]))


def test_frames_of_which_nothing_is_said_have_no_axes(tmp_path: Path) -> None:
    data = noise(3, 8, 6)
    path = write(tmp_path / "a.dcm", data, Modality="OT")
    with pytest.warns(UserWarning, match="does not say what its 3 frames are"):
        image = read(path)
    assert image.axes is None
    assert np.array_equal(image.data, data)


def test_colours_of_frames_of_which_nothing_is_said_are_shown(tmp_path: Path) -> None:
    pytest.importorskip("napari")
    data = noise(3, 8, 6, 3, dtype="uint8")
    path = write(tmp_path / "a.dcm", data, Modality="OT", SamplesPerPixel=3)
    with pytest.warns(UserWarning, match="does not say what its 3 frames are"):
        ((shown, options, _),) = ns.read(path)
    assert options["rgb"]
    assert np.array_equal(shown, data)


# --- ultrasound ----------------------------------------------------------------------------------


def region(**tags: Any) -> Dataset:
    usual = {
        "RegionSpatialFormat": 1,
        "PhysicalUnitsXDirection": 3,
        "PhysicalUnitsYDirection": 3,
        "PhysicalDeltaX": 0.02,
        "PhysicalDeltaY": 0.03,
    }
    return item(**(usual | tags))


def test_the_regions_of_an_ultrasound_image_give_its_pixel_size(tmp_path: Path) -> None:
    doppler = region(RegionSpatialFormat=3, PhysicalUnitsXDirection=4, PhysicalDeltaX=7.0)
    path = write(
        tmp_path / "a.dcm",
        noise(4, 8, 6),
        Modality="US",
        FrameTime=40,
        FrameIncrementPointer=Tag("FrameTime"),
        SequenceOfUltrasoundRegions=items(doppler, region()),
    )
    image = read(path)
    assert image.axes == "TYX"
    assert image.pixel_size == pytest.approx({"T": 0.04, "Y": 0.3, "X": 0.2})


def test_regions_that_differ_give_no_pixel_size(tmp_path: Path) -> None:
    both = items(region(), region(PhysicalDeltaX=0.05))
    path = write(tmp_path / "a.dcm", noise(8, 6), Modality="US", SequenceOfUltrasoundRegions=both)
    assert read(path).pixel_size == {}


def test_times_of_frames_may_be_listed(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.dcm",
        noise(3, 8, 6),
        Modality="XA",
        FrameTimeVector=[0, 50, 50],
        FrameIncrementPointer=Tag("FrameTimeVector"),
    )
    image = read(path)
    assert (image.axes, image.pixel_size) == ("TYX", {"T": 0.05})


# --- functional groups ---------------------------------------------------------------------------


def enhanced(path: Path, data: Any, frames: list[Dataset], *pointers: str, **tags: Any) -> Path:
    shared = item(
        PlaneOrientationSequence=items(item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])),
        PixelMeasuresSequence=items(item(PixelSpacing=[0.5, 0.75], SliceThickness=9)),
    )
    return write(
        path,
        data,
        SharedFunctionalGroupsSequence=items(shared),
        PerFrameFunctionalGroupsSequence=Sequence(frames),
        DimensionIndexSequence=Sequence(item(DimensionIndexPointer=Tag(p)) for p in pointers),
        **tags,
    )


def frame(z: float, *indices: int, **content: Any) -> Dataset:
    return item(
        PlanePositionSequence=items(item(ImagePositionPatient=[1, 2, z])),
        FrameContentSequence=items(item(DimensionIndexValues=list(indices), **content)),
    )


@pytest.mark.parametrize("limit", [None, 10])
def test_dimension_indices_say_what_is_time_and_what_a_channel(
    tmp_path: Path, limit: int | None
) -> None:
    data = noise(2, 3, 2, 8, 6)
    order = [(c, t, z) for z in range(2) for c in range(2) for t in range(3)]
    path = enhanced(
        tmp_path / "a.dcm",
        np.stack([data[place] for place in order]),
        [frame(5.0 * z, t + 1, c + 1, z + 1, TemporalPositionTimeOffset=2.5 * t)
         for c, t, z in order],
        "TemporalPositionIndex", "EffectiveEchoTime", "InStackPositionNumber",
    )  # fmt: skip
    image = read(path, limit)
    assert image.axes == "CTZYX"
    assert np.array_equal(np.asarray(image.data), data)
    assert [c.name for c in image.channels] == ["EffectiveEchoTime 1", "EffectiveEchoTime 2"]
    assert image.pixel_size == pytest.approx({"T": 2.5, "Z": 5, "Y": 0.5, "X": 0.75})


def test_stacks_of_one_file_are_images_of_their_own(tmp_path: Path) -> None:
    data = noise(4, 8, 6)
    frames = [frame(5.0 * i, StackID="1" if i < 2 else "2") for i in range(4)]
    images = read_dicom(enhanced(tmp_path / "a.dcm", data, frames))
    assert [image.axes for image in images] == ["ZYX", "ZYX"]
    assert [image.affine[0, 3] for image in images if image.affine is not None] == [0, 10]


def test_frames_at_one_place_of_a_volume_must_differ_in_something(tmp_path: Path) -> None:
    data = noise(4, 8, 6)
    path = enhanced(tmp_path / "a.dcm", data, [frame(5.0 * (i % 2)) for i in range(4)])
    with pytest.raises(ValueError, match="lie at one place, and nothing says what they differ in"):
        read_dicom(path)
    taken = [frame(5.0 * (i % 2), FrameAcquisitionDateTime=f"2020010112000{i}.5") for i in range(4)]
    image = read(enhanced(tmp_path / "b.dcm", data, taken))
    assert image.axes == "TZYX"
    assert np.array_equal(image.data, data.reshape(2, 2, 8, 6))


# --- whole slides --------------------------------------------------------------------------------


def slide(path: Path, image: Any, tile: tuple[int, int] = (16, 16), **tags: Any) -> Path:
    """Write an image of ``(Y, X, 3)`` as the tiles of a slide, with white behind its edges."""
    rows, columns = (-(-n // t) for n, t in zip(image.shape, tile, strict=False))
    padded = np.full((rows * tile[0], columns * tile[1], 3), 255, np.uint8)
    padded[: image.shape[0], : image.shape[1]] = image
    tiles = padded.reshape(rows, tile[0], columns, tile[1], 3).swapaxes(1, 2)
    shared = item(PixelMeasuresSequence=items(item(PixelSpacing=[0.0005, 0.00025])))
    usual = {
        "SOPClassUID": SLIDE,
        "Modality": "SM",
        "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        "SamplesPerPixel": 3,
        "DimensionOrganizationType": "TILED_FULL",
        "TotalPixelMatrixRows": image.shape[0],
        "TotalPixelMatrixColumns": image.shape[1],
        "TotalPixelMatrixOriginSequence": items(
            item(XOffsetInSlideCoordinateSystem=10, YOffsetInSlideCoordinateSystem=20)
        ),
        "ImageOrientationSlide": [0, -1, 0, -1, 0, 0],
        "SharedFunctionalGroupsSequence": items(shared),
    }
    chosen = tags.pop("chosen", range(rows * columns))
    frames = tiles.reshape(-1, *tile, 3)[list(chosen)]
    return write(path, frames, **(usual | tags))


@pytest.mark.parametrize("limit", [None, 10])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"])
def test_the_tiles_of_a_slide_are_one_image(tmp_path: Path, limit: int | None, syntax: str) -> None:
    from pydicom.uid import UID

    data = noise(40, 60, 3, dtype="uint8")
    path = slide(tmp_path / "a.dcm", data, syntax=UID(syntax))
    image = read(path, limit)
    assert image.axes == "YXS"
    assert image.missing is None
    assert np.array_equal(np.asarray(image.data), data)
    assert np.array_equal(np.asarray(image.data[13:35:2, 20:50]), data[13:35:2, 20:50])
    assert image.pixel_size == {"Y": 0.0005, "X": 0.00025}
    assert image.affine is not None
    # A row of pixels runs down the slide, and a column from its right to its left.
    x, y = (image.affine @ [0, 8, 4, 1])[2:0:-1]
    assert (x, y) == pytest.approx((10 - 8 * 0.0005, 20 - 4 * 0.00025))


def test_a_large_slide_is_read_tile_by_tile(tmp_path: Path, monkeypatch: Any) -> None:
    from napari_srgan.io.dicom import slides as dicom_slides

    monkeypatch.setattr(dicom_slides, "CHUNK", 16)
    data = noise(40, 60, 3, dtype="uint8")
    image = read(slide(tmp_path / "a.dcm", data), 10)
    assert image.data.chunks[:2] == ((16, 16, 8), (16, 16, 16, 12))
    assert np.array_equal(image.data.compute(), data)


@pytest.mark.parametrize("limit", [None, 10])
def test_tiles_that_say_their_places_are_laid_there(tmp_path: Path, limit: int | None) -> None:
    data = noise(32, 48, 3, dtype="uint8")
    chosen = [4, 0, 2, 3, 5]  # without 1
    each = [
        item(
            PlanePositionSlideSequence=items(
                item(
                    RowPositionInTotalImagePixelMatrix=16 * (i // 3) + 1,
                    ColumnPositionInTotalImagePixelMatrix=16 * (i % 3) + 1,
                )
            )
        )
        for i in chosen
    ]
    path = slide(
        tmp_path / "a.dcm",
        data,
        DimensionOrganizationType="TILED_SPARSE",
        PerFrameFunctionalGroupsSequence=Sequence(each),
        chosen=chosen,
    )
    image = read(path, limit)
    hole = np.zeros((32, 48), bool)
    hole[:16, 16:32] = True
    assert np.array_equal(np.asarray(image.missing), hole)
    assert np.array_equal(np.asarray(image.data)[~hole], data[~hole])
    assert (np.asarray(image.data)[hole] == 255).all()


def test_the_sizes_of_a_slide_are_the_levels_of_one_image(tmp_path: Path) -> None:
    data = noise(40, 60, 3, dtype="uint8")
    slide(tmp_path / "small.dcm", data[::2, ::2])
    slide(tmp_path / "whole.dcm", data)
    slide(tmp_path / "label.dcm", data[:16, :16], ImageType=["ORIGINAL", "PRIMARY", "LABEL"])
    image = read(tmp_path)
    assert np.array_equal(image.data, data)
    assert [level.compute().tolist() for level in image.levels] == [data[::2, ::2].tolist()]
    assert read(tmp_path / "label.dcm").data.shape == (16, 16, 3)


def test_a_slide_may_be_in_several_files(tmp_path: Path) -> None:
    data = noise(32, 48, 3, dtype="uint8")
    for begin, end in ((0, 4), (4, 6)):
        slide(
            tmp_path / f"{begin}.dcm",
            data,
            ConcatenationUID="1.2.9",
            ConcatenationFrameOffsetNumber=begin,
            chosen=range(begin, end),
            InstanceNumber=begin,
        )
    image = read(tmp_path)
    assert np.array_equal(image.data, data)
    assert image.missing is None


def test_paths_of_light_are_channels(tmp_path: Path) -> None:
    data = noise(2, 16, 32)
    path = write(
        tmp_path / "a.dcm",
        data.reshape(2, 16, 2, 16).swapaxes(1, 2).reshape(4, 16, 16),
        SOPClassUID=SLIDE,
        DimensionOrganizationType="TILED_FULL",
        TotalPixelMatrixRows=16,
        TotalPixelMatrixColumns=32,
        OpticalPathSequence=items(
            item(OpticalPathIdentifier="1", OpticalPathDescription="DAPI"),
            item(OpticalPathIdentifier="2", OpticalPathDescription="FITC"),
        ),
    )
    image = read(path)
    assert image.axes == "CYX"
    assert np.array_equal(image.data, data)
    assert [channel.name for channel in image.channels] == ["DAPI", "FITC"]


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"TotalPixelMatrixRows": 400}, "it has 6 tiles; .* have 75"),
        ({"TotalPixelMatrixRows": 0}, "tiles of an image whose size it does not say"),
        ({"DimensionOrganizationType": ""}, "it does not say where they lie"),
        ({"TotalPixelMatrixRows": 2**32 - 1}, "its tiles make up an image of 4294967295"),
    ],
)
def test_tiles_that_do_not_make_up_an_image_are_refused(
    tmp_path: Path, tags: dict[str, Any], reason: str
) -> None:
    path = slide(tmp_path / "a.dcm", noise(32, 48, 3, dtype="uint8"), **tags)
    with pytest.raises(ValueError, match=reason):
        read_dicom(path)
