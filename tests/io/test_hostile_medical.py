"""Broken NIfTI, DICOM and OME-Zarr files are refused quickly, and in little memory."""

from __future__ import annotations

import gzip
import json
import random
import struct
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_srgan.io.dicom.reader import read_dicom
from napari_srgan.io.image_file import ImageFile
from napari_srgan.io.nifti.volume import read_nifti, write_nifti
from napari_srgan.io.ome_zarr.reader import read_ome_zarr, write_ome_zarr

from .dicom.test_layout import enhanced, frame, slide, tomogram
from .dicom.test_reader import dataset, encoded
from .ome_zarr.test_kept import with_labels

nib = pytest.importorskip("nibabel")
uid = pytest.importorskip("pydicom.uid")

pytestmark = pytest.mark.slow

Reader = Callable[..., list[ImageFile]]
SYNTAXES = {
    "jpeg8": "JPEGBaseline8Bit",
    "jpeg2k": "JPEG2000Lossless",
    "jpegls": "JPEGLSLossless",
    "ljpeg": "JPEGLosslessSV1",
}
"""coders of imagecodecs → transfer syntaxes of DICOM"""
REFUSALS = (ValueError, OSError, MemoryError)


def noise(*shape: int) -> npt.NDArray[Any]:
    return (np.random.default_rng(0).random(shape) * 200).astype("uint16")


@contextmanager
def within(seconds: float = 2, bytes_: int = 500_000_000) -> Iterator[None]:
    """Allow a block so much time and memory."""
    tracemalloc.start()
    start = time.process_time()
    try:
        yield
        assert time.process_time() - start < seconds
        assert tracemalloc.get_traced_memory()[1] < bytes_
    finally:
        tracemalloc.stop()


def outcome(read: Reader, path: Path, limit: int | None) -> bool:
    """Return whether a file is read whole; it may also be refused, and nothing else."""
    refusal: Exception | None = None
    start = time.process_time()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            for image in read(path, limit):
                if image.data.nbytes < 2**26:
                    np.asarray(image.data)
        except REFUSALS as error:
            refusal = error
    assert time.process_time() - start < 2
    assert len(said) <= 2
    assert refusal is None or str(path) in str(refusal)
    return refusal is None


def mutations(content: bytes, count: int, head: int) -> Iterator[bytes]:
    """Yield damaged copies: bytes changed (most of them in the header), lost, added, cut off."""
    chance = random.Random(0)
    special = [0, 1, 0x7F, 0x80, 0xFF]
    for i in range(count):
        damaged = bytearray(content)
        end = min(head, len(damaged)) if i % 4 else len(damaged)
        for _ in range(chance.choice([1, 1, 2, 4, 16])):
            at = chance.randrange(end)
            kind = chance.randrange(8)
            if kind == 0:
                del damaged[at : at + chance.randrange(1, 9)]
            elif kind == 1:
                damaged[at:at] = chance.randbytes(chance.randrange(1, 9))
            elif kind == 2:
                width = chance.choice([2, 4, 8])
                damaged[at : at + width] = bytes([chance.choice(special)]) * width
            elif at < len(damaged):
                damaged[at] = chance.choice([chance.randrange(256), chance.choice(special)])
            end = max(1, min(end, len(damaged)))
        if i % 10 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        yield bytes(damaged)


def fuzz(read: Reader, path: Path, content: bytes, count: int, head: int) -> None:
    """Expect of damaged copies that some are refused, some read, and nothing else happens."""
    results = []
    for i, damaged in enumerate(mutations(content, count, head)):
        path.write_bytes(damaged)
        results.append(outcome(read, path, 10 if i % 2 else None))
    assert 0 < sum(results) < count


# --- any damage ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_damaged_nifti_is_read_or_refused(tmp_path: Path, version: int) -> None:
    made = (nib.Nifti1Image if version == 1 else nib.Nifti2Image)(noise(5, 6, 7), np.eye(4))
    made.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"made by a test"))
    nib.save(made, tmp_path / "a.nii")
    content = (tmp_path / "a.nii").read_bytes()
    fuzz(read_nifti, tmp_path / "b.nii", content, 800, 600)


def test_damaged_packed_nifti_is_read_or_refused(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", ImageFile(noise(2, 5, 6, 7), "TZYX"))
    content = path.read_bytes()
    fuzz(read_nifti, tmp_path / "b.nii.gz", content, 800, 100)
    plain = gzip.decompress(content)
    results = []
    for i, damaged in enumerate(mutations(plain, 800, 352)):
        path.write_bytes(gzip.compress(damaged, 1))
        results.append(outcome(read_nifti, path, 10 if i % 2 else None))
    assert 0 < sum(results) < 800


@pytest.mark.parametrize("kind", ["slide", "tomogram", "enhanced"])
def test_damaged_frames_of_dicom_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.dcm"
    if kind == "slide":
        slide(path, noise(20, 40, 3).astype("uint8"), (8, 8))
    elif kind == "tomogram":
        tomogram(path, noise(3, 6, 8), PixelPaddingValue=3, PixelPaddingRangeLimit=9)
    else:
        frames = [frame(5.0 * (i // 2), i % 2 + 1, i // 2 + 1, StackID="1") for i in range(4)]
        names = ("TemporalPositionIndex", "InStackPositionNumber")
        enhanced(path, noise(4, 6, 8), frames, *names)
    content = path.read_bytes()
    fuzz(read_dicom, tmp_path / "b.dcm", content, 800, content.index(b"\xe0\x7f\x10\0"))


@pytest.mark.parametrize(
    "syntax", ["ExplicitVRLittleEndian", "ImplicitVRLittleEndian", "RLELossless"]
)
def test_damaged_dicom_is_read_or_refused(tmp_path: Path, syntax: str) -> None:
    made = dataset(
        noise(3, 6, 8),
        syntax=getattr(uid, syntax),
        ImagePositionPatient=[1, 2, 3],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[0.5, 0.75],
        SliceThickness=2,
        RescaleSlope=1,
        RescaleIntercept=-1024,
        WindowCenter=40,
        WindowWidth=400,
    )
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    content = (tmp_path / "a.dcm").read_bytes()
    fuzz(read_dicom, tmp_path / "b.dcm", content, 800, len(content) - 3 * 6 * 8 * 2)


@pytest.mark.parametrize("coder", SYNTAXES)
def test_damaged_compressed_dicom_is_read_or_refused(tmp_path: Path, coder: str) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    data = noise(16, 16).astype("uint8")
    stream = getattr(imagecodecs, f"{coder}_encode")(data)
    path = encoded(tmp_path / "a.dcm", data, getattr(uid, SYNTAXES[coder]), stream)
    content = path.read_bytes()
    fuzz(read_dicom, tmp_path / "b.dcm", content, 400, len(content))


def broken(value: Any, chance: random.Random) -> Any:
    """Return a JSON value with one of its parts replaced."""
    values: list[Any] = [
        None,
        -1,
        0,
        2**63,
        1e308,
        "",
        "x",
        [],
        {},
        [0],
        True,
        "../..",
        [[]],
        1e-320,
    ]
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(sorted(value))
        if chance.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: broken(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        return [*value[:at], broken(value[at], chance), *value[at + 1 :]]
    return chance.choice(values)


@pytest.mark.parametrize("place", ["labels", "labels/cells", "labels/cells/0"])
def test_damaged_labels_do_not_keep_an_image_from_being_read(tmp_path: Path, place: str) -> None:
    path = with_labels(tmp_path / "a.zarr", "0.5", "cells")
    document = path / place / "zarr.json"
    content = document.read_bytes()
    for damaged in mutations(content, 300, len(content)):
        document.write_bytes(damaged)
        assert outcome(read_ome_zarr, path, None)


@pytest.mark.parametrize("place", ["zarr.json", "s0/zarr.json"])
def test_damaged_zarr_metadata_is_read_or_refused(tmp_path: Path, place: str) -> None:
    image = ImageFile(noise(2, 9, 11), "CYX", {"X": 0.5, "Y": 0.5})
    path = write_ome_zarr(tmp_path / "a.zarr", image)
    found = json.loads((path / place).read_text())
    chance = random.Random(0)
    results = []
    for i in range(200):
        text = json.dumps(broken(found, chance))
        if i % 5 == 0:
            text = text[: chance.randrange(len(text))]
        (path / place).write_text(text)
        results.append(outcome(read_ome_zarr, path, None))
    assert 0 < sum(results) < 200


# --- claims --------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("limit", [None, 10])
@pytest.mark.parametrize("shape", [(30000, 30000, 30000), (2000, 2000, 2000), (30000, 30000, 1)])
def test_nifti_that_claims_to_be_huge_is_refused(
    tmp_path: Path, suffix: str, limit: int | None, shape: tuple[int, ...]
) -> None:
    header = nib.Nifti1Header()
    header.set_data_dtype(np.float64)
    header.set_data_shape(shape)
    header["magic"] = b"n+1"
    header.set_data_offset(352)
    content = header.structarr.tobytes() + bytes(9999)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    with within(), pytest.raises(ValueError, match="bytes of pixels in its header"):
        read_nifti(path, limit)


def test_a_packed_file_within_its_ratio_takes_what_it_has(tmp_path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_shape((500, 500, 400))
    header["magic"] = b"n+1"
    header.set_data_offset(352)
    content = header.structarr.tobytes() + bytes(4) + np.random.default_rng(0).bytes(2_000_000)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content, 1))
    with within(), pytest.raises(ValueError, match="the file ends early"):
        read_nifti(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("part", [0, 0.01, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_truncated_nifti_is_refused(tmp_path: Path, suffix: str, part: float) -> None:
    path = write_nifti(tmp_path / f"a{suffix}", ImageFile(noise(9, 20, 30), "ZYX"))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with within(), pytest.raises(ValueError, match=r"a\.nii.*: cannot be read"):
        read_nifti(path)


def test_changed_voxels_of_a_packed_file_are_noticed(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", ImageFile(noise(9, 20, 30), "ZYX"))
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # of the checksum: as if the voxels were others
    path.write_bytes(content)
    with pytest.raises((ValueError, OSError), match=r"a\.nii\.gz: cannot be read"):
        read_nifti(path)


@pytest.mark.parametrize("content", [b"", b"just a text\n" * 99, bytes(9999), b"\x1f\x8b" * 99])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.hdr", "a.dcm"])
def test_a_file_that_only_bears_the_name_is_refused(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    read: Reader = read_dicom if name == "a.dcm" else read_nifti
    with within(), pytest.raises(ValueError, match=f"{name}: cannot be read"):
        read(path)


@pytest.mark.parametrize("syntax", ["ExplicitVRLittleEndian", "RLELossless"])
@pytest.mark.parametrize(
    "tags", [{"Rows": 65535, "Columns": 65535}, {"NumberOfFrames": 2_000_000_000}]
)
def test_dicom_that_claims_to_be_huge_is_refused(
    tmp_path: Path, syntax: str, tags: dict[str, int]
) -> None:
    made = dataset(noise(16, 16), syntax=getattr(uid, syntax))
    for tag, value in tags.items():
        setattr(made, tag, value)
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with within(), pytest.raises(ValueError, match=r"a\.dcm: cannot be read"):
        read_dicom(tmp_path / "a.dcm")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_dicom_is_refused(tmp_path: Path, part: float) -> None:
    made = dataset(noise(64, 64))
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    content = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(content[: int(len(content) * part)])
    with within(), pytest.raises(ValueError, match=r"a\.dcm: cannot be read"):
        read_dicom(tmp_path / "a.dcm")


def test_a_length_beyond_the_end_takes_no_memory(tmp_path: Path) -> None:
    made = dataset(noise(16, 16))
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    content = (tmp_path / "a.dcm").read_bytes()
    at = content.index(b"\x08\0\x18\0")  # an element of the dataset, made long
    long = b"\x08\0\x05\0UN\0\0" + struct.pack("<I", 0xFFFFFFF0)
    (tmp_path / "a.dcm").write_bytes(content[:at] + long + content[at:])
    with within(), pytest.raises(ValueError, match=r"a\.dcm: cannot be read"):
        read_dicom(tmp_path / "a.dcm")


@pytest.mark.parametrize("coder", ["jpegls", "ljpeg", "jpeg2k"])
def test_a_stream_that_claims_to_be_huge_is_refused(tmp_path: Path, coder: str) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    encode = getattr(imagecodecs, f"{coder}_encode")
    stream = bytearray(encode(noise(16, 16)))
    if coder == "jpeg2k":
        at = stream.index(b"\xff\x4f\xff\x51") + 8
        stream[at : at + 8] = struct.pack(">II", 60_000, 60_000)
        stream[at + 16 : at + 24] = struct.pack(">II", 60_000, 60_000)
        stream = stream[at - 8 :]
    else:
        at = stream.index(b"\xff\xf7" if coder == "jpegls" else b"\xff\xc3") + 5
        stream[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    syntax = getattr(uid, SYNTAXES[coder])
    path = encoded(tmp_path / "a.dcm", noise(16, 16), syntax, bytes(stream))
    with within(), pytest.raises(ValueError, match=r"a\.dcm: cannot be read"):
        read_dicom(path)


@pytest.mark.parametrize("part", [0.2, 0.5, 0.7, 0.9, 0.99])
@pytest.mark.parametrize("coder", ["jpeg8", "jpegls", "ljpeg", "jpeg2k"])
def test_a_large_stream_that_ends_early_is_refused(tmp_path: Path, coder: str, part: float) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    data = np.zeros((4000, 4000), "uint8")
    data[:100, :100] = noise(100, 100)
    stream = getattr(imagecodecs, f"{coder}_encode")(data)
    stream = stream[: int(len(stream) * part)]
    path = encoded(tmp_path / "a.dcm", data, getattr(uid, SYNTAXES[coder]), stream)
    with within(), pytest.raises(ValueError, match=r"a\.dcm: cannot be read"):
        read_dicom(path)


def test_a_stream_that_ends_within_a_number_is_refused(tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    data = noise(16, 16).astype("uint8")
    stream = imagecodecs.jpegls_encode(data)
    start = stream.index(b"\xff\xda") + 10
    for end in range(start, len(stream) - 2, 7):
        cut = encoded(tmp_path / "a.dcm", data, uid.JPEGLSLossless, stream[:end])
        with within(0.5), pytest.raises(ValueError, match="its JPEG-LS ends early"):
            read_dicom(cut)


def test_a_short_stream_does_not_borrow_from_the_rest_of_its_file(tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    data = np.zeros((9000, 9000), "uint8")
    # Beside so many other bytes, the file as a whole is plausible.
    more = {"ImageComments": "x" * 10_000}
    stream = imagecodecs.jpegls_encode(data)
    path = encoded(tmp_path / "a.dcm", data, uid.JPEGLSLossless, stream, **more)
    with within(), pytest.raises(ValueError, match=r"promises 81000000 bytes of pixels out of"):
        read_dicom(path)


def test_boxes_of_no_length_are_refused(tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    data = noise(16, 16)
    stream = imagecodecs.jpeg2k_encode(data, codecformat="JP2")
    at = stream.index(b"jp2h") - 4
    stream = stream[:at] + bytes(4) + stream[at + 4 :]
    path = encoded(tmp_path / "a.dcm", data, uid.JPEG2000Lossless, stream)
    with within(), pytest.raises(ValueError, match="a box of no length"):
        read_dicom(path)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    made = dataset(noise(16, 16))
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    content = (tmp_path / "a.dcm").read_bytes()
    at = content.index(b"\x08\0\x18\0")
    level = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\xff\xff\xff\xff"
    (tmp_path / "a.dcm").write_bytes(content[:at] + level * 20_000 + content[at:])
    with within(), pytest.raises(ValueError, match=r"a\.dcm: cannot be read"):
        read_dicom(tmp_path / "a.dcm")
    path = write_ome_zarr(tmp_path / "a.zarr", ImageFile(noise(9, 9), "YX"))
    (path / "zarr.json").write_text('{"attributes":' + "[" * 100_000)
    with within(), pytest.raises(ValueError, match=r"a\.zarr: cannot be read"):
        read_ome_zarr(path)
