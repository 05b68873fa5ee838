"""Images with axes and pixel size from TIFF (OME, ImageJ, plain) and into OME-TIFF."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

READABLE = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".webp", ".bmp")
WRITABLE = (".tif", ".tiff", ".png")
UNITS = {
    "pm": 1e-6,
    "Å": 1e-4,
    "nm": 1e-3,
    "µm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "inch": 25400.0,
    "in": 25400.0,
    "m": 1e6,
}
"""length of a unit in µm"""
OME_DTYPES = ("int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64")
"""numbers that OME-TIFF has a name for"""
MOST_CLASSIC = 2**32 - 2**25
"""bytes of pixels from which on a file is a BigTIFF"""


@dataclass(frozen=True)
class ImageFile:
    """An image as it came from a file, or as it is to be written."""

    data: npt.NDArray[Any]
    axes: str | None = None
    """one letter per dimension; None where the file does not say"""
    pixel_size: Mapping[str, float] = field(default_factory=dict)
    """axis letter (Y, X, Z) → size of a pixel in µm, where the file says so"""

    def finer(self, data: npt.NDArray[Any], axes: str, scale: int) -> ImageFile:
        """Return a result with this image's pixel size, ``scale`` times smaller along Y and X."""
        size = {a: s / scale if a in "YX" else s for a, s in self.pixel_size.items()}
        return ImageFile(data, axes, size)


def read_image(path: Path | str) -> ImageFile:
    """Read an image file with its axes and pixel size.

    Raises
    ------
    ValueError
        If the format is not one of ``READABLE``, or the file is not whole.
    OSError
        If there is no such file, or the system does not give it out.
    MemoryError
        If its pixels do not fit into memory.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    if path.suffix.lower() not in READABLE:
        raise ValueError(f"{path}: cannot be read; allowed are {', '.join(READABLE)}")
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            return _read_tiff(path)
        return _read_photograph(path)
    except Exception as error:
        # What a broken file makes its decoder raise can be anything; what the system says of a
        # whole one (an errno) is passed on.
        if isinstance(error, MemoryError) or getattr(error, "errno", None):
            raise
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise ValueError(f"{path}: cannot be read ({reason})") from error


def _read_photograph(path: Path) -> ImageFile:
    """Read a PNG or JPEG."""
    from PIL import Image

    with Image.open(path) as opened:
        image: Image.Image = opened
        if opened.format == "PNG":
            with path.open("rb") as file:
                depth, kind = file.read(26)[24:]
            if depth == 16 and kind != 0:
                raise ValueError("Pillow reads 16-bit colours as 8-bit ones; save it as a TIFF")
        if image.mode == "P":
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
            image = image.convert("RGB")
        data = np.asarray(image)
        if image.mode == "I":
            data = data.astype(np.uint16)  # what older versions of Pillow make of 16-bit grey
    return ImageFile(*_samples_last(data, "YXS" if data.ndim == 3 else "YX"))


def _read_tiff(path: Path) -> ImageFile:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        if not tiff.series:
            raise ValueError("no image in it")
        series = tiff.series[0]
        _check_whole(tiff, series)
        data, letters = _samples_last(series.asarray(), series.axes.upper())
        size: dict[str, float] = {}
        if tiff.is_ome and tiff.ome_metadata:
            size = _ome_size(tiff.ome_metadata)
        elif tiff.is_imagej:
            size = _tag_size(tiff.pages[0], (tiff.imagej_metadata or {}).get("unit"))
            spacing = (tiff.imagej_metadata or {}).get("spacing")
            unit = UNITS.get(_plain_unit((tiff.imagej_metadata or {}).get("unit")))
            if unit and _is_length(spacing):
                size["Z"] = float(spacing) * unit
        else:
            size = _tag_size(tiff.pages[0], None)
    known = set(letters) <= set("TCZYXS") and {"Y", "X"} <= set(letters)
    return ImageFile(data, letters if known else None, size)


def _samples_last(data: npt.NDArray[Any], axes: str) -> tuple[npt.NDArray[Any], str]:
    """Return RGB(A) samples as the last axis, and samples that are not RGB(A) as channels."""
    if "S" not in axes:
        return data, axes
    place = axes.index("S")
    if data.shape[place] in (3, 4):
        return np.moveaxis(data, place, -1), axes.replace("S", "") + "S"
    return data, axes if "C" in axes else axes.replace("S", "C")


def _check_whole(tiff: Any, series: Any) -> None:
    """Refuse a file with parts missing, which tifffile leaves out or fills with zeros."""
    from struct import unpack, unpack_from

    form, file = tiff.tiff, tiff.filehandle
    if not tiff.is_scanimage and (at := tiff.pages.next_page_offset):
        file.seek(at)
        if file.read(form.offsetsize) != bytes(form.offsetsize):
            raise ValueError("the file ends before its last page")
    if tiff.is_imagej and series.kind != "imagej":
        images = (tiff.imagej_metadata or {}).get("images", 1)
        if images > len(tiff.pages):
            raise ValueError(f"{images} images in its header, {len(tiff.pages)} in the file")
    if tiff.is_ome and (absent := sum(page is None for page in series.pages)):
        raise ValueError(f"{absent} of its planes are in other files, which are not there")
    page = tiff.pages.first
    file.seek(page.offset)
    (count,) = unpack(form.tagnoformat, file.read(form.tagnosize))
    entries = file.read(count * form.tagsize)
    for i in range(count):
        (code,) = unpack_from(f"{form.byteorder}H", entries, i * form.tagsize)
        if code in (270, 282, 283) and code not in page.tags:
            raise ValueError("the file ends before its description")


def _plain_unit(unit: Any) -> str:
    return str(unit).replace("\\u00B5", "µ").replace("μ", "µ")


def _ome_size(xml: str) -> dict[str, float]:
    import tifffile

    # A header may stand in another file (BinaryOnly) and name no image here.
    image = tifffile.xml2dict(xml).get("OME", {}).get("Image", {})
    pixels = (image[0] if isinstance(image, list) else image).get("Pixels", {})
    size = {}
    for axis in "XYZ":
        value = pixels.get(f"PhysicalSize{axis}")
        unit = UNITS.get(_plain_unit(pixels.get(f"PhysicalSize{axis}Unit", "µm")))
        if unit and _is_length(value):
            size[axis] = float(value) * unit
    return size


def _is_length(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and 0 < float(value) < float("inf")


def _tag_size(page: Any, named_unit: str | None) -> dict[str, float]:
    """Return the pixel size from the resolution tags, where they have a unit of length."""
    tags = page.tags
    if "XResolution" not in tags or "YResolution" not in tags:
        return {}
    unit = UNITS.get(_plain_unit(named_unit))
    if unit is None:
        code = int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 1
        unit = {2: 25400.0, 3: 10000.0}.get(code)
    if unit is None:
        return {}
    size = {}
    for axis in "XY":
        above, below = tags[f"{axis}Resolution"].value
        if above and below:
            size[axis] = unit * below / above
    return size


def write_image(path: Path | str, image: ImageFile, description: str = "") -> Path:
    """Write an image as OME-TIFF, with axes and pixel size, or as PNG.

    The file is written beside its place and renamed at the end, so that a failure leaves no half
    file, and an old one whole. OME-TIFF has Y and X last (and S behind them): other orders are
    transposed. It has no float16, which is written as float32.

    Raises
    ------
    ValueError
        If the format is not one of ``WRITABLE``, or the image does not fit into it.
    OSError
        If the folder cannot be written to or the disk is full.
    """
    path, data = Path(path), image.data
    axes = image.axes or "YX"
    if len(axes) != data.ndim:
        raise ValueError(f"{path}: axes={axes!r} for an image of shape {data.shape}")
    if wrong := [f"{a} {s}" for a, s in image.pixel_size.items() if not _is_length(s)]:
        raise ValueError(f"{path}: the pixel size is {wrong[0]}; it must be a length above 0")
    check_writable(path, data.dtype, axes)
    if path.suffix.lower() == ".png":
        return _replacing(path, lambda beside: _write_png(beside, data))
    return _replacing(path, lambda beside: _write_tiff(beside, image, axes, description))


def check_writable(path: Path | str, dtype: np.dtype[Any], axes: str) -> None:
    """Refuse what `write_image` cannot write, before it has been computed.

    Raises
    ------
    ValueError
        If the format is not one of ``WRITABLE``, or cannot hold such an image.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITABLE:
        raise ValueError(f"{path}: cannot be written; allowed are {', '.join(WRITABLE)}")
    if suffix == ".png":
        allowed = {"YX": ("uint8", "uint16"), "YXS": ("uint8",)}.get(axes, ())
        if dtype.name not in allowed:
            raise ValueError(
                f"{path}: a PNG holds one grey image of uint8 or uint16, or one of RGB in uint8, "
                f"not {dtype} with axes {axes}; write a .tif"
            )
    elif dtype.name not in (*OME_DTYPES, "float16"):
        raise ValueError(
            f"{path}: OME-TIFF does not hold {dtype}; convert the image to one of "
            f"{', '.join(OME_DTYPES)}"
        )


def _write_png(path: Path, data: npt.NDArray[Any]) -> None:
    from PIL import Image

    Image.fromarray(data).save(path)


def _write_tiff(path: Path, image: ImageFile, axes: str, description: str) -> None:
    import tifffile

    order = sorted(range(len(axes)), key=lambda i: "YXS".find(axes[i]))
    data, axes = image.data.transpose(order), "".join(axes[i] for i in order)
    if data.dtype == np.float16:
        data = data.astype(np.float32)
    metadata: dict[str, Any] = {"axes": axes}
    sizes = {axis: float(size) for axis, size in image.pixel_size.items()}
    for axis, size in sizes.items():
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    if description:
        metadata["Description"] = description
    resolution: dict[str, Any] = {}
    if {"Y", "X"} <= sizes.keys():
        per_cm = tuple(1e4 / sizes[a] for a in "XY")
        # The tag is a ratio of 32-bit integers.
        if all(1e-9 < n < 2**32 for n in per_cm):
            resolution = {"resolution": per_cm, "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(
        path,
        data,
        # tifffile counts on compression and would fail past 4 GiB.
        bigtiff=data.nbytes > MOST_CLASSIC,
        ome=True,
        metadata=metadata,
        photometric="rgb" if axes.endswith("S") else "minisblack",
        tile=(256, 256) if min(data.shape[axes.index(a)] for a in "YX") > 256 else None,
        compression="zlib",
        **resolution,
    )


def _replacing(path: Path, write: Callable[[Path], None]) -> Path:
    beside = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        write(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path
