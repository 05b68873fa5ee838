"""What holds for every format of the registry; a new one needs an entry in `FILES` only."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from napari_srgan import io
from napari_srgan.io import FORMATS, READABLE, ImageFile
from napari_srgan.io.finer_image import finer_image
from napari_srgan.io.formats import Format

Pixels = npt.NDArray[Any]
rng = np.random.default_rng(0)
COLOURS = rng.integers(0, 250, (40, 30, 3)).astype("uint8")
SMOOTH = np.broadcast_to(np.arange(0, 240, 8, dtype="uint8")[None, :, None], (40, 30, 3)).copy()
PLANE = rng.integers(0, 2000, (40, 30)).astype("uint16")
VOLUME = rng.integers(-200, 2000, (3, 40, 30)).astype("int16")
TO_MM = {"µm": 1e-3, "mm": 1.0, "m": 1e3}


# --- one file of each format, made by another library --------------------------------------------


def make_dicom(path: Path) -> tuple[Pixels, str]:
    pytest.importorskip("pydicom")
    from .dicom.test_reader import write

    write(path, PLANE)
    return PLANE, "YX"


def make_tiff(path: Path) -> tuple[Pixels, str]:
    tifffile.imwrite(path, VOLUME, ome=True, metadata={"axes": "ZYX"})
    return VOLUME, "ZYX"


def make_png(path: Path) -> tuple[Pixels, str]:
    Image.fromarray(PLANE).save(path, "PNG")
    return PLANE, "YX"


def make_jpeg(path: Path) -> tuple[Pixels, str]:
    Image.fromarray(SMOOTH).save(path, "JPEG", quality=100, subsampling=0)
    return SMOOTH, "YXS"


def make_webp(path: Path) -> tuple[Pixels, str]:
    Image.fromarray(COLOURS).save(path, "WEBP", lossless=True)
    return COLOURS, "YXS"


def make_bmp(path: Path) -> tuple[Pixels, str]:
    Image.fromarray(COLOURS).save(path, "BMP")
    return COLOURS, "YXS"


def make_nifti(path: Path) -> tuple[Pixels, str]:
    nib = pytest.importorskip("nibabel")
    # x towards left and y towards posterior, the order in which a volume is shown
    image = nib.Nifti1Image(VOLUME.T, np.diag([-1.0, -1, 1, 1]))
    path.write_bytes(image.to_bytes())
    return VOLUME, "ZYX"


def make_ome_zarr(path: Path) -> tuple[Pixels, str]:
    import zarr

    group = zarr.create_group(str(path), zarr_format=3)
    group.create_array("s0", data=VOLUME, dimension_names=[*"zyx"])
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    scale = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]
    datasets = [{"path": "s0", "coordinateTransformations": scale}]
    multiscales = [{"name": "a", "axes": axes, "datasets": datasets}]
    group.update_attributes({"ome": {"version": "0.5", "multiscales": multiscales}})
    return VOLUME, "ZYX"


FILES: dict[str, Callable[[Path], tuple[Pixels, str]]] = {
    "DICOM": make_dicom,
    "TIFF": make_tiff,
    "PNG": make_png,
    "JPEG": make_jpeg,
    "WebP": make_webp,
    "BMP": make_bmp,
    "NIfTI": make_nifti,
    "OME-Zarr": make_ome_zarr,
}
"""functions that write a file of a format and return its pixels and axes"""
LOSSY = {"JPEG": 3}
"""differences of values that a format's compression may make"""
GRIDS = {"PNG": "YX"}
"""axes of the image that is written to a format; Z Y X without an entry"""

every_format = pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.name)
every_written = pytest.mark.parametrize(
    ("entry", "end"),
    [(entry, end) for entry in FORMATS for end in entry.written],
    ids=lambda value: getattr(value, "name", value),
)


def test_every_format_has_a_file_to_test() -> None:
    assert sorted(FILES) == sorted(entry.name for entry in FORMATS)


# --- reading -------------------------------------------------------------------------------------


@every_format
def test_content_counts_under_any_name(tmp_path: Path, entry: Format) -> None:
    path = tmp_path / "made"
    pixels, axes = FILES[entry.name](path)
    other = next(end for end in (".png", ".tif") if end not in entry.suffixes)
    for name in (f"a{entry.suffixes[0]}", f"a{entry.suffixes[0].upper()}", "a.dat", f"a{other}"):
        path = path.rename(tmp_path / name)
        assert io.kind(path) == entry.name
        for limit in (None, 1):  # at once, and lazy where the reader can
            images = io.read(path, limit)
            assert [type(image) for image in images] == [ImageFile]
            read = images[0]
            assert (read.data.shape, read.data.dtype, read.axes) == (
                pixels.shape,
                pixels.dtype,
                axes,
            )
            off = np.asarray(read.data).astype(float) - pixels
            assert np.abs(off).max() <= LOSSY.get(entry.name, 0)


@every_format
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, entry: Format) -> None:
    path = tmp_path / f"a{entry.suffixes[0]}"
    FILES[entry.name](path)
    for file in [path] if path.is_file() else filter(Path.is_file, path.rglob("*")):
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=rf"a\{entry.suffixes[0]}: cannot be read \("):
        io.read(path)


@every_format
def test_a_shortened_file_is_refused_or_has_valid_pixels(tmp_path: Path, entry: Format) -> None:
    path = tmp_path / f"a{entry.suffixes[0]}"
    pixels, _ = FILES[entry.name](path)
    for file in [path] if path.is_file() else sorted(filter(Path.is_file, path.rglob("*"))):
        content = file.read_bytes()
        for length in (len(content) // 10, 9 * len(content) // 10, len(content) - 1):
            file.write_bytes(content[:length])
            for limit in (None, 1):
                try:
                    found = np.asarray(io.read(path, limit)[0].data).astype(float)
                except ValueError as error:
                    said = str(error)
                else:
                    assert np.abs(found - pixels).max() <= LOSSY.get(entry.name, 0)
                    continue
                assert "cannot be read (" in said
                assert path.name in said
        file.write_bytes(content)


@pytest.mark.parametrize("end", READABLE)
def test_an_empty_file_is_refused_as_empty(tmp_path: Path, end: str) -> None:
    (tmp_path / f"a{end}").touch()
    with pytest.raises(ValueError, match=rf"a\{end}: cannot be read \(the file is empty\)"):
        io.read(tmp_path / f"a{end}")


# --- writing -------------------------------------------------------------------------------------


def image_for(entry: Format, **facts: Any) -> ImageFile:
    """Return an image that a format can hold, away from the origin, with pixels of 7."""
    axes = GRIDS.get(entry.name, "ZYX")
    data = rng.integers(0, 20, (3, 12, 16)[-len(axes) :]).astype("uint8")
    sizes = {a: size for a, size in zip("ZYX", (2.0, 0.5, 0.25), strict=True) if a in axes}
    affine = np.diag([2.0, 0.5, 0.25, 1.0])
    affine[:3, 3] = 32, -200, 100
    return ImageFile(data, axes, sizes, "mm", affine=affine, **facts)


def written(path: Path, image: ImageFile) -> tuple[ImageFile, str]:
    """Write an image, and return what is read and what was said to be lost."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert io.write(path, image) == path
    (read,) = io.read(path)
    return read, " ".join(str(remark.message) for remark in said)


def corners(image: ImageFile) -> Pixels:
    """Return the outer corners of an image's first and last pixel in mm."""
    affine = image.affine
    assert affine is not None
    sides = dict(zip(image.axes or "", image.data.shape, strict=True))
    ends = [[-0.5, sides.get(a, 1) - 0.5] for a in "ZYX"]
    points = np.array([(*point, 1.0) for point in itertools.product(*ends)])
    return np.asarray(points @ affine.T)[:, :3] * TO_MM[image.unit]


@every_written
def test_what_is_written_is_read_or_said_to_be_lost(
    tmp_path: Path, entry: Format, end: str
) -> None:
    if entry.extra == "medical":
        pytest.importorskip("nibabel")
    image = image_for(entry)
    read, said = written(tmp_path / f"a{end}", image)
    assert io.kind(tmp_path / f"a{end}") == entry.name
    assert read.axes == image.axes
    assert read.data.dtype == image.data.dtype
    assert np.array_equal(np.asarray(read.data), image.data)
    assert bool(read.pixel_size) == ("a pixel size" not in said)
    if not read.pixel_size:
        return
    sizes = {a: size * TO_MM[read.unit] for a, size in read.pixel_size.items()}
    assert sizes == pytest.approx(dict(image.pixel_size))


@every_written
def test_a_result_lies_on_its_source(tmp_path: Path, entry: Format, end: str) -> None:
    if entry.extra == "medical":
        pytest.importorskip("nibabel")
    source, said = written(tmp_path / f"a{end}", image_for(entry))
    if "a pixel size" in said:
        assert source.affine is None
        return
    assert corners(source) == pytest.approx(corners(image_for(entry)), abs=0.25e-6)
    data = np.asarray(source.data).repeat(4, -2).repeat(4, -1)
    result = finer_image(source, data, source.axes or "", 4)
    read, _ = written(tmp_path / f"b{end}", result)
    assert np.array_equal(np.asarray(read.data), data)
    assert corners(read) == pytest.approx(corners(source), abs=0.25e-6 / 4)


@every_written
def test_nodata_is_kept_or_said_to_be_lost(tmp_path: Path, entry: Format, end: str) -> None:
    if entry.extra == "medical":
        pytest.importorskip("nibabel")
    read, said = written(tmp_path / f"a{end}", image_for(entry, nodata=7.0))
    assert read.nodata == (None if "means no data" in said else 7.0)


@every_written
def test_a_failed_write_leaves_the_old_file(tmp_path: Path, entry: Format, end: str) -> None:
    if entry.extra == "medical":
        pytest.importorskip("nibabel")
    import dask.array as da

    image = image_for(entry)

    def content() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def interrupted(block: Pixels, block_info: Any = None) -> Pixels:
        if block_info and any(block_info[0]["chunk-location"]):
            raise InterruptedError("stopped")
        return block

    parts = da.from_array(image.data, chunks=(*image.data.shape[:-2], 6, 8))
    lazy = ImageFile(da.map_blocks(interrupted, parts, dtype="uint8"), image.axes)
    with pytest.raises(InterruptedError, match="stopped"):
        io.write(tmp_path / f"a{end}", lazy)
    assert list(tmp_path.iterdir()) == []
    written(tmp_path / f"a{end}", image)
    before = content()
    assert before
    with pytest.raises(InterruptedError, match="stopped"):
        io.write(tmp_path / f"a{end}", lazy)
    assert content() == before


DTYPES = ("bool", "uint8", "int8", "uint16", "int64", "uint64", "float16", "float32", "complex64")
SHAPES = {
    "YX": (6, 5),
    "YXS": (6, 5, 3),
    "YXS of 1": (6, 5, 1),
    "YXS of 2": (6, 5, 2),
    "YXS of 4": (6, 5, 4),
    "YXS of 5": (6, 5, 5),
    "ZYX": (2, 6, 5),
    "CYX": (2, 6, 5),
    "CYXS": (2, 6, 5, 3),
    "TCZYX": (2, 2, 2, 6, 5),
    "ZYXS": (2, 6, 5, 3),
    "XY": (6, 5),
    "ZX": (6, 5),
    "YYX": (6, 6, 5),
    "QYX": (2, 6, 5),
    "YX of no rows": (0, 5),
}


@every_written
@pytest.mark.parametrize("form", SHAPES)
def test_the_check_refuses_what_the_writer_refuses(
    tmp_path: Path, entry: Format, end: str, form: str
) -> None:
    if entry.extra == "medical":
        pytest.importorskip("nibabel")
    path = tmp_path / f"a{end}"
    for dtype in DTYPES:
        image = ImageFile(np.zeros(SHAPES[form], dtype), form.partition(" ")[0])
        refusals = []
        for refuse in (entry.check, lambda path, image: entry.write(path, image, "")):
            try:
                refuse(path, image)
                refusals.append("")
            except ValueError as error:
                refusals.append(str(error))
        checked, tried = refusals
        assert checked == tried, f"{dtype}: {checked!r} but {tried!r}"
        assert checked == "" or checked.startswith(f"{path}: ")
        assert path.exists() == (not checked)
        if path.is_file():
            path.unlink()
        elif path.is_dir():
            path.rename(tmp_path / f"{dtype}{end}")
