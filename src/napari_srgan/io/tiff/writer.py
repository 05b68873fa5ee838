"""Write OME-TIFF, GeoTIFF and PNG, one row of tiles at a time."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..formats import written_by
from ..guard import replacing
from ..image_file import ImageFile
from ..lazy import numpy_or_dask
from ..lost_metadata import lost_in_bands
from ..png_jpeg import write_png
from . import geotiff
from .gdal_metadata import gdal_tags
from .ome_header import ome_metadata
from .pyramid import write_levels, write_mask
from .sample_form import sample_form, with_opacity
from .tags import UNITS, is_length

WRITABLE = written_by("tiff.writer:write_image")
OME_DTYPES = ("int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64")
"""dtypes that OME-TIFF supports"""
MOST_CLASSIC = 2**32 - 2**25
"""number of pixel bytes from which a file is a BigTIFF"""


def write_image(path: Path | str, image: ImageFile, description: str = "") -> Path:
    """Write an image as GeoTIFF if it is georeferenced, else as OME-TIFF, or as PNG.

    A temporary file in the same folder is renamed at the end, so that a failure neither leaves a
    partial file nor damages an old one. OME-TIFF stores Y and X last (then S), GeoTIFF stores
    bands last; other orders are transposed. float16 is written as float32, since neither has it.

    Dask and zarr arrays are never held in memory as a whole: rows of tiles are computed,
    compressed and released, plane by plane. Images with a side above 2048 get a pyramid; pixel
    ``i`` of a level with the factor ``f`` is pixel ``i·f`` of the image, as in napari.

    Parameters
    ----------
    path
        File name with a suffix in ``WRITABLE``.
    image
        The image. Georeferenced stacks along T or Z become OME-TIFFs with GeoTIFF tags.
    description
        Description of the image in the header.

    Raises
    ------
    ValueError
        If the suffix is not in ``WRITABLE``, or the format cannot store the image.
    OSError
        If the folder is not writable or the disk is full.
    """
    path, axes = Path(path), image.axes or "YX"
    if wrong := [f"{a} {s}" for a, s in image.pixel_size.items() if not is_length(s)]:
        raise ValueError(f"{path}: the pixel size is {wrong[0]}; it must be a length above 0")
    check_image(path, image)
    if path.suffix.lower() == ".png":
        return replacing(path, lambda beside: write_png(beside, image))
    return replacing(path, lambda beside: _write_tiff(beside, image, axes, description))


def check_writable(path: Path | str, dtype: np.dtype[Any], axes: str) -> None:
    """Refuse an image that `write_image` cannot write, before it is computed.

    Raises
    ------
    ValueError
        If the suffix is not in ``WRITABLE``, or the format cannot store such an image.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITABLE:
        raise ValueError(f"{path}: cannot be written; allowed are {', '.join(WRITABLE)}")
    if suffix == ".png":
        allowed = ("uint8", "uint16") if axes in ("YX", "YXS") else ()
        if dtype.name not in allowed:
            raise ValueError(
                f"{path}: a PNG holds one grey image or one of RGB, of uint8 or uint16, "
                f"not {dtype} with axes {axes}; write a .tif"
            )
    elif dtype.name not in (*OME_DTYPES, "float16"):
        raise ValueError(
            f"{path}: OME-TIFF does not hold {dtype}; convert the image to one of "
            f"{', '.join(OME_DTYPES)}"
        )


def check_image(path: Path, image: ImageFile) -> None:
    """Refuse an image that `write_image` cannot write, without access to its pixels.

    Raises
    ------
    ValueError
        If the format cannot store an image of this dtype, shape and axes.
    """
    shape, axes = image.data.shape, image.axes or "YX"
    known = len(axes) == len(shape) and len(set(axes)) == len(axes) and {*"YX"} <= {*axes}
    if not known or not all(shape):
        raise ValueError(f"{path}: axes={axes!r} for an image of shape {shape}")
    check_writable(path, image.data.dtype, axes)
    samples = shape[axes.index("S")] if "S" in axes else 3
    if Path(path).suffix.lower() == ".png" and samples not in (2, 3, 4):
        raise ValueError(f"{path}: a PNG holds two to four samples, not {samples}; write a .tif")
    if Path(path).suffix.lower() != ".png" and samples < 3:
        raise ValueError(
            f"{path}: a TIFF holds colours as three or more samples, not {samples}; "
            "name the axis C instead of S"
        )


def _write_tiff(path: Path, image: ImageFile, axes: str, description: str) -> None:
    import tifffile

    place, mask = image.geo is not None, bool(image.metadata.get("mask"))
    # OME has neither masks nor names for bands beside alpha; a grey image may have alpha.
    grey = image.alpha is not None and set(axes) == {"Y", "X"} and not (place or mask)
    plain = place or mask or (image.alpha is not None and not grey)
    # GeoTIFF stores a single raster: neither stacks nor several RGB images.
    bands = plain and set(axes) <= set("YXC" if "S" not in axes else "YXS")
    if not (bands or grey) and (lost := _lost(image)):
        warnings.warn(f"a stack in a TIFF does not hold {lost}; it is left out", stacklevel=5)
    if bands and not place and (also := lost_in_bands(image)):
        warnings.warn(
            f"a TIFF with a mask or an opacity does not hold {' and '.join(also)}; left out",
            stacklevel=5,
        )
    data, axes = _ordered(image.data, axes, "YXCS" if bands else "YXS")
    if data.dtype == np.float16:
        data = data.astype(np.float32)
    form, names, metadata = sample_form(image, data.shape, axes)
    if image.alpha is not None and (bands or grey):
        data, axes = with_opacity(data, axes, image)
    if place or bands:
        tags = gdal_tags(names, metadata, image.nodata)
    else:
        tags = gdal_tags((), {}, image.nodata)
    if image.geo is not None:
        tags += geotiff.georeference_tags(image.geo)
    options: dict[str, Any] = {"metadata": None, "description": description.encode() or None}
    if not bands:
        said = ome_metadata(image, data, axes.replace("C", "S") if grey else axes, description)
        options = {"metadata": said}
    if not place:
        options |= _resolution(image)
    options |= {"extratags": tags, "iccprofile": image.metadata.get("icc_profile")}
    size = int(np.prod(data.shape, dtype=object)) * data.dtype.itemsize
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        # tifffile assumes that compression saves space, and fails above 4 GiB otherwise.
        big = size * 3 / 2 > MOST_CLASSIC
        with tifffile.TiffWriter(path, bigtiff=big, ome=not bands) as file:
            write_levels(file, data, axes, spool, options, form, below=not bands)
            if bands and image.metadata.get("mask") and np.ndim(image.missing) == 2:
                write_mask(file, image.missing)


def _lost(image: ImageFile) -> str:
    if image.alpha is not None:
        return "an opacity"
    return "a mask" if image.metadata.get("mask") and image.missing is not None else ""


def _ordered(data: Any, axes: str, last: str) -> tuple[Any, str]:
    """Transpose an array so that the axes of ``last`` come last, in that order."""
    order = sorted(range(len(axes)), key=lambda i: last.find(axes[i]))
    return numpy_or_dask(data).transpose(order), "".join(axes[i] for i in order)


def _resolution(image: ImageFile) -> dict[str, Any]:
    sizes = {a: float(s) * UNITS.get(image.unit, 0) for a, s in image.pixel_size.items()}
    per_cm = tuple(1e4 / sizes[a] for a in "XY" if sizes.get(a))
    # The tag stores a ratio of two 32-bit integers.
    if len(per_cm) == 2 and all(1e-9 < n < 2**32 for n in per_cm):
        return {"resolution": per_cm, "resolutionunit": "CENTIMETER"}
    return {}
