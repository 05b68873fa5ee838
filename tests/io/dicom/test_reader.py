"""DICOM series come in as volumes, in order, rescaled and with their place in the body."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_srgan.io.dicom.reader import read_dicom
from napari_srgan.io.finer_image import finer_image
from napari_srgan.io.image_file import ImageFile

pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    MPEG4HP41,
    UID,
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

rng = np.random.default_rng(0)
Pixels = npt.NDArray[Any]


def noise(*shape: int, dtype: str = "uint16") -> Pixels:
    return (rng.random(shape) * 200).astype(dtype)


def dataset(pixels: Pixels, syntax: UID = ExplicitVRLittleEndian, **tags: Any) -> FileDataset:
    """Return an image of ``(Y, X)``, frames of it or, with ``SamplesPerPixel``, its colours."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID("1.2.3." + str(rng.integers(1, 2**60)))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    image = FileDataset(
        "",
        {},
        file_meta=meta,
        preamble=bytes(128),
        is_implicit_VR=implicit,
        is_little_endian=little,
    )
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    image.SeriesInstanceUID = "1.2.3"
    image.Modality, image.SeriesDescription = "CT", "thorax"
    samples = tags.get("SamplesPerPixel", 1)
    grid = pixels.shape[: pixels.ndim - (samples > 1)]
    image.Rows, image.Columns = grid[-2:]
    if len(grid) == 3:
        image.NumberOfFrames = grid[0]
    image.SamplesPerPixel = samples
    if samples > 1:
        image.PlanarConfiguration = 0
    image.PhotometricInterpretation = "RGB" if samples > 1 else "MONOCHROME2"
    bits = 8 * pixels.dtype.itemsize
    image.BitsAllocated, image.BitsStored, image.HighBit = bits, bits, bits - 1
    image.PixelRepresentation = int(pixels.dtype.kind == "i")
    stored = pixels.astype(pixels.dtype.newbyteorder(">" if syntax == ExplicitVRBigEndian else "<"))
    image.PixelData = stored.tobytes()
    image["PixelData"].VR = "OB" if bits == 8 else "OW"
    for tag, value in tags.items():
        setattr(image, tag, value)
    if syntax == RLELossless:
        image.compress(RLELossless)
    return image


def write(path: Path, pixels: Pixels, **tags: Any) -> Path:
    dataset(pixels, **tags).save_as(path, enforce_file_format=True)
    return path


def series(
    folder: Path,
    pixels: Pixels,
    step: tuple[float, float, float] = (0, 0, 2.5),
    orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0),
    skip: tuple[int, ...] = (),
    **tags: Any,
) -> Path:
    """Write slices in an order that neither name nor instance number gives away."""
    folder.mkdir(exist_ok=True, parents=True)
    for i, plane in enumerate(pixels):
        if i in skip:
            continue
        place = np.array([-91.7, 126.4, -71.9]) + i * np.array(step)
        own = {
            "ImagePositionPatient": [f"{n:.6f}" for n in place],
            "ImageOrientationPatient": list(orientation),
            "PixelSpacing": [0.5, 0.75],
            "SliceThickness": 9,
            "InstanceNumber": (i * 7) % 11 + 1,
        }
        name = f"{tags.get('SeriesInstanceUID', '')}{(i * 5) % 13:02}.dcm"
        write(folder / name, plane, **(own | tags))
    return folder


def read(path: Path, limit: int | None = None) -> ImageFile:
    (image,) = read_dicom(path, limit)
    return image


# --- volumes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [None, 10])
def test_slices_lie_in_the_order_of_their_positions(tmp_path: Path, limit: int | None) -> None:
    data = noise(5, 6, 7)
    image = read(series(tmp_path / "a", data), limit)
    assert (image.axes, image.name, image.unit) == ("ZYX", "thorax", "mm")
    assert np.array_equal(np.asarray(image.data), data)
    assert image.data.dtype == np.uint16
    assert image.pixel_size == pytest.approx({"Z": 2.5, "Y": 0.5, "X": 0.75})
    assert image.affine is not None
    assert image.affine @ [0, 0, 0, 1] == pytest.approx([-71.9, 126.4, -91.7, 1])
    assert image.affine @ [4, 2, 1, 1] == pytest.approx([-61.9, 127.4, -90.95, 1])


def test_a_list_of_files_is_a_series(tmp_path: Path) -> None:
    data = noise(5, 6, 7)
    folder = series(tmp_path / "a", data)
    (image,) = read_dicom(sorted(folder.iterdir()))
    assert np.array_equal(image.data, data)
    with pytest.raises(FileNotFoundError, match="absent"):
        read_dicom([*folder.iterdir(), folder / "absent.dcm"])


def test_slices_against_the_normal_are_turned_around(tmp_path: Path) -> None:
    data = noise(5, 6, 7)
    image = read(series(tmp_path / "a", data, step=(0, 0, -2.5)))
    assert np.array_equal(image.data, data[::-1])
    assert image.affine is not None
    assert image.affine @ [4, 0, 0, 1] == pytest.approx([-71.9, 126.4, -91.7, 1])


def test_oblique_slices_keep_their_place(tmp_path: Path) -> None:
    turn = np.radians(20)
    down = (0, np.cos(turn), np.sin(turn))
    normal = np.cross((1, 0, 0), down)
    folder = series(
        tmp_path / "a", noise(5, 6, 7), step=tuple(3 * normal), orientation=(1, 0, 0, *down)
    )
    affine = read(folder).affine
    assert affine is not None
    start = np.array([-91.7, 126.4, -71.9])
    expected = start + 4 * 3 * normal + 2 * 0.5 * np.array(down) + [0.75, 0, 0]
    assert (affine @ [4, 2, 1, 1])[2::-1] == pytest.approx(expected, abs=1e-5)


def test_the_slices_of_a_tilted_gantry_lean(tmp_path: Path) -> None:
    image = read(series(tmp_path / "a", noise(5, 6, 7), step=(0, 0.4, 2.5)))
    assert image.affine is not None
    assert image.affine[:3, 0] == pytest.approx([2.5, 0.4, 0])


def test_simpleitk_sees_the_same_volume(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    turn = np.radians(20)
    down = (0, np.cos(turn), np.sin(turn))
    normal = np.cross((1, 0, 0), down)
    data = noise(5, 6, 7, dtype="int16")
    folder = series(
        tmp_path / "a",
        data,
        step=tuple(3 * normal),
        orientation=(1, 0, 0, *down),
        RescaleSlope=1,
        RescaleIntercept=-1024,
        PatientID="a",
        StudyInstanceUID="1.2",
    )
    seen = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    image = read(folder)
    assert np.array_equal(sitk.GetArrayFromImage(seen), image.data)
    assert image.affine is not None
    for index in [(0, 0, 0), (4, 0, 0), (2, 5, 6)]:
        point = seen.TransformIndexToPhysicalPoint(index[::-1])
        assert (image.affine @ [*index, 1])[2::-1] == pytest.approx(point, abs=1e-3)


def test_missing_slices_are_said(tmp_path: Path) -> None:
    data = noise(8, 6, 7)
    folder = series(tmp_path / "a", data, skip=(3, 4))
    with pytest.warns(UserWarning, match=r"thorax: 2 of its slices are missing; .*2\.5 mm"):
        image = read(folder)
    assert image.data.shape == (6, 6, 7)
    assert image.pixel_size["Z"] == pytest.approx(2.5)
    assert image.metadata["missing"] == 2


def test_uneven_slices_are_said(tmp_path: Path) -> None:
    folder = series(tmp_path / "a", noise(4, 6, 7))
    write(
        folder / "last.dcm",
        noise(6, 7),
        ImagePositionPatient=[-91.7, 126.4, -60.9],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[0.5, 0.75],
    )
    with pytest.warns(UserWarning, match="its slices are not evenly spaced"):
        assert read(folder).metadata["irregular"]


def test_passes_over_the_same_slices_are_time(tmp_path: Path) -> None:
    data = noise(3, 4, 6, 7)
    for t, volume in enumerate(data):
        series(tmp_path / "a" / f"{t}", volume, TemporalPositionIdentifier=t + 1)
    image = read(tmp_path / "a")
    assert image.axes == "TZYX"
    assert np.array_equal(image.data, data)
    assert np.array_equal(read(tmp_path / "a", 10).data[1, 2].compute(), data[1, 2])


def test_several_series_are_several_images(tmp_path: Path) -> None:
    kinds = {"scout": noise(2, 6, 9), "thorax": noise(3, 6, 7)}
    for i, (name, data) in enumerate(kinds.items()):
        uid = f"1.2.{i}"
        series(tmp_path, data, SeriesInstanceUID=uid, SeriesDescription=name, SeriesNumber=i + 1)
    series(tmp_path, kinds["thorax"], SeriesInstanceUID="1.2.9", SeriesNumber=3)
    images = read_dicom(tmp_path)
    assert [image.name for image in images] == ["scout", "thorax 1", "thorax 2"]
    assert [image.data.shape for image in images] == [(2, 6, 9), (3, 6, 7), (3, 6, 7)]


def test_orientations_of_one_series_are_apart(tmp_path: Path) -> None:
    series(tmp_path / "a", noise(3, 6, 7))
    series(tmp_path / "b", noise(3, 6, 7), step=(0, 2, 0), orientation=(1, 0, 0, 0, 0, -1))
    assert len(read_dicom(tmp_path)) == 2


def test_a_copy_of_a_file_is_read_once(tmp_path: Path) -> None:
    folder = series(tmp_path / "a", noise(3, 6, 7))
    (folder / "copy.dcm").write_bytes((folder / "00.dcm").read_bytes())
    assert read(folder).data.shape == (3, 6, 7)


# --- files that are left out ---------------------------------------------------------------------


def test_other_files_are_passed_by(tmp_path: Path) -> None:
    folder = series(tmp_path / "a", noise(3, 6, 7))
    (folder / "notes.txt").write_text("a text")
    (folder / "empty").touch()
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + bytes(99))
    report = dataset(noise(6, 7))
    del report.PixelData
    report.save_as(folder / "report.dcm", enforce_file_format=True)
    assert read(folder).data.shape == (3, 6, 7)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    folder = series(tmp_path / "a", noise(5, 6, 7))
    damaged = folder / "07.dcm"  # the last slice
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.warns(UserWarning, match=r"1 damaged files are left out: 07\.dcm"):
        assert read(folder).data.shape == (4, 6, 7)


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_links_do_not_lead_out(tmp_path: Path) -> None:
    folder = series(tmp_path / "a", noise(3, 6, 7))
    other = series(tmp_path / "b", noise(3, 9, 9), SeriesInstanceUID="1.9")
    (folder / "link").symlink_to(other)
    (folder / "link.dcm").symlink_to(next(other.iterdir()))
    (folder / "round").symlink_to(folder)
    assert read(folder).data.shape == (3, 6, 7)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a text")
    with pytest.raises(ValueError, match="there is no DICOM image in it"):
        read_dicom(tmp_path)
    with pytest.raises(ValueError, match="it is no DICOM file"):
        read_dicom(tmp_path / "notes.txt")
    with pytest.raises(FileNotFoundError, match=r"a\.dcm: there is no such file"):
        read_dicom(tmp_path / "a.dcm")


# --- single files --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32"])
@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless]
)
def test_pixels_of_every_syntax_are_read(tmp_path: Path, syntax: UID, dtype: str) -> None:
    if syntax == ExplicitVRBigEndian and dtype.endswith("8"):
        pytest.skip("pydicom writes them as 16-bit words")
    if syntax == RLELossless and dtype.endswith("32"):
        pytest.skip("the standard has no such file")
    data = noise(6, 8, dtype=dtype).clip(0, 100)
    if dtype.startswith("i"):
        data -= 50
    image = read(write(tmp_path / "a.dcm", data, syntax=syntax))
    assert image.axes == "YX"
    assert image.data.dtype == dtype
    assert np.array_equal(image.data, data)


def test_a_file_without_a_preamble_is_read(tmp_path: Path) -> None:
    data = noise(6, 8)
    image = dataset(data, ImplicitVRLittleEndian)
    image.preamble = None
    path = tmp_path / "a.dcm"
    with path.open("wb") as file:
        from pydicom.filewriter import dcmwrite

        plain = Dataset({e.tag: e for e in image})
        dcmwrite(file, plain, implicit_vr=True, little_endian=True)
    assert path.read_bytes()[:2] == b"\x08\0"
    assert np.array_equal(read(path).data, data)


@pytest.mark.parametrize(
    ("slope", "intercept", "bits", "dtype"),
    [
        (1, 0, 12, "uint16"),
        (1, -1024, 12, "int16"),
        (1, -1024, 16, "int32"),
        (0.5, 3, 12, "float32"),
        (2, 0, 12, "float32"),
        (1, 0.5, 12, "float32"),
    ],
)
@pytest.mark.parametrize("limit", [None, 10])
def test_intensities_are_rescaled(
    tmp_path: Path, slope: float, intercept: float, bits: int, dtype: str, limit: int | None
) -> None:
    data = noise(6, 8)
    tags = {"RescaleSlope": slope, "RescaleIntercept": intercept, "BitsStored": bits}
    image = read(write(tmp_path / "a.dcm", data, **tags, HighBit=bits - 1), limit)
    assert image.data.dtype == dtype
    assert np.asarray(image.data) == pytest.approx(data.astype(float) * slope + intercept)


def test_slopes_may_differ_by_slice(tmp_path: Path) -> None:
    data = noise(3, 6, 7)
    for i, plane in enumerate(data):
        series(tmp_path, plane[None], step=(0, 0, 0), RescaleSlope=i + 0.5, RescaleIntercept=0,
               ImagePositionPatient=[0, 0, i], SeriesInstanceUID="1.2")  # fmt: skip
        (tmp_path / "1.200.dcm").rename(tmp_path / f"{i}.dcm")
    image = read(tmp_path)
    assert image.data.dtype == np.float32
    assert image.data == pytest.approx(data * np.array([0.5, 1.5, 2.5])[:, None, None])


@pytest.mark.parametrize("kind", ["uint16", "int16"])
def test_overlays_in_unused_bits_are_dropped(tmp_path: Path, kind: str) -> None:
    data = noise(6, 8, dtype=kind) - (50 if kind == "int16" else 0)
    marked = (data & 0x0FFF) | (1 << 13)
    image = read(write(tmp_path / "a.dcm", marked.astype(kind), BitsStored=12, HighBit=11))
    assert np.array_equal(image.data, data)


def test_the_window_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", noise(6, 8), WindowCenter=[40, 300], WindowWidth=[400, 2000])
    assert read(path).channels[0].window == (-160, 239)


@pytest.mark.parametrize("window", [True, False])
def test_monochrome1_keeps_values_and_swaps_its_window(tmp_path: Path, window: bool) -> None:
    data = noise(6, 8)
    tags = {"WindowCenter": 100, "WindowWidth": 50} if window else {}
    path = write(tmp_path / "a.dcm", data, PhotometricInterpretation="MONOCHROME1", **tags)
    image = read(path)
    assert np.array_equal(image.data, data)
    assert image.channels[0].window == ((124, 75) if window else (65535, 0))
    assert image.metadata["monochrome1"]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
@pytest.mark.parametrize("frames", [1, 3])
def test_colours_are_samples(tmp_path: Path, syntax: UID, frames: int) -> None:
    data = noise(frames, 6, 8, 3, dtype="uint8")
    if frames == 1:
        data = data[0]
    path = write(tmp_path / "a.dcm", data, syntax=syntax, SamplesPerPixel=3, FrameTime=40)
    image = read(path)
    assert image.axes == ("TYXS" if frames > 1 else "YXS")
    assert np.array_equal(image.data, data)
    assert image.pixel_size == ({"T": 0.04} if frames > 1 else {})


def test_ybr_becomes_rgb(tmp_path: Path) -> None:
    grey = np.full((6, 8, 3), 128, np.uint8)
    grey[..., 0] = np.arange(8) * 30
    path = write(tmp_path / "a.dcm", grey, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL")
    assert np.ptp(read(path).data.astype(int), axis=-1).max() <= 1


def test_enhanced_frames_lie_at_their_own_positions(tmp_path: Path) -> None:
    data = noise(4, 6, 8)

    def item(**tags: Any) -> Dataset:
        made = Dataset()
        for tag, value in tags.items():
            setattr(made, tag, value)
        return made

    shared = item(
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]),
        PixelMeasuresSequence=Sequence([item(PixelSpacing=[0.5, 0.75], SliceThickness=9)]),
        PixelValueTransformationSequence=Sequence([item(RescaleSlope=1, RescaleIntercept=-9)]),
    )
    places = [2, 0, 3, 1]
    frames = [
        item(PlanePositionSequence=Sequence([item(ImagePositionPatient=[1, 2, 4.0 * place])]))
        for place in places
    ]
    path = write(
        tmp_path / "a.dcm",
        data,
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence(frames),
    )
    for limit in (None, 10):
        image = read(path, limit)
        assert image.axes == "ZYX"
        assert np.array_equal(np.asarray(image.data), data[[1, 3, 0, 2]].astype(int) - 9)
        assert image.pixel_size == pytest.approx({"Z": 4, "Y": 0.5, "X": 0.75})
        assert image.affine is not None
        assert image.affine @ [1, 0, 0, 1] == pytest.approx([4, 2, 1, 1])


def test_a_dose_is_scaled_and_lies_at_its_offsets(tmp_path: Path) -> None:
    data = noise(3, 6, 8, dtype="uint32")
    path = write(
        tmp_path / "a.dcm",
        data,
        Modality="RTDOSE",
        DoseGridScaling="0.001",
        GridFrameOffsetVector=[0, 5, 10],
        ImagePositionPatient=[0, 0, -100],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[2, 2],
    )
    image = read(path)
    assert (image.axes, image.data.dtype) == ("ZYX", np.float32)
    assert image.data == pytest.approx(data * 0.001)
    assert image.pixel_size == pytest.approx({"Z": 5, "Y": 2, "X": 2})
    assert image.affine is not None
    assert image.affine[0, 3] == -100


def test_files_without_a_position_are_a_stack_in_their_own_order(tmp_path: Path) -> None:
    data = noise(3, 6, 8)
    for i, plane in enumerate(data):
        write(tmp_path / f"{5 - i}.dcm", plane, InstanceNumber=i + 1, ImagerPixelSpacing=[0.1, 0.1])
    image = read(tmp_path)
    assert image.axes == "TYX"
    assert np.array_equal(image.data, data)
    assert (image.pixel_size, image.affine) == ({"Y": 0.1, "X": 0.1}, None)


def test_a_finer_result_fills_the_box_of_its_source(tmp_path: Path) -> None:
    source = read(series(tmp_path / "a", noise(5, 6, 7)))
    finer = finer_image(source, noise(5, 24, 28), "ZYX", 4)
    assert source.affine is not None
    assert finer.affine is not None
    for end in ((-0.5, -0.5, -0.5), (4.5, 5.5, 6.5)):
        fine = (end[0], (end[1] + 0.5) * 4 - 0.5, (end[2] + 0.5) * 4 - 0.5)
        assert finer.affine @ [*fine, 1] == pytest.approx(source.affine @ [*end, 1])


def encoded(path: Path, data: Pixels, syntax: UID, stream: bytes, **tags: Any) -> Path:
    from pydicom.encaps import encapsulate

    image = dataset(data, **tags)
    image.file_meta.TransferSyntaxUID = syntax
    image.PixelData = encapsulate([stream])
    image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
    image.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
@pytest.mark.parametrize("coder", ["jpegls", "ljpeg", "jpeg2k"])
def test_compressed_pixels_are_read(tmp_path: Path, coder: str, dtype: str) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    data = noise(16, 24, dtype=dtype)
    tags = {}
    kept = data
    if dtype != "uint8":
        tags = {"BitsStored": 12, "HighBit": 11}
    if dtype == "int16":
        data = data - 100
        # Only JPEG 2000 knows of signs; the others code the twelve bits that are stored.
        kept = data if coder == "jpeg2k" else (data & 0x0FFF).astype("uint16")
    else:
        kept = data
    options: dict[str, Any] = {"reversible": True, "level": 0} if coder == "jpeg2k" else {}
    if coder != "jpegls" and tags:
        options["bitspersample"] = 12
    stream = getattr(imagecodecs, f"{coder}_encode")(kept, **options)
    syntax = {"jpegls": JPEGLSLossless, "ljpeg": JPEGLosslessSV1, "jpeg2k": JPEG2000Lossless}[coder]
    image = read(encoded(tmp_path / "a.dcm", data, syntax, stream, **tags))
    assert image.data.dtype == dtype
    assert np.array_equal(image.data, data)


def test_deep_colours_of_jpeg_2000_are_read(tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    data = noise(16, 24, 3) * 100
    stream = imagecodecs.jpeg2k_encode(data, reversible=True, level=0, mct=True)
    tags = {"SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_RCT"}
    image = read(encoded(tmp_path / "a.dcm", data, JPEG2000Lossless, stream, **tags))
    assert np.array_equal(image.data, data)


def test_a_missing_decoder_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    from pydicom.pixels.decoders.base import JPEGLSLosslessDecoder

    imagecodecs = pytest.importorskip("imagecodecs")
    monkeypatch.setattr(JPEGLSLosslessDecoder, "_available", {})
    monkeypatch.setattr(imagecodecs, "JPEGLS", None)
    data = noise(6, 8)
    path = encoded(tmp_path / "a.dcm", data, JPEGLSLossless, b"no such thing")
    with pytest.raises(ValueError, match=r"JPEG-LS Lossless.*needs a decoder: pip install pylib"):
        read_dicom(path)
    with pytest.raises(ValueError, match=r"MPEG-4.*has no decoder; save it uncompressed"):
        read_dicom(encoded(tmp_path / "a.dcm", data, MPEG4HP41, b"no such thing"))


def test_without_pydicom_its_extra_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(ValueError, match=r'pip install "napari-srgan\[medical\]"'):
        read_dicom(tmp_path / "a.dcm")


def test_a_strange_text_in_a_header_gives_no_warning(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of what it is made to write
        path = write(tmp_path / "a.dcm", noise(6, 8), PatientBirthDate="long ago", StudyDate="99")
    assert read(path).axes == "YX"
