"""The intensities of DICOM planes as one array: whole, or plane by plane."""

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
"""bytes that a lazy array reads at a time from a file of many frames"""


def ends_of(frame: Frame) -> tuple[int, int]:
    """Return the least and largest number that the bits of a plane can hold."""
    bits = frame.source.bits
    if frame.source.dtype.kind == "i":
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


class Planes:
    """The intensities of planes as ``(C, T, Z, Y, X)``, with samples of colours as a sixth axis.

    dask takes it as an array.
    """

    def __init__(self, stack: Sequence[Sequence[Sequence[Frame]]]) -> None:
        self.frames = [frame for passes in stack for slices in passes for frame in slices]
        first = self.frames[0]
        self.shape = (len(stack), len(stack[0]), len(stack[0][0]), *first.source.shape)
        self.ndim = len(self.shape)
        self.dtype = self._smallest()
        padded = {(frame.values.padding, frame.values.nodata) for frame in self.frames}
        self.nodata = first.values.nodata if len(padded) == 1 else None
        """the one intensity of all pixels without a value"""
        self.padded = self.nodata is None and padded != {(None, None)}
        """whether which pixels have no value is not said by one intensity"""

    def _smallest(self) -> np.dtype[Any]:
        """Return the dtype that holds the intensities of all planes."""
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
        """Return the intensities, and which pixels have no value where no intensity says it.

        Both are lazy (dask) if there are more bytes of them than ``limit``.
        """
        nbytes = math.prod(self.shape) * self.dtype.itemsize
        if limit is not None and nbytes > limit:
            return self._lazy(self), self._lazy(_Absent(self)) if self.padded else None
        absent = np.empty(self.shape, bool) if self.padded else None
        data = self._read((slice(None),) * self.ndim, absent)
        return data, absent if absent is not None and absent.any() else None

    def _lazy(self, array: Any) -> Any:
        """Return an array as dask's; a chunk is a plane, or several of one file."""
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
        """Return a part of the planes.

        Into ``absent``, of the shape of all of each plane, goes which pixels have no value.
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
    """Which pixels of planes have no value, as dask takes an array."""

    def __init__(self, whole: Planes) -> None:
        self.whole, self.shape, self.ndim = whole, whole.shape, whole.ndim
        self.dtype = np.dtype(bool)

    def __getitem__(self, key: Key) -> npt.NDArray[np.bool_]:
        chosen = np.empty(self.shape[:3])[key[:3]].shape
        absent = np.empty((*chosen, *self.shape[3:]), bool)
        self.whole._read((*key[:3], *(slice(None),) * (self.ndim - 3)), absent)
        whole: tuple[Any, ...] = (slice(None),) * len(chosen)
        return absent[(*whole, *key[3:])]
