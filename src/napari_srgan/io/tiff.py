"""Images with axes and pixel size from TIFF (OME, ImageJ, plain) and into OME-TIFF."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

READABLE = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
WRITABLE = (".tif", ".tiff", ".png")
UNITS = {"µm": 1.0, "um": 1.0, "micron": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6}
"""length of a unit in µm"""


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
    FileNotFoundError
        If there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    if path.suffix.lower() not in READABLE:
        raise ValueError(f"{path}: cannot be read; allowed are {', '.join(READABLE)}")
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            return _read_tiff(path)
        from skimage.io import imread

        data = np.asarray(imread(path))
    except (ValueError, OSError, SyntaxError, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"{path}: not a whole image file ({error})") from error
    return ImageFile(data, "YXS" if data.ndim == 3 else "YX")


def _read_tiff(path: Path) -> ImageFile:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        if not tiff.series:
            raise ValueError("no image in it")
        series = tiff.series[0]
        data = series.asarray()
        letters = series.axes.upper()
        size: dict[str, float] = {}
        if tiff.is_ome and tiff.ome_metadata:
            size = _ome_size(tiff.ome_metadata)
        elif tiff.is_imagej:
            size = _tag_size(tiff.pages[0], (tiff.imagej_metadata or {}).get("unit"))
            spacing = (tiff.imagej_metadata or {}).get("spacing")
            unit = UNITS.get(_plain_unit((tiff.imagej_metadata or {}).get("unit")))
            if spacing and unit:
                size["Z"] = float(spacing) * unit
        else:
            size = _tag_size(tiff.pages[0], None)
    known = set(letters) <= set("TCZYXS") and {"Y", "X"} <= set(letters)
    if known and "S" in letters and not (letters[-1] == "S" and data.shape[-1] in (3, 4)):
        known = False
    return ImageFile(data, letters if known else None, size)


def _plain_unit(unit: Any) -> str:
    return str(unit).replace("\\u00B5", "µ").replace("μ", "µ")


def _ome_size(xml: str) -> dict[str, float]:
    import tifffile

    image = tifffile.xml2dict(xml)["OME"]["Image"]
    pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    size = {}
    for axis in "XYZ":
        value = pixels.get(f"PhysicalSize{axis}")
        unit = UNITS.get(_plain_unit(pixels.get(f"PhysicalSize{axis}Unit", "µm")))
        if value and unit:
            size[axis] = float(value) * unit
    return size


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
    file, and an old one whole.

    Raises
    ------
    ValueError
        If the format is not one of ``WRITABLE``, or the image does not fit into it.
    OSError
        If the folder cannot be written to or the disk is full.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise ValueError(f"{path}: cannot be written; allowed are {', '.join(WRITABLE)}")
    if suffix == ".png":
        if image.data.dtype.kind != "u" or image.data.dtype.itemsize > 2 or image.data.ndim > 3:
            raise ValueError(
                f"{path}: a PNG holds one image of uint8 or uint16, not {image.data.dtype} of "
                f"shape {image.data.shape}; write a .tif"
            )
        return _replacing(path, lambda beside: _write_png(beside, image.data))
    return _replacing(path, lambda beside: _write_tiff(beside, image, description))


def _write_png(path: Path, data: npt.NDArray[Any]) -> None:
    from skimage.io import imsave

    imsave(path, data, check_contrast=False)


def _write_tiff(path: Path, image: ImageFile, description: str) -> None:
    import tifffile

    axes = image.axes or "YX"
    metadata: dict[str, Any] = {"axes": axes}
    for axis, size in image.pixel_size.items():
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    if description:
        metadata["Description"] = description
    resolution: dict[str, Any] = {}
    if {"Y", "X"} <= image.pixel_size.keys():
        per_cm = tuple(1e4 / image.pixel_size[a] for a in "XY")
        resolution = {"resolution": per_cm, "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(
        path,
        image.data,
        ome=True,
        metadata=metadata,
        photometric="rgb" if axes.endswith("S") else "minisblack",
        tile=(256, 256) if min(image.data.shape[axes.index(a)] for a in "YX") > 256 else None,
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
