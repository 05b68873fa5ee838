"""``read`` and ``write`` for all formats."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .formats import READABLE, WRITABLE, ending, format_named, format_of_suffix, writer_of
from .guard import check_empty
from .image_file import ImageFile
from .lazy import numpy_or_dask
from .lost_metadata import lost_in
from .sniff import images_in, kind
from .stacks import stacked
from .tiff.ome_sets import once_each

__all__ = ["LAZY_OVER", "check_writable", "default_limit", "read", "write"]

LAZY_OVER = 1 << 30
"""default number of bytes of pixels above which they stay on disk"""
SHARE_OF_FREE = 0.3
"""fraction of the free memory that pixels may take"""

PathLike = str | os.PathLike[str]


def read(path: PathLike | Sequence[PathLike], limit: int | None = None) -> list[ImageFile]:
    """Read the images of a file, a folder or a list of files.

    Parameters
    ----------
    path
        A file of a format in `FORMATS`, recognised by its content; a folder of such a format, of a
        Zarr array or of images; or a list of files.
        Images of equal shape and dtype in a folder or list are stacked along a new first axis, in
        natural order of their names (``z2`` before ``z10``) for a folder and in the given order
        for a list. The axis is T, since its meaning is unknown, or Z if there is a T already.
        Other images are returned separately. Files of one OME-TIFF set are one image. A list of
        DICOM files is one or more series, sorted by position.
    limit
        Bytes of pixels above which images are lazy dask arrays. None is `default_limit`.

    Returns
    -------
    list of ImageFile
        At least one.

    Raises
    ------
    ValueError
        If a file has an unknown format or is damaged, or nibabel or pydicom is needed and missing.
    OSError
        If the file does not exist or the system cannot read it.
    MemoryError
        If the pixels do not fit in memory.
    """
    limit = default_limit() if limit is None else limit
    if not isinstance(path, (str, os.PathLike)):
        return _read_list([Path(p) for p in path], limit)
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    if kind(path) == "images" and path.is_dir():
        return stacked(once_each(images_in(path)), limit, _read_one)
    return _read_one(path, limit)


def default_limit(at_most: int = LAZY_OVER) -> int:
    """Return the bytes of pixels that are read at once, limited by a fraction of free memory."""
    import psutil

    return min(at_most, int(SHARE_OF_FREE * psutil.virtual_memory().available))


def _read_one(path: Path, limit: int) -> list[ImageFile]:
    check_empty(path)
    found = format_named(kind(path)) or format_of_suffix(path)
    if found is not None:
        return found.read(path, limit)
    if path.is_dir():
        from .ome_zarr.plain_zarr import is_zarr, read_zarr_array

        if is_zarr(path):
            return read_zarr_array(path)
        raise ValueError(
            f"{path}: cannot be read (there is no OME-Zarr, DICOM series or image in the folder)"
        )
    raise ValueError(f"{path}: cannot be read; allowed are {', '.join(READABLE)}")


def _read_list(paths: list[Path], limit: int) -> list[ImageFile]:
    if not paths:
        raise ValueError("there is no file in the list")
    if len(paths) == 1:
        return read(paths[0], limit)
    if absent := [p for p in paths if not p.exists()]:
        raise FileNotFoundError(f"{absent[0]}: there is no such file or folder")
    if all(kind(p) == "DICOM" for p in paths):
        from .dicom.reader import read_dicom

        return read_dicom(paths, limit)
    return stacked(once_each(paths), limit, _read_one)


# --- writing -------------------------------------------------------------------------------------


def write(path: PathLike, image: ImageFile, description: str = "") -> Path:
    """Write an image in the format given by the suffix.

    `WRITABLE` has the suffixes. TIFF is OME-TIFF, or GeoTIFF if the image has ``geo``. Dask and
    zarr arrays are written in parts. An existing file is replaced after everything has been
    written.

    Returns
    -------
    Path
        The path that was written.

    Raises
    ------
    ValueError
        If the suffix is unknown, or the format cannot store the image.
    OSError
        If the folder is not writable or the disk is full.

    Warns
    -----
    UserWarning
        If the format cannot store the position, pixel size or mask of the image.
    """
    path = Path(path)
    image = _fitting(path, image)
    check_writable(path, image.data.shape, image.data.dtype, image.axes or "")
    end = ending(path)
    if end not in (".tif", ".tiff") and (lost := lost_in(image, end)):
        warnings.warn(f"{path.name} does not hold {' and '.join(lost)}; write a .tif", stacklevel=2)
    return writer_of(end).write(path, image, description)


def check_writable(path: PathLike, shape: Sequence[int], dtype: np.dtype[Any], axes: str) -> None:
    """Refuse an image that `write` cannot write, before it is computed.

    Raises
    ------
    ValueError
        If the suffix or the format does not allow it, or nibabel is needed and missing.
    """
    path = Path(path)
    end = ending(path)
    if not end:
        raise ValueError(f"{path}: cannot be written; allowed are {', '.join(WRITABLE)}")
    blank = ImageFile(np.broadcast_to(np.zeros((), dtype), tuple(shape)), axes)
    writer_of(end).check(path, _fitting(path, blank))


def _positive(image: ImageFile) -> ImageFile:
    """Invert a MINISWHITE image, so that its largest value is white."""
    if image.data.dtype.kind != "u":
        return image
    most = np.iinfo(image.data.dtype).max
    return replace(
        image,
        data=image.data.dtype.type(most) - numpy_or_dask(image.data),
        nodata=None if image.nodata is None else most - image.nodata,
        metadata={k: v for k, v in image.metadata.items() if k != "photometric"},
    )


def _fitting(path: Path, image: ImageFile) -> ImageFile:
    """Convert zarr to dask, and drop axes of length 1 for PNG.

    Only TIFF can store MINISWHITE; for other formats such an image is inverted.
    """
    if image.metadata.get("photometric") == "miniswhite" and ending(path) not in (".tif", ".tiff"):
        image = _positive(image)
    data, axes = numpy_or_dask(image.data), image.axes or "TCZYX"[-image.data.ndim :]
    if ending(path) == ".png" and len(axes) == data.ndim:
        kept = [i for i, a in enumerate(axes) if a in "YXS" or data.shape[i] > 1]
        data = data[tuple(slice(None) if i in kept else 0 for i in range(data.ndim))]
        axes = "".join(axes[i] for i in kept)
    return replace(image, data=data, axes=axes)
