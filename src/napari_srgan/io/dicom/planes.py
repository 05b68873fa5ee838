"""Intensities of a stack of DICOM planes, in memory or lazy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .frames import Frame
from .pixels import planes

__all__ = ["Planes", "ends_of"]

Key = tuple[slice | int, ...]

SLAB = 2**25
"""bytes of a chunk of a lazy array from a multi-frame file"""


def ends_of(frame: Frame) -> tuple[int, int]:
    """Return the smallest and largest value of the stored bits of a plane."""
    bits = frame.source.bits
    if frame.source.dtype.kind == "i":
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


class Planes:
    """Array of intensities ``(C, T, Z, Y, X)``, with colour samples as a sixth axis, for dask."""

    def __init__(self, stack: Sequence[Sequence[Sequence[Frame]]]) -> None:
        self.frames = [frame for passes in stack for slices in passes for frame in slices]
        first = self.frames[0]
        self.shape = (len(stack), len(stack[0]), len(stack[0][0]), *first.source.shape)
        self.ndim = len(self.shape)
        self.dtype = self._smallest()
        padded = {(frame.values.padding, frame.values.nodata) for frame in self.frames}
        self.nodata = first.values.nodata if len(padded) == 1 else None
        """the common nodata value of all planes, or None"""
        self.padded = self.nodata is None and padded != {(None, None)}
        """whether missing pixels cannot be expressed by a common nodata value"""

    def _smallest(self) -> np.dtype[Any]:
        """Return the smallest dtype for the intensities of all planes."""
        stored = self.frames[0].source.dtype
        if len(self.frames[0].source.shape) == 3:
            return stored
        values = {frame.values for frame in self.frames}
        if all(each.plain for each in values):
            return stored
        if all(each.table is not None for each in values):
            return np.result_type(*(each.table.values.dtype for each in values if each.table))
        if stored.kind in "iu" and all(
            each.table is None and each.slope == 1 and each.intercept.is_integer()
            for each in values
        ):
            ends = [
                end + frame.values.intercept
                for frame in self.frames
                for end in (*ends_of(frame), *(frame.values.padding or ()))
            ]
            for name in ("int16", "int32"):
                if np.iinfo(name).min <= min(ends) and max(ends) <= np.iinfo(name).max:
                    return np.dtype(name)
        return np.dtype(np.float32)

    def read(self, limit: int | None) -> tuple[Any, Any]:
        """Return the intensities, and the mask of missing pixels if there is no nodata value.

        Both are lazy (dask) if the intensities take more than ``limit`` bytes.
        """
        nbytes = math.prod(self.shape) * self.dtype.itemsize
        if limit is not None and nbytes > limit:
            return self._lazy(self), self._lazy(_Absent(self)) if self.padded else None
        absent = np.empty(self.shape, bool) if self.padded else None
        data = self._read((slice(None),) * self.ndim, absent)
        return data, absent if absent is not None and absent.any() else None

    def _lazy(self, array: Any) -> Any:
        """Convert to dask; a chunk is one plane, or several planes of one file."""
        import dask.array as da

        plane = math.prod(self.shape[3:]) * self.dtype.itemsize
        single = len({frame.source.path for frame in self.frames}) == len(self.frames)
        step = 1 if single else max(1, SLAB // plane)
        times, slices = self.shape[1:3]
        chunks = (1, 1, min(step, slices)) if slices > 1 else (1, min(step, times), 1)
        meta = np.empty((0,) * self.ndim, array.dtype)
        return da.from_array(
            array,
            chunks=(*chunks, *self.shape[3:]),
            name=False,
            asarray=False,
            fancy=False,
            meta=meta,
        )

    def __getitem__(self, key: Key) -> npt.NDArray[Any]:
        return self._read(key)

    def _read(self, key: Key, absent: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[Any]:
        """Read a region of the planes.

        The missing pixels are written to ``absent``, which covers each plane completely.
        """
        chosen = np.asarray(np.arange(len(self.frames)).reshape(self.shape[:3])[key[:3]])
        frames = [self.frames[i] for i in chosen.ravel()]
        data = np.empty((len(frames), *self.shape[3:]), self.dtype)
        holes = None if absent is None else absent.reshape(data.shape)
        start = 0
        for _, run in itertools.groupby(frames, key=lambda frame: frame.source.path):
            together = list(run)
            indices = [frame.index for frame in together]
            for frame, pixels in zip(together, planes(together[0].source, indices), strict=True):
                data[start] = pixels if pixels.ndim == 3 else frame.values.of(pixels)
                if holes is not None:
                    holes[start] = frame.values.absent(pixels)
                start += 1
        data = data.reshape(*chosen.shape, *self.shape[3:])
        whole: tuple[Any, ...] = (slice(None),) * chosen.ndim
        return data[(*whole, *key[3:])]


class _Absent:
    """Array of missing pixels of planes, for dask."""

    def __init__(self, whole: Planes) -> None:
        self.whole, self.shape, self.ndim = whole, whole.shape, whole.ndim
        self.dtype = np.dtype(bool)

    def __getitem__(self, key: Key) -> npt.NDArray[np.bool_]:
        chosen = np.empty(self.shape[:3])[key[:3]].shape
        absent = np.empty((*chosen, *self.shape[3:]), bool)
        self.whole._read((*key[:3], *(slice(None),) * (self.ndim - 3)), absent)
        whole: tuple[Any, ...] = (slice(None),) * len(chosen)
        return absent[(*whole, *key[3:])]
