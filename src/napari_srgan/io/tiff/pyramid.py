"""Write the pixels of a TIFF and its pyramid levels, one row of tiles at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import numpy.typing as npt

TILE = 256
PYRAMID_FROM, PYRAMID_TO = 2048, 1024
"""side above which an image gets a pyramid, and maximal side of its coarsest level"""
BUFFER = 32 << 20
"""bytes of tiles buffered for compression"""

Pixels = npt.NDArray[Any]


def write_levels(
    file: Any,
    data: Any,
    axes: str,
    spool: IO[bytes],
    options: dict[str, Any],
    form: dict[str, Any],
    *,
    below: bool,
) -> None:
    """Write an image and its pyramid: as SubIFDs in OME-TIFF, as further pages in GeoTIFF.

    Parameters
    ----------
    file
        A tifffile.TiffWriter.
    data, axes
        Pixels and axes, which end with Y and X, followed by C or S for interleaved samples.
    spool
        Temporary file for computed pixels that are used twice.
    options, form
        tifffile's options for the finest level, and for all levels.
    below
        Whether coarser levels are SubIFDs of the finest one (as in OME-TIFF).
    """
    row = axes.index("Y")
    factors = _factors(data.shape[row : row + 2])
    if below and len(factors) > 1:
        options |= {"subifds": len(factors) - 1}
    lazy = not isinstance(data, np.ndarray)
    _write_level(file, data, axes, options | form, spool if lazy and len(factors) > 1 else None)
    half = data
    for factor in factors[1:]:
        if factor == 2 and lazy:
            # Downsample the spooled pixels instead of computing the lazy array again.
            spool.flush()
            sides = (data.shape[row] + 1) // 2, (data.shape[row + 1] + 1) // 2
            shape = (*data.shape[:row], *sides, *data.shape[row + 2 :])
            half = np.memmap(spool, data.dtype, "r", shape=shape)
        else:
            half = half[
                (
                    ...,
                    slice(None, None, 2),
                    slice(None, None, 2),
                    *(len(axes) - row - 2) * [slice(None)],
                )
            ]
        _write_level(file, half, axes, {"metadata": None, "subfiletype": 1} | form, None)


def write_mask(file: Any, missing: Any) -> None:
    """Write the valid pixels as GDAL's mask of all bands, for each level."""
    for factor in _factors(missing.shape):
        part = missing[::factor, ::factor]
        tiled = max(part.shape) > TILE
        file.write(
            (~tile for tile in _tiles(part, 0, None)) if tiled else ~np.asarray(part),
            shape=part.shape,
            dtype=np.bool_,
            photometric="mask",
            subfiletype=4 if factor == 1 else 5,
            tile=(TILE, TILE) if tiled else None,
            compression="zlib",
            metadata=None,
        )


def _factors(sides: tuple[int, ...]) -> list[int]:
    """Return the downsampling factor of each level."""
    factors = [1]
    while max(sides) > PYRAMID_FROM and max(sides) > PYRAMID_TO * factors[-1]:
        factors.append(2 * factors[-1])
    return factors


def _write_level(
    file: Any, data: Any, axes: str, options: dict[str, Any], spool: IO[bytes] | None
) -> None:
    row = axes.index("Y")
    tiled = max(data.shape[row : row + 2]) > TILE
    file.write(
        _tiles(data, row, spool) if tiled else _planes(data, row),
        shape=data.shape,
        dtype=data.dtype.newbyteorder("="),
        planarconfig="contig" if len(axes) > row + 2 else None,
        tile=(TILE, TILE) if tiled else None,
        compression="zlib",
        buffersize=BUFFER,
        **options,
    )


def _planes(data: Any, row: int) -> Iterator[Pixels]:
    for plane in np.ndindex(data.shape[:row]):
        yield np.asarray(data[plane])


def _tiles(data: Any, row: int, spool: IO[bytes] | None) -> Iterator[Pixels]:
    """Yield tiles plane by plane; every second row and column is also written to ``spool``."""
    for plane in np.ndindex(data.shape[:row]):
        for rows in _rows(data[plane]):
            if spool is not None:
                spool.write(rows[::2, ::2].tobytes())
            for column in range(0, rows.shape[1], TILE):
                tile = rows[:, column : column + TILE]
                lacking = [(0, TILE - n) for n in tile.shape[:2]] + [(0, 0)] * (tile.ndim - 2)
                yield np.pad(tile, lacking, mode="edge") if tile.shape[:2] != (TILE, TILE) else tile


def _rows(plane: Any) -> Iterator[Pixels]:
    """Yield a plane in rows of tiles; each chunk of a lazy one is computed once."""
    if isinstance(plane, np.ndarray):
        for start in range(0, len(plane), TILE):
            yield plane[start : start + TILE]
        return
    waiting = np.empty((0, *plane.shape[1:]), plane.dtype)
    start = 0
    for height in plane.chunks[0]:
        computed = np.asarray(plane[start : start + height])
        waiting = np.concatenate([waiting, computed]) if len(waiting) else computed
        start += height
        while len(waiting) >= TILE:
            yield waiting[:TILE]
            waiting = waiting[TILE:]
    if len(waiting):
        yield waiting
