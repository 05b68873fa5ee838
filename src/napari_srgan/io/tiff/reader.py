"""Read images and their metadata from TIFF (OME, ImageJ, GeoTIFF, plain), PNG and JPEG."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..formats import FORMATS
from ..guard import reading
from ..image_file import ImageFile
from ..png_jpeg import read_photograph
from ..sanity import check_ome, check_series, expands_too_far
from ..signatures import head_of
from .ifd_chain import check_chain
from .lazy import OpenTiff
from .ome_sets import header_file
from .samples import MASK
from .series import image_of_series
from .sidecars import placed_by_sidecars
from .vendors import is_aside
from .writer import WRITABLE, check_writable, write_image

__all__ = [
    "READABLE",
    "WRITABLE",
    "ImageFile",
    "check_writable",
    "read_image",
    "read_images",
    "write_image",
]

RASTER = tuple(each for each in FORMATS if each.reader == "tiff.reader:read_images")
"""formats read by this module"""
READABLE = tuple(suffix for each in RASTER for suffix in each.suffixes)
MOST_OF_FREE = 0.8
"""fraction of the free memory that pixels may take"""


def read_images(path: Path | str, limit: int | None = None) -> list[ImageFile]:
    """Read all images of a file with axes, pixel size and position.

    Parameters
    ----------
    path
        A TIFF of any kind, PNG, JPEG, WebP or BMP, recognised by its first bytes, not its suffix.
    limit
        Number of bytes above which pixels are returned as dask arrays, which read blocks of a TIFF
        on demand and keep the file open. None reads everything at once.

    Returns
    -------
    list of ImageFile
        At least one; masks and previews are not included. Pyramids have ``levels``.

    Raises
    ------
    ValueError
        If the file has another format, is truncated, or its header claims more pixels than its
        bytes can hold.
    OSError
        If the file does not exist or the system cannot read it.
    MemoryError
        If the pixels do not fit in memory.
    """
    return _read(Path(path), limit, only_first=False)


def read_image(path: Path | str, limit: int | None = None) -> ImageFile:
    """Read the first image of a file; see `read_images`."""
    return _read(Path(path), limit, only_first=True)[0]


def _read(path: Path, limit: int | None, *, only_first: bool) -> list[ImageFile]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    head = head_of(path)
    kind = next((each.name for each in RASTER if each.recognise(path, head)), "")
    if not kind and path.suffix.lower() not in READABLE:
        raise ValueError(f"{path}: cannot be read; allowed are {', '.join(READABLE)}")
    with reading(path):
        if kind == "TIFF":
            images = _read_tiff(path, limit, only_first)
        elif kind:
            images = [read_photograph(path)]
        else:
            raise ValueError("not a TIFF file, nor a PNG, JPEG, WebP or BMP")
    if any("position" in image.metadata for image in images):
        warnings.warn(
            f"{path}: where it lies is left out, since it does not say how large its pixels are",
            stacklevel=3,
        )
    return placed_by_sidecars(path, images)


def _read_tiff(path: Path, limit: int | None, only_first: bool) -> list[ImageFile]:
    file = OpenTiff(path)
    if file.tiff.is_ome and (other := header_file(path, file.tiff.ome_metadata or "")):
        file.close()
        path, file = other, OpenTiff(other)
    lazy = False
    try:
        tiff = file.tiff
        if tiff.is_ome and tiff.ome_metadata:
            check_ome(tiff.ome_metadata)
        check_chain(tiff)
        images = list(_images(tiff))[: 1 if only_first else None]
        if not images:
            raise ValueError("no image in it")
        masks = {index: _mask_of(tiff, index, series) for index, series in images}
        size = file.tiff.filehandle.size
        for _, series in images:
            if series.dtype is None or series.dtype.kind not in "uifb":
                raise ValueError(
                    f"the image has dtype {series.dtype}; allowed are integers and floats"
                )
            _check_whole(tiff, series)
        stored = [series for _, series in images]
        stored += [tiff.series[mask] for mask in masks.values() if mask is not None]
        for series in stored:
            check_series(series, size)
        wanted = sum(level.nbytes for series in stored for level in series.levels)
        lazy = _too_large(wanted, size, limit, multifile=any(s.is_multifile for s in stored))
        return [image_of_series(file, index, masks[index], lazy) for index, _ in images]
    finally:
        if not lazy:
            file.close()


def _images(tiff: Any) -> Iterator[tuple[int, Any]]:
    """Yield the series of a file that are neither masks nor previews."""
    for index, series in enumerate(tiff.series):
        preview = index > 0 and (series.keyframe.is_reduced or is_aside(series))
        if not _is_mask(series) and not preview:
            yield index, series


def _is_mask(series: Any) -> bool:
    page = series.keyframe
    return page.photometric == MASK or bool(int(page.subfiletype or 0) & 4)


def _mask_of(tiff: Any, index: int, series: Any) -> int | None:
    """Return the index of the mask of a series: the next one of equal size; None without one."""
    sides = dict(zip(series.axes.upper(), series.shape, strict=True))
    for number, mask in enumerate(tiff.series[index + 1 :], index + 1):
        plain = mask.axes.upper() == "YX" and mask.dtype is not None and mask.dtype.kind in "bu"
        if plain and _is_mask(mask) and mask.shape == (sides.get("Y"), sides.get("X")):
            return number
    return None


def _too_large(wanted: int, size: int, limit: int | None, *, multifile: bool) -> bool:
    """Whether pixels of this many bytes are left on disk."""
    bomb = not multifile and expands_too_far(wanted, size)
    if limit is not None:
        return bomb or wanted > limit
    if bomb:
        raise ValueError(
            f"its header promises {wanted} bytes of pixels out of {size}; read it with a limit"
        )
    import psutil

    free = psutil.virtual_memory().available
    if wanted > MOST_OF_FREE * free:
        raise MemoryError(f"its pixels take {wanted} bytes, {free} are free; read it with a limit")
    return False


def _check_whole(tiff: Any, series: Any) -> None:
    """Refuse a truncated file; tifffile skips missing parts or fills them with zeros."""
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
