"""Images into OME-TIFF and GeoTIFF, a row of tiles at a time, and into PNG."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from . import geotiff
from .guard import replacing
from .lazy import numpy_or_dask
from .ome_header import ome_metadata
from .photographs import write_png
from .record import ImageFile
from .tiff_metadata import UNITS, is_length

WRITABLE = (".tif", ".tiff", ".png")
OME_DTYPES = ("int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64")
"""numbers that OME-TIFF has a name for"""
MOST_CLASSIC = 2**32 - 2**25
"""bytes of pixels from which on a file is a BigTIFF"""
TILE = 256
PYRAMID_FROM, PYRAMID_TO = 2048, 1024
"""sides above which an image gets coarser levels, and down to which"""
BUFFER = 32 << 20
"""bytes of tiles that wait to be compressed"""

Pixels = npt.NDArray[Any]


def write_image(path: Path | str, image: ImageFile, description: str = "") -> Path:
    """Write an image as OME-TIFF, as GeoTIFF where it has a place on the Earth, or as PNG.

    The file is written beside its place and renamed at the end, so that a failure leaves no half
    file, and an old one whole. OME-TIFF has Y and X last (and S behind them), a GeoTIFF its bands
    behind them: other orders are transposed. Neither has float16, which is written as float32.

    Dask and zarr arrays are never held whole: rows of tiles are computed, compressed and let go.
    Each plane is computed by itself. Images with a side above 2048 get coarser levels; pixel ``i``
    of a level that is ``f`` times coarser is pixel ``i·f`` of the image, as napari aligns them.

    Parameters
    ----------
    path
        A name that ends on one of ``WRITABLE``.
    image
        What to write. Stacks along T or Z with a place on the Earth are OME-TIFFs with the tags
        of a GeoTIFF.
    description
        What is said of the image in its header.

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
    if wrong := [f"{a} {s}" for a, s in image.pixel_size.items() if not is_length(s)]:
        raise ValueError(f"{path}: the pixel size is {wrong[0]}; it must be a length above 0")
    check_writable(path, data.dtype, axes)
    if path.suffix.lower() == ".png":
        return replacing(path, lambda beside: write_png(beside, data))
    return replacing(path, lambda beside: _write_tiff(beside, image, axes, description))


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


def _write_tiff(path: Path, image: ImageFile, axes: str, description: str) -> None:
    import tifffile

    place = image.geo is not None
    # A stack of maps is no GeoTIFF, nor are several RGB images.
    bands = place and set(axes) <= set("YXC" if "S" not in axes else "YXS")
    data, axes = _ordered(image.data, axes, "YXCS" if bands else "YXS")
    if data.dtype == np.float16:
        data = data.astype(np.float32)
    tags = geotiff.gdal_tags(image.channels if place else (), image.metadata, image.nodata)
    if not place:
        tags = [tag for tag in tags if tag[0] == geotiff.GDAL_NODATA]
    if image.geo is not None:
        tags += geotiff.georeference_tags(image.geo)
    options: dict[str, Any] = {"metadata": None, "description": description.encode() or None}
    if not bands:
        options = {"metadata": ome_metadata(image, data, axes, description)}
        options |= _resolution(image)
    size = int(np.prod(data.shape, dtype=object)) * data.dtype.itemsize
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        # tifffile counts on compression and would fail past 4 GiB.
        big = size * 3 / 2 > MOST_CLASSIC
        with tifffile.TiffWriter(path, bigtiff=big, ome=not bands) as file:
            _write_levels(file, data, axes, bands, spool, options | {"extratags": tags})


def _ordered(data: Any, axes: str, last: str) -> tuple[Any, str]:
    """Return an array with the axes of ``last`` behind all others, in that order."""
    order = sorted(range(len(axes)), key=lambda i: last.find(axes[i]))
    return numpy_or_dask(data).transpose(order), "".join(axes[i] for i in order)


# --- pixels --------------------------------------------------------------------------------------


def _write_levels(
    file: Any, data: Any, axes: str, bands: bool, spool: IO[bytes], options: dict[str, Any]
) -> None:
    """Write an image and its coarser levels: of OME below its pages, of a GeoTIFF behind it."""
    row = axes.index("Y")
    factors = [1]
    while max(data.shape[row : row + 2]) > PYRAMID_FROM and (
        max(data.shape[row : row + 2]) > PYRAMID_TO * factors[-1]
    ):
        factors.append(2 * factors[-1])
    if not bands and len(factors) > 1:
        options |= {"subifds": len(factors) - 1}
    lazy = not isinstance(data, np.ndarray)
    _write_level(file, data, axes, options, spool if lazy and len(factors) > 1 else None)
    half = data
    for factor in factors[1:]:
        if factor == 2 and lazy:
            # What was computed once is not computed again.
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
        _write_level(file, half, axes, {"metadata": None, "subfiletype": 1}, None)


def _write_level(
    file: Any, data: Any, axes: str, options: dict[str, Any], spool: IO[bytes] | None
) -> None:
    row = axes.index("Y")
    tiled = max(data.shape[row : row + 2]) > TILE
    file.write(
        _tiles(data, row, spool) if tiled else _planes(data, row),
        shape=data.shape,
        dtype=data.dtype.newbyteorder("="),
        photometric="rgb" if axes.endswith("S") else "minisblack",
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
    """Yield the tiles of one plane after the other; every second row and column go to ``spool``."""
    for plane in np.ndindex(data.shape[:row]):
        for rows in _rows(data[plane]):
            if spool is not None:
                spool.write(rows[::2, ::2].tobytes())
            for column in range(0, rows.shape[1], TILE):
                tile = rows[:, column : column + TILE]
                lacking = [(0, TILE - n) for n in tile.shape[:2]] + [(0, 0)] * (tile.ndim - 2)
                yield np.pad(tile, lacking, mode="edge") if tile.shape[:2] != (TILE, TILE) else tile


def _rows(plane: Any) -> Iterator[Pixels]:
    """Yield a plane as rows of tiles, computing each chunk of a lazy one once."""
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


def _resolution(image: ImageFile) -> dict[str, Any]:
    sizes = {a: float(s) * UNITS.get(image.unit, 0) for a, s in image.pixel_size.items()}
    per_cm = tuple(1e4 / sizes[a] for a in "XY" if sizes.get(a))
    # The tag is a ratio of 32-bit integers.
    if len(per_cm) == 2 and all(1e-9 < n < 2**32 for n in per_cm):
        return {"resolution": per_cm, "resolutionunit": "CENTIMETER"}
    return {}
