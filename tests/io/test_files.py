"""One ``read`` and one ``write``: the format is what is in a file, and what a name ends with."""

from __future__ import annotations

import struct
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_srgan import io
from napari_srgan.io import ImageFile

rng = np.random.default_rng(0)


def pixels(*shape: int, dtype: str = "uint8") -> Any:
    return rng.integers(0, 250, shape).astype(dtype)


def plane(**facts: Any) -> ImageFile:
    return ImageFile(pixels(9, 8), "YX", {"Y": 0.5, "X": 0.25}, **facts)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.tif", "TIFF"),
        ("a.png", "PNG"),
        ("a.nii", "NIfTI"),
        ("a.nii.gz", "NIfTI"),
        ("a.zarr", "OME-Zarr"),
    ],
)
def test_every_format_is_written_and_read(tmp_path: Path, name: str, kind: str) -> None:
    if kind == "NIfTI":
        pytest.importorskip("nibabel")
    image = plane()
    with pytest.warns(match="a pixel size") if kind == "PNG" else nullcontext():
        path = io.write(tmp_path / name, image)
    assert io.kind(path) == kind
    (again,) = io.read(path)
    assert np.array_equal(np.asarray(again.data).squeeze(), image.data)
    if kind != "PNG":
        assert {a: again.pixel_size[a] * (1e3 if again.unit == "mm" else 1) for a in "YX"} == (
            pytest.approx(image.pixel_size)
        )


@pytest.mark.parametrize(("kind", "end"), [("WebP", ".webp"), ("BMP", ".bmp"), ("JPEG", ".jpg")])
def test_photographs_are_read(tmp_path: Path, kind: str, end: str) -> None:
    data = np.full((9, 8, 3), 99, np.uint8)
    options: dict[str, Any] = {"lossless": True} if kind == "WebP" else {}
    Image.fromarray(data).save(tmp_path / f"a{end}", **options)
    assert io.kind(tmp_path / f"a{end}") == kind
    (image,) = io.read(tmp_path / f"a{end}")
    assert image.axes == "YXS"
    assert np.abs(image.data.astype(int) - data).max() <= 2


@pytest.mark.parametrize("name", ["a.tif", "a.nii.gz"])
def test_the_bytes_count_not_the_name(tmp_path: Path, name: str) -> None:
    if name.endswith(".nii.gz"):
        pytest.importorskip("nibabel")
    path = io.write(tmp_path / name, plane())
    other = path.rename(tmp_path / "a.dat")
    assert io.kind(other) == ("TIFF" if name == "a.tif" else "NIfTI")
    if name == "a.tif":
        assert io.read(other)[0].data.shape == (9, 8)


def test_a_dicom_file_that_begins_like_a_tiff_is_dicom(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"II*\0" + bytes(124) + b"DICM" + bytes(50))
    assert io.kind(tmp_path / "a.dcm") == "DICOM"


SAID = """
import sys
from pathlib import Path
from napari_srgan import io
for path in map(Path, sys.argv[1:]):
    assert io.once_each([path]) == [path]
    try:
        io.read(path)
    except ValueError as error:
        assert path.name in str(error), error
"""


def test_libraries_print_nothing_of_odd_files(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("first.tif", "next.tif", "cut.tif")]
    for path in paths:
        tifffile.imwrite(path, pixels(2, 9, 8), metadata=None, byteorder="<")
    content = bytearray(paths[0].read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, first)
    for path, at in zip(paths, (4, first + 2 + 12 * count), strict=False):
        # Its first page, or the one after that, is behind its end.
        path.write_bytes(content[:at] + struct.pack("<I", 530516) + content[at + 4 :])
    paths[2].write_bytes(content[: len(content) // 2])
    dicom = tmp_path / "a.dcm"
    dicom.write_bytes(b"II*\0" + struct.pack("<I", 530516) + bytes(120) + b"DICM" + bytes(50))
    done = subprocess.run(
        [sys.executable, "-c", SAID, *paths, dicom], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert done.returncode == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"II",
        b"text",
        b"BMW is a car, not a bitmap",
        b"\x1f\x8b",
        b"\x1f\x8b" + bytes(90),
        bytes(400),
    ],
)
def test_what_is_no_image_has_no_kind(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.nii"
    path.write_bytes(content)
    assert io.kind(path) == ""
    assert io.kind(tmp_path) == ""
    assert io.kind(tmp_path / "absent") == ""
    assert io.kind("a\0b") == ""
    with pytest.raises(ValueError, match=r"a\.nii"):
        io.read(path)
    with pytest.raises(ValueError, match="cannot be read"):
        io.read(tmp_path)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.tif: there is no such file"):
        io.read(tmp_path / "absent.tif")
    with pytest.raises(FileNotFoundError, match=r"absent\.tif: there is no such file"):
        io.read([io.write(tmp_path / "a.tif", plane()), tmp_path / "absent.tif"])
    with pytest.raises(ValueError, match="no file in the list"):
        io.read([])


def test_images_of_one_shape_are_a_stack_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    images = {n: plane() for n in (10, 9, 1)}
    for number, image in images.items():
        io.write(tmp_path / f"plane{number}.tif", image)
    (tmp_path / "notes.txt").write_text("not an image")
    (stack,) = io.read(tmp_path)
    assert stack.axes == "TYX"
    assert stack.pixel_size == {"Y": 0.5, "X": 0.25}
    assert np.array_equal(stack.data, [images[n].data for n in (1, 9, 10)])
    (stack,) = io.read([tmp_path / f"plane{n}.tif" for n in (10, 1)])
    assert np.array_equal(stack.data, [images[n].data for n in (10, 1)])


def test_a_stack_larger_than_the_limit_is_lazy(tmp_path: Path) -> None:
    images = [plane() for _ in range(3)]
    for number, image in enumerate(images):
        io.write(tmp_path / f"{number}.tif", image)
    (stack,) = io.read(tmp_path, limit=100)
    assert not isinstance(stack.data, np.ndarray)
    assert np.array_equal(np.asarray(stack.data), [i.data for i in images])


def test_images_that_differ_are_images_each(tmp_path: Path) -> None:
    io.write(tmp_path / "a.tif", plane())
    io.write(tmp_path / "b.tif", ImageFile(pixels(5, 5), "YX"))
    assert [(i.name, i.data.shape) for i in io.read(tmp_path)] == [("a", (9, 8)), ("b", (5, 5))]


def test_a_stack_of_stacks_has_time_and_depth(tmp_path: Path) -> None:
    for name in "ab":
        io.write(tmp_path / f"{name}.tif", ImageFile(pixels(3, 9, 8), "ZYX"))
    assert io.read(tmp_path)[0].axes == "TZYX"
    for name in "ab":
        io.write(tmp_path / f"{name}.tif", ImageFile(pixels(3, 9, 8), "TYX"))
    assert io.read(tmp_path)[0].axes == "ZTYX"


def test_a_png_needs_no_axes_of_one_entry(tmp_path: Path) -> None:
    io.write(tmp_path / "a.png", ImageFile(pixels(1, 9, 8), "ZYX"))
    assert io.read(tmp_path / "a.png")[0].axes == "YX"


@pytest.mark.parametrize(
    ("name", "dtype", "axes", "message"),
    [
        ("a.jpg", "uint8", "YX", "allowed are .tif, .tiff, .png, .nii, .nii.gz, .zarr"),
        ("a.png", "float32", "YX", "a PNG holds one grey image"),
        ("a.tif", "int64", "YX", "OME-TIFF does not hold int64"),
        ("a.nii", "uint16", "YXS", "NIfTI holds colours as"),
        ("a.zarr", "complex64", "YX", "OME-Zarr does not hold complex64"),
    ],
)
def test_what_cannot_be_written_is_refused_before_it_is_computed(
    tmp_path: Path, name: str, dtype: str, axes: str, message: str
) -> None:
    if name.endswith(".nii"):
        pytest.importorskip("nibabel")
    shape = (100_000, 100_000, 3)[: len(axes)]
    with pytest.raises(ValueError, match=message):
        io.check_writable(tmp_path / name, shape, np.dtype(dtype), axes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("end", "facts", "said"),
    [
        (".png", {"pixel_size": {"Y": 0.5, "X": 0.5}}, "a pixel size"),
        (".png", {"nodata": 7.0}, "which value means no data"),
        (".png", {"geo": io.GeoReference(np.eye(3))}, "a place on the Earth"),
        (".zarr", {"metadata": {"icc_profile": b"123"}}, "a colour profile"),
        (".zarr", {"channels": (io.Channel("a", emission=500.0),)}, "wavelengths and exposures"),
        (".zarr", {"alpha": np.ones((9, 8), "uint8")}, "an opacity"),
        (".zarr", {"missing": np.ones((9, 8), bool), "metadata": {"mask": True}}, "a mask"),
    ],
)
def test_what_a_format_does_not_hold_is_said(
    tmp_path: Path, end: str, facts: Any, said: str
) -> None:
    image = ImageFile(pixels(9, 8), "YX", **facts)
    with pytest.warns(UserWarning, match=f"a{end} does not hold {said}; write a .tif"):
        io.write(tmp_path / f"a{end}", image)
    io.write(tmp_path / "a.tif", image)
