"""Lazy arrays of TIFF pixels."""

from __future__ import annotations

import mmap
import weakref
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from ..guard import is_of_system
from .ome_companion import COMPANION, companion_of, header_in, pixels_of

BLOCK = 16 << 20
"""maximal bytes of a block of a lazy array, unless the tiles of the file are larger"""


class OpenTiff:
    """Open TIFF file, closed when the last reference to it is gone."""

    def __init__(self, path: Path) -> None:
        import tifffile

        self.path = path.absolute()
        if path.name.lower().endswith(COMPANION):
            self.tiff = tifffile.TiffFile(pixels_of(path), omexml=header_in(path))
        else:
            self.tiff = tifffile.TiffFile(path)
            if self.tiff.is_ome and (
                other := companion_of(path, self.tiff.pages.first.description)
            ):
                self.tiff.close()
                self.tiff = tifffile.TiffFile(path, omexml=header_in(other))
        self.close = weakref.finalize(self, self.tiff.close)


@dataclass(frozen=True)
class _Mapped:
    """Contiguous pixels, memory-mapped anew for each access, since pages of a map stay resident."""

    path: Path
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        pixels = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        if hasattr(mmap, "MADV_RANDOM"):
            # Rows of a region are far apart; read-ahead at each would read most of the file.
            pixels._mmap.madvise(mmap.MADV_RANDOM)  # type: ignore[attr-defined]
        return np.array(pixels[index])


class StoredPixels:
    """Array-like view of one level of a series.

    A pickled copy reopens the file, possibly in another process.
    """

    def __init__(self, file: OpenTiff, series: int, level: int) -> None:
        self._file, self._series, self._level = file, series, level
        stored = file.tiff.series[series].levels[level]
        self.shape: tuple[int, ...] = tuple(stored.shape)
        self.dtype: np.dtype[Any] = np.dtype(stored.dtype)
        self.ndim = len(self.shape)
        offset = None if stored.transform or stored.is_multifile else stored.dataoffset
        if offset:
            kind = np.dtype(file.tiff.byteorder + self.dtype.char)
            self._pixels: Any = _Mapped(Path(file.tiff.filehandle.path), kind, offset, self.shape)
            smallest = tuple(
                min(n, 256) if i >= self.ndim - 3 else 1 for i, n in enumerate(self.shape)
            )
        else:
            import zarr

            store = stored.aszarr(level=0)
            self._pixels = zarr.open_array(store, mode="r", zarr_format=2)
            smallest = self._pixels.chunks
        plane = self.ndim - min(len(stored.keyframe.shape), self.ndim)
        self.blocks = _grown(smallest, self.shape, plane, self.dtype.itemsize)

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        """Read a region.

        Raises
        ------
        ValueError
            If the file is damaged there.
        OSError
            If the system cannot read it.
        """
        try:
            return np.array(self._pixels[index], self.dtype)
        except Exception as error:
            if is_of_system(error, self._file.path):
                raise
            raise ValueError(f"{self._file.path}: a part cannot be read ({error})") from error

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self._file.path, self._series, self._level)


def _reopened(path: Path, series: int, level: int) -> StoredPixels:
    return StoredPixels(OpenTiff(path), series, level)


def _grown(
    tile: tuple[int, ...], shape: tuple[int, ...], plane: int, itemsize: int
) -> tuple[int, ...]:
    """Return a chunk shape of whole tiles, large enough to keep the dask graph small.

    Chunks grow only along the axes from ``plane`` on, since planes may be far apart in the file.
    """
    blocks = [min(t, n) for t, n in zip(tile, shape, strict=True)]
    growing = set(range(plane, len(shape)))
    while growing:
        axis = min(growing, key=lambda i: blocks[i])
        larger = min(2 * blocks[axis], shape[axis])
        if larger == blocks[axis] or prod(blocks) // blocks[axis] * larger * itemsize > BLOCK:
            growing.remove(axis)
        else:
            blocks[axis] = larger
    return tuple(blocks)


def lazy_array(file: OpenTiff, series: int, level: int) -> Any:
    """Return a dask array of one level of a series, which keeps the file open."""
    import dask.array

    pixels = StoredPixels(file, series, level)
    return dask.array.from_array(
        pixels,
        chunks=pixels.blocks,
        name=f"tiff-{uuid4().hex}",  # a content hash would read all pixels
        meta=np.empty((0,) * pixels.ndim, pixels.dtype),
        fancy=False,
    )
