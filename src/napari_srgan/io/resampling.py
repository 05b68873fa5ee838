"""Resample masks and alpha to other grids: finer ones, or regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Grid", "regridded"]

MOST_IN_MEMORY = 64 << 20
"""bytes above which the result is lazy"""


@dataclass(frozen=True)
class Grid:
    """Pixels of another grid along one axis, in pixels of the image.

    Coordinates refer to edges: pixel ``p`` of the image covers ``p`` to ``p + 1``.
    """

    first: float
    """outer edge of the first pixel"""
    step: float
    """length of a pixel"""
    count: int

    def centres(self, part: slice) -> npt.NDArray[np.float64]:
        """Return the centres of a range of pixels."""
        numbers = np.arange(self.count, dtype=np.float64)[part]
        return np.asarray(self.first + (numbers + 0.5) * self.step, np.float64)


def regridded(source: Any, rows: Grid, columns: Grid, *, smooth: bool = False) -> Any:
    """Resample the last two axes (Y and X) of an array to another grid.

    Parameters
    ----------
    source
        A numpy or lazy array.
    rows, columns
        The grid. Outside the image, the value of the nearest pixel is used.
    smooth
        Whether to interpolate linearly between pixel centres instead of using the nearest pixel.

    Returns
    -------
    array
        numpy if the source is numpy and the result is small, else dask.
    """
    found = _Regridded(source, rows, columns, smooth)
    if isinstance(source, np.ndarray) and found.nbytes <= MOST_IN_MEMORY:
        return found[(slice(None),) * source.ndim]
    import dask.array as da

    chunks = (*(1,) * (source.ndim - 2), *(min(1024, n) for n in found.shape[-2:]))
    meta = np.empty((0,) * source.ndim, source.dtype)
    return da.from_array(found, chunks=chunks, name=False, fancy=False, asarray=False, meta=meta)


class _Regridded:
    """Values on another grid, computed on access."""

    def __init__(self, source: Any, rows: Grid, columns: Grid, smooth: bool) -> None:
        self.source, self.rows, self.columns, self.smooth = source, rows, columns, smooth
        self.shape = (*source.shape[:-2], rows.count, columns.count)
        self.dtype, self.ndim = np.dtype(source.dtype), len(self.shape)
        self.nbytes = int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize

    def __getitem__(self, index: tuple[slice, ...]) -> npt.NDArray[Any]:
        found = [
            _Neighbours(grid.centres(part), length)
            for grid, part, length in zip(
                (self.rows, self.columns), index[-2:], self.source.shape[-2:], strict=True
            )
        ]
        near = np.asarray(self.source[(*index[:-2], *(n.span for n in found))])
        for axis, neighbours in zip((-2, -1), found, strict=True):
            if self.smooth:
                near = neighbours.between(near, axis)
            else:
                near = near.take(neighbours.inside, axis)
        if near.dtype != self.dtype:
            near = (np.rint(near) if self.dtype.kind in "ui" else near).astype(self.dtype)
        return near


class _Neighbours:
    """Indices and weights for interpolation along one axis."""

    def __init__(self, at: npt.NDArray[np.float64], length: int) -> None:
        between = np.clip(at - 0.5, 0, length - 1)
        below = np.floor(between).astype(np.intp)
        inside = np.clip(np.floor(at), 0, length - 1).astype(np.intp)
        start = int(min(below.min(initial=length - 1), inside.min(initial=length - 1)))
        self.span = slice(start, int(below.max(initial=start)) + 2)
        self.below, self.part = below - start, between - below
        self.inside = inside - start

    def between(self, values: npt.NDArray[Any], axis: int) -> npt.NDArray[np.float64]:
        above = np.minimum(self.below + 1, values.shape[axis] - 1)
        low, high = (values.take(i, axis).astype(np.float64) for i in (self.below, above))
        part = self.part[:, None] if axis == -2 else self.part
        return low + part * (high - low)
