"""Tile layout of DICOM files such as whole slides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..medical_affine import Affine, reverse_axes
from ..sanity import check_expansion
from .elements import Look, first, items, number, numbers, text
from .pixel_size import spacing_of, thickness_of

__all__ = ["Tiles", "tiles_of"]

MOST_TILES = 2**22
"""maximal number of tiles in an image; more is damage"""
SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""SOP class of whole-slide images"""


@dataclass(frozen=True, eq=False)
class Tiles:
    """Layout of the frames of a file as tiles of one image."""

    rows: int
    columns: int
    frames: npt.NDArray[np.int64]
    """index of the frame at each optical path, focal plane, tile row and tile column; −1 where the
    file has none"""
    paths: tuple[str, ...]
    """names of the optical paths"""
    spacing: tuple[float, float] | None
    """distance of rows and of columns in mm"""
    depth: float | None
    """distance of focal planes in mm"""
    affine: Affine | None
    """affine from pixel indices ``(z, y, x)`` to slide coordinates in mm"""
    whole: str
    """ConcatenationUID, if the image is split into several files"""
    kind: str
    """image type: VOLUME, LABEL, OVERVIEW or THUMBNAIL"""


def tiles_of(header: Any, count: int, stored: int) -> Tiles | None:
    """Return the tile layout of a file; None if its frames are not tiles.

    Parameters
    ----------
    header
        Dataset of the file.
    count
        Number of frames.
    stored
        Size of the file in bytes.

    Raises
    ------
    ValueError
        If the layout is damaged or not supported.
    """
    organised = text(header, "DimensionOrganizationType")
    each = items(header.get("PerFrameFunctionalGroupsSequence"))
    placed = bool(each) and first(each[0].get("PlanePositionSlideSequence")) is not None
    slide = text(header, "SOPClassUID") == SLIDE
    if not (organised.startswith("TILED") or placed or slide):
        return None
    rows, columns = (int(number(header.get(f"TotalPixelMatrix{n}")) or 0) for n in SIDES)
    tile = int(header.Rows), int(header.Columns)
    if count == 1 and not rows and not columns:
        return None
    if min(rows, columns) < 1:
        raise ValueError("its frames are tiles of an image whose size it does not say")
    grid = -(-rows // tile[0]), -(-columns // tile[1])
    paths, planes = _names(header), max(1, int(number(header.get(PLANES)) or 1))
    if math.prod((len(paths), planes, *grid)) > MOST_TILES:
        raise ValueError(f"its tiles make up an image of {rows} × {columns} pixels")
    check_expansion(len(paths) * planes * rows * columns, stored)
    begin = int(number(header.get("ConcatenationFrameOffsetNumber")) or 0)
    whole = text(header, "ConcatenationUID")
    if placed:
        frames, planes = _sparse(header, each[:count], paths, grid, tile)
    elif organised == "TILED_FULL" or (count == 1 == math.prod(grid)):
        frames = np.arange(len(paths) * planes * math.prod(grid)).reshape(len(paths), planes, *grid)
        frames = np.where((frames >= begin) & (frames < begin + count), frames - begin, -1)
        if not whole and frames.size != count:
            raise ValueError(
                f"it has {count} tiles; {planes} planes of {len(paths)} paths of light and "
                f"{rows} × {columns} pixels have {frames.size}"
            )
    else:
        raise ValueError("its frames are tiles of one image, and it does not say where they lie")
    shared = first(header.get("SharedFunctionalGroupsSequence"))
    look = Look(header, (each[0] if each else None, shared))
    spacing, depth = spacing_of(look, True), thickness_of(look)
    kinds = header.get("ImageType")
    several = kinds is not None and not isinstance(kinds, str) and len(kinds) > 2
    return Tiles(
        rows,
        columns,
        frames,
        paths,
        spacing,
        abs(depth) if depth else None,
        _affine(header, spacing, depth),
        whole,
        str(kinds[2]) if several else "",
    )


SIDES = ("Rows", "Columns")
PLANES = "TotalPixelMatrixFocalPlanes"


def _names(header: Any) -> tuple[str, ...]:
    """Return the names of the optical paths, or of the segments."""
    found = items(header.get("OpticalPathSequence")) or items(header.get("SegmentSequence"))
    ways = ("OpticalPathDescription", "OpticalPathIdentifier", "SegmentLabel", "SegmentNumber")
    names = tuple(next((n for way in ways if (n := text(item, way))), "") for item in found)
    return names or ("",)


def _sparse(
    header: Any,
    each: Sequence[Any],
    paths: tuple[str, ...],
    grid: tuple[int, int],
    tile: tuple[int, int],
) -> tuple[npt.NDArray[np.int64], int]:
    """Return the frame at each tile, from the positions of frames, and the focal plane count."""
    known = [
        text(item, "OpticalPathIdentifier") for item in items(header.get("OpticalPathSequence"))
    ]
    found: list[tuple[int, float, int, int]] = []
    for item in each:
        place = first(item.get("PlanePositionSlideSequence"))
        if place is None:
            raise ValueError("one of its tiles does not say where it lies")
        corner = [number(place.get(f"{a}PositionInTotalImagePixelMatrix")) for a in WAYS]
        if None in corner:
            raise ValueError("one of its tiles does not say where it lies")
        at = [divmod(int(c or 0) - 1, n) for c, n in zip(corner, tile, strict=True)]
        if any(rest for _, rest in at):
            raise ValueError("its tiles overlap or lie apart; save the image with tiles on a grid")
        if not all(0 <= i < n for (i, _), n in zip(at, grid, strict=True)):
            raise ValueError("one of its tiles lies outside of its image")
        path = first(item.get("OpticalPathIdentificationSequence"))
        name = "" if path is None else text(path, "OpticalPathIdentifier")
        height = number(place.get("ZOffsetInSlideCoordinateSystem")) or 0.0
        found.append((known.index(name) if name in known else 0, height, at[0][0], at[1][0]))
    heights = sorted({height for _, height, _, _ in found})
    shape = (len(paths), len(heights), *grid)
    if math.prod(shape) > MOST_TILES:
        raise ValueError(f"its tiles lie on {len(heights)} focal planes")
    frames = np.full(shape, -1, np.int64)
    for index, (channel, height, row, column) in enumerate(found):
        cell = channel, heights.index(height), row, column
        if frames[cell] >= 0:
            raise ValueError("two of its tiles lie at one place, and nothing says how they differ")
        frames[cell] = index
    return frames, len(heights)


WAYS = ("Row", "Column")


def _affine(header: Any, spacing: tuple[float, float] | None, depth: float | None) -> Affine | None:
    """Return the affine from pixels to the slide."""
    origin = first(header.get("TotalPixelMatrixOriginSequence"))
    turn = numbers(header.get("ImageOrientationSlide"), 6)
    if origin is None or turn is None or spacing is None:
        return None
    start = [number(origin.get(f"{a}OffsetInSlideCoordinateSystem")) for a in "XY"]
    if None in start:
        return None
    across, down = np.reshape(turn, (2, 3))
    if not np.allclose([np.linalg.norm(across), np.linalg.norm(down)], 1, atol=0.01):
        return None
    if abs(across @ down) > 0.01:
        return None
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = across * spacing[1], down * spacing[0]
    affine[2, 2] = abs(depth) if depth else 1.0
    affine[:2, 3] = start
    # Z offsets of a slide are in µm, X and Y offsets in mm.
    affine[2, 3] = (number(origin.get("ZOffsetInSlideCoordinateSystem")) or 0.0) / 1000
    return reverse_axes(affine)
