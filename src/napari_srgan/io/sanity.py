"""Check that a file can hold the pixels that its header claims, before allocating memory."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

HARMLESS = 64 << 20
"""bytes that any file may expand to"""
MOST_EXPANDED = 2000
"""maximal compression ratio; deflate reaches 1032, LZW about 1400"""
MOST_PLANES = 2_000_000
"""maximal number of planes in an OME header; tifffile lists all before reading any"""

SHORTEST, LONGEST = 1e-30, 1e30
"""of the steps between pixels, in whatever unit; squares of others are no numbers any more"""


def expands_too_far(claimed: int, stored: int) -> bool:
    """Whether ``claimed`` bytes exceed the possible expansion of ``stored`` bytes."""
    return claimed > MOST_EXPANDED * stored + HARMLESS


def check_expansion(claimed: int, stored: int) -> None:
    """Refuse a decompression bomb.

    Raises
    ------
    ValueError
        If ``claimed`` bytes exceed the possible expansion of ``stored`` bytes.
    """
    if expands_too_far(claimed, stored):
        raise ValueError(f"its header promises {claimed} bytes of pixels out of {stored}")


def check_page(page: Any, size: int) -> None:
    """Refuse a TIFF page whose pixels exceed its file of ``size`` bytes.

    Strips and tiles with an offset or size of 0 are sparse: they are not stored, and read as zeros
    or nodata.

    Raises
    ------
    ValueError
        If a strip or tile is missing, exceeds the file, or claims more than it can hold.
    """
    # tifffile stores the properties shared by all pages of a series in the keyframe.
    form = page.keyframe
    offsets = np.asarray(page.dataoffsets, np.uint64)
    counts = np.asarray(page.databytecounts, np.uint64)
    if form.is_contiguous and len(offsets) == 1:
        counts = np.asarray([form.nbytes], np.uint64) if offsets[0] else counts[:1]
    elif not len(offsets) == len(counts) >= (expected := int(np.prod(form.chunked, dtype=object))):
        raise ValueError(f"{expected} strips or tiles in its header, {len(offsets)} in the file")
    elif len(offsets) * int(np.prod(form.chunks, dtype=object)) < form.size:
        # Planar samples have separate strips or tiles.
        raise ValueError(f"{form.size} numbers in its header, {len(offsets)} strips or tiles")
    stored = (offsets > 0) & (counts > 0)
    # A subtraction, since the sum of unsigned integers could overflow.
    if stored.any() and (
        offsets[stored].max() > size or (counts[stored] > size - offsets[stored]).any()
    ):
        raise ValueError("the file ends before its pixels")
    segment = int(np.prod(form.chunks, dtype=object)) * form.dtype.itemsize
    if not stored.all():
        check_expansion(segment, 0)
    if stored.any():
        check_expansion(segment, int(counts[stored].max()))


def check_series(series: Any, size: int) -> None:
    """Refuse a series whose pixels exceed the file of ``size`` bytes.

    Raises
    ------
    ValueError
        If they do.
    """
    for level in series.levels:
        if level.is_multifile:
            continue
        first, last = level[0], level[len(level) - 1]
        if level.is_truncated or len(level) == 1 != level.size // level.keyframe.size:
            # The single page describes contiguous planes.
            if level.dataoffset is None or level.dataoffset + level.nbytes > size:
                raise ValueError("the file ends before its pixels")
            continue
        if level.size > len(level) * level.keyframe.size:
            raise ValueError(f"its header promises a shape of {level.shape} of {len(level)} pages")
        for page in (first, last) if last is not first else (first,):
            if page is not None:
                check_page(page, size)


def check_ome(xml: str) -> None:
    """Refuse an OME header with too many planes, or with files outside of its folder.

    Raises
    ------
    ValueError
        If it is not XML, or contains such values.
    """
    for element in ElementTree.fromstring(xml).iter():
        kind = element.tag.rpartition("}")[2]
        numbers = {
            name: int(value)
            for name, value in element.attrib.items()
            if re.fullmatch(r"\s*[-+]?\d{1,40}\s*", value)
        }
        if kind == "Pixels":
            planes = int(np.prod([numbers.get(f"Size{a}", 1) for a in "CZT"], dtype=object))
        elif kind == "TiffData":
            planes = max(numbers.get("PlaneCount", 0), numbers.get("NumPlanes", 0))
        elif kind.startswith("ModuloAlong"):
            planes = _steps(element.attrib)
        else:
            planes = 0
        if planes > MOST_PLANES:
            raise ValueError(f"its OME header promises {planes} planes")
        file = element.get("FileName", "")
        if kind == "UUID" and (PurePath(file).is_absolute() or ".." in PurePath(file).parts):
            raise ValueError(f"its planes are in {file}, outside of its folder")


def check_affine(affine: npt.NDArray[np.float64]) -> None:
    """Refuse a 4 × 4 affine by which no pixel can be placed.

    Raises
    ------
    ValueError
        If a step between pixels is nothing or far from any length, or the first one is nowhere.
    """
    steps, place = np.abs(affine[:3, :3]).max(0), np.abs(affine[:3, 3])
    # Of NaN, neither is true.
    lengths = (steps >= SHORTEST) & (steps <= LONGEST)
    if not lengths.all() or not (place <= LONGEST).all():
        raise ValueError(f"pixels {steps.tolist()} apart, the first at {affine[:3, 3].tolist()}")


def _steps(along: dict[str, str]) -> int:
    try:
        start, end, step = (
            float(along.get(k, d))
            for k, d in zip(("Start", "End", "Step"), ("0", "0", "1"), strict=True)
        )
        return abs(int((end - start) / step))
    except (ValueError, ArithmeticError):
        return 0
