"""Images from TIFF (OME, ImageJ, GeoTIFF, plain), PNG and JPEG, with all that places them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import geotiff
from .guard import reading
from .ome_xml import ome_facts
from .photographs import read_photograph
from .plausible import check_ome, check_series, expands_too_far
from .record import Channel, ImageFile
from .signatures import SUFFIXES, signature
from .tiff_lazy import OpenTiff, lazy_array
from .tiff_metadata import imagej_facts, ramp_colour, tag_size
from .tiff_writer import WRITABLE, check_writable, write_image

__all__ = [
    "READABLE",
    "WRITABLE",
    "ImageFile",
    "check_writable",
    "read_image",
    "read_images",
    "write_image",
]

READABLE = SUFFIXES
COLOURED = (2, 6)
"""photometric interpretations whose three samples are red, green and blue"""
MOST_OF_FREE = 0.8
"""part of the free memory that pixels may take"""
PALETTE, MASK = 3, 4
"""photometric interpretations"""


def read_images(path: Path | str, limit: int | None = None) -> list[ImageFile]:
    """Read all images of a file, each with its axes, its pixel size and its place.

    Parameters
    ----------
    path
        A TIFF of any kind, PNG, JPEG, WebP or BMP, known by its first bytes whatever its name is.
    limit
        Bytes of pixels from which on they are not read but given as dask arrays, which read a
        block of a TIFF when it is asked for and hold the file open as long as they live. None
        reads everything now.

    Returns
    -------
    list of ImageFile
        At least one; masks and previews are left out. Pyramids have ``levels``.

    Raises
    ------
    ValueError
        If it is none of these, or the file is not whole, or its header
        promises what its bytes cannot hold.
    OSError
        If there is no such file, or the system does not give it out.
    MemoryError
        If its pixels do not fit into memory.
    """
    return _read(Path(path), limit, only_first=False)


def read_image(path: Path | str, limit: int | None = None) -> ImageFile:
    """Read the first image of a file, as `read_images` does."""
    return _read(Path(path), limit, only_first=True)[0]


def _read(path: Path, limit: int | None, *, only_first: bool) -> list[ImageFile]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    kind = signature(path)
    if not kind and path.suffix.lower() not in READABLE:
        raise ValueError(f"{path}: cannot be read; allowed are {', '.join(READABLE)}")
    with reading(path):
        if kind == "TIFF":
            return _read_tiff(path, limit, only_first)
        if kind:
            return [read_photograph(path)]
        raise ValueError("not a TIFF file, nor a PNG, JPEG, WebP or BMP")


def _read_tiff(path: Path, limit: int | None, only_first: bool) -> list[ImageFile]:
    file = OpenTiff(path)
    lazy = False
    try:
        tiff = file.tiff
        if tiff.is_ome and tiff.ome_metadata:
            check_ome(tiff.ome_metadata)
        images = list(_images(tiff))[: 1 if only_first else None]
        if not images:
            raise ValueError("no image in it")
        size = path.stat().st_size
        for _, series in images:
            if series.dtype is None or series.dtype.kind not in "uifb":
                raise ValueError(
                    f"the image has dtype {series.dtype}; allowed are integers and floats"
                )
            _check_whole(tiff, series)
            check_series(series, size)
        wanted = sum(level.nbytes for _, series in images for level in series.levels)
        lazy = _too_large(wanted, size, limit, multifile=any(s.is_multifile for _, s in images))
        return [_image(file, index, lazy) for index, _ in images]
    finally:
        if not lazy:
            file.close()


def _images(tiff: Any) -> Iterator[tuple[int, Any]]:
    """Yield the series of a file that are images, not masks or previews of another."""
    for index, series in enumerate(tiff.series):
        page = series.keyframe
        mask = page.photometric == MASK or int(page.subfiletype or 0) & 4
        preview = index > 0 and page.is_reduced
        if not mask and not preview:
            yield index, series


def _too_large(wanted: int, size: int, limit: int | None, *, multifile: bool) -> bool:
    """Whether so many bytes of pixels are left on disk."""
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


def _image(file: OpenTiff, index: int, lazy: bool) -> ImageFile:
    """Return one series of a file that has been checked."""
    tiff = file.tiff
    series = tiff.series[index]
    page = series.keyframe
    shows = _Shown(series, page, imagej=bool(tiff.is_imagej))
    stack: list[Any] = []
    for number, level in enumerate(series.levels):
        # tifffile takes a hole for pixels at the beginning of the file.
        if lazy or level.dataoffset == 0:
            pixels = lazy_array(file, index, number)
            stack.append(shows.arranged(pixels if lazy else pixels.compute()))
        else:
            stack.append(shows.arranged(level.asarray()))
    letters = shows.letters
    known = set(letters) <= set("TCZYXS") and {"Y", "X"} <= set(letters)
    facts: dict[str, Any] = {}
    if tiff.is_ome and tiff.ome_metadata:
        facts = ome_facts(tiff.ome_metadata, series, index, len(tiff.series), letters)
    elif tiff.is_imagej:
        facts = imagej_facts(tiff.imagej_metadata or {}, page, series, letters)
    else:
        facts = {"pixel_size": tag_size(page), "metadata": _description(page)}
    if shows.colour and not facts.get("channels"):
        facts["channels"] = (Channel(colour=shows.colour),)
    facts |= _place(page, facts, dict(zip(letters, stack[0].shape, strict=True)))
    return ImageFile(stack[0], letters if known else None, levels=tuple(stack[1:]), **facts)


def _description(page: Any) -> dict[str, str]:
    text = str(page.description or "")
    # What tifffile notes of a shape is no description.
    return {} if not text or text.startswith(('{"', "shape=")) else {"description": text}


def _place(page: Any, facts: dict[str, Any], sizes: dict[str, int]) -> dict[str, Any]:
    """Return where a GeoTIFF lies and what GDAL says of its bands."""
    found: dict[str, Any] = {"nodata": geotiff.nodata_of(page)}
    channels, metadata = geotiff.gdal_facts(page, sizes.get("C", sizes.get("S", 1)))
    if channels and "S" not in sizes:
        found["channels"] = channels
    found["metadata"] = facts.get("metadata", {}) | metadata
    if geo := geotiff.georeference(page):
        found["geo"] = geo
        if geo.transform is not None:
            found["pixel_size"], found["unit"] = geotiff.ground_size(geo)
            kept = facts.get("pixel_size", {})
            found["pixel_size"] = {a: s for a, s in kept.items() if a == "T"} | found["pixel_size"]
    return found


class _Shown:
    """How the stored samples of a series become colours and channels."""

    def __init__(self, series: Any, page: Any, *, imagej: bool) -> None:
        self.stored = series.axes.upper()
        samples = dict(zip(self.stored, series.shape, strict=True)).get("S", 0)
        coloured = page.photometric in COLOURED or series.kind == "ome"
        # A fourth sample that is said to be no opacity is a band such as infrared.
        opacity = len(page.extrasamples) == 0 or int(page.extrasamples[0]) != 0
        self.colours = coloured and (samples == 3 or (samples == 4 and opacity))
        self.table: npt.NDArray[Any] | None = None
        self.colour: tuple[int, int, int] | None = None
        indices = page.photometric == PALETTE and series.dtype.kind in "ub" and not samples
        if indices and page.colormap is not None:
            table = np.asarray(page.colormap)
            table = (table >> 8 if table.max() > 255 else table).astype(np.uint8)
            # A plain ramp is a way to show intensities; ImageJ stores all its look-up tables so.
            self.colour = ramp_colour(table)
            self.table = None if imagej or self.colour else table
        letters = self.stored
        if self.colours:
            letters = letters.replace("S", "") + "S"
        elif "C" not in letters:
            letters = letters.replace("S", "C")
        self.letters = letters + "S" if self.table is not None else letters

    def arranged(self, pixels: Any) -> Any:
        """Return samples of RGB(A) as the last axis, and the colours of a palette."""
        if self.table is not None:
            colours = self.table.T
            if isinstance(pixels, np.ndarray):
                return _coloured(pixels, colours)
            return pixels.map_blocks(
                _coloured,
                colours,
                dtype=colours.dtype,
                new_axis=pixels.ndim,
                chunks=(*pixels.chunks, (3,)),
            )
        if self.colours:
            place = self.stored.index("S")
            order = [i for i in range(pixels.ndim) if i != place]
            return pixels.transpose([*order, place])
        return pixels


def _coloured(indices: npt.NDArray[Any], colours: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return colours.take(indices.astype(np.intp), axis=0, mode="clip")


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
