"""Contrast limits from a few values, for arrays that nobody wants to read as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

VALUES = 1 << 20
"""values that are looked at, about"""
BLOCKS = 4
"""blocks of a lazy array that are read, at most"""
TAILS = (0.1, 99.9)
"""percentiles shown as black and white, so that a hot pixel does not darken the rest"""


def sampled_limits(data: Any, nodata: float | None = None) -> tuple[float, float]:
    """Return what is shown as black and white of an array, or of the coarsest level of a pyramid.

    Parameters
    ----------
    data
        NumPy, of which values at even steps are taken, or dask, of which some blocks are read.
    nodata
        A value that does not count, as NaN and infinities do not.
    """
    taken = [_values(part, nodata) for part in _parts(data)]
    values = np.concatenate(taken) if taken else np.empty(0)
    if not values.size:
        return (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if data.dtype != np.uint8 and high > low:
        inner = np.percentile(values, TAILS)
        # Few pixels may be all there is, as in an image of stars or of labels.
        if inner[1] > inner[0]:
            low, high = float(inner[0]), float(inner[1])
    # Limits must differ even where float32 is all that is left of them.
    return (low, high) if np.float32(high) > np.float32(low) else (low, low + max(1, abs(low)) / 16)


def _parts(data: Any) -> list[npt.NDArray[Any]]:
    if isinstance(data, np.ndarray):
        return [_thinned(data, VALUES)]
    blocks = [np.unravel_index(i, data.numblocks) for i in _spread(int(np.prod(data.numblocks)))]
    return [
        _thinned(np.asarray(data.blocks[tuple(map(int, block))]), VALUES // BLOCKS)
        for block in blocks
    ]


def _spread(count: int) -> list[int]:
    """Return indices in the middle of equal parts, which are more telling than the ends."""
    parts = min(count, BLOCKS)
    return sorted({int((i + 0.5) * count / parts) for i in range(parts)})


def _thinned(data: npt.NDArray[Any], values: int) -> npt.NDArray[Any]:
    """Return values at even steps along every axis."""
    if data.size <= values:
        return data
    long = [n for n in data.shape if n > 4]
    step = max(2, round((data.size / values) ** (1 / len(long))))
    return data[tuple(slice(None, None, step if n > 4 else None) for n in data.shape)]


def _values(data: npt.NDArray[Any], nodata: float | None) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = data.ravel().astype(np.float64)
    values = values[np.isfinite(values)]
    if nodata is None or not _holds(data.dtype, nodata):
        return values
    # Compared as the pixels hold it: -3.4e38 is not the same number in float32.
    valued: npt.NDArray[np.float64] = values[values != float(data.dtype.type(nodata))]
    return valued


def _holds(dtype: np.dtype[Any], value: float) -> bool:
    if dtype.kind == "f":
        return not np.isnan(value)
    return (
        dtype.kind in "iu"
        and float(value).is_integer()
        and bool(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)
    )
