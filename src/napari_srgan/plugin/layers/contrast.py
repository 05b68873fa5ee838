"""Contrast limits from a sample of the values, for arrays too large to read as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

MAX_VALUES = 1 << 20
"""approximate number of values in the sample"""
MAX_BLOCKS = 4
"""maximum number of blocks read of a lazy array"""
PERCENTILES = (0.1, 99.9)
"""percentiles used as limits, so that hot pixels do not compress the range"""


def sampled_limits(data: Any, nodata: float | None = None) -> tuple[float, float]:
    """Return contrast limits for an array or the coarsest level of a pyramid.

    Parameters
    ----------
    data
        NumPy array, sampled at regular steps, or dask array, of which some blocks are sampled.
    nodata
        Value of missing pixels, which is ignored, as are NaN and infinities.

    Returns
    -------
    tuple of float
        Minimum and maximum for uint8, else percentiles. The two differ even in float32.
    """
    samples = [_values(part, nodata) for part in _parts(data)]
    values = np.concatenate(samples) if samples else np.empty(0)
    if not values.size:
        return (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if data.dtype != np.uint8 and high > low:
        inner = np.percentile(values, PERCENTILES)
        # Equal percentiles: few pixels differ from the background, as in images of stars.
        if inner[1] > inner[0]:
            low, high = float(inner[0]), float(inner[1])
    # napari converts the limits to float32; they must differ then, too.
    return (low, high) if np.float32(high) > np.float32(low) else (low, low + max(1, abs(low)) / 16)


def _parts(data: Any) -> list[npt.NDArray[Any]]:
    if isinstance(data, np.ndarray):
        return [_subsample(data, MAX_VALUES)]
    blocks = [
        np.unravel_index(i, data.numblocks) for i in _spread_indices(int(np.prod(data.numblocks)))
    ]
    return [
        _subsample(np.asarray(data.blocks[tuple(map(int, block))]), MAX_VALUES // MAX_BLOCKS)
        for block in blocks
    ]


def _spread_indices(count: int) -> list[int]:
    """Return evenly spaced block indices, away from the ends, which are often empty."""
    parts = min(count, MAX_BLOCKS)
    return sorted({int((i + 0.5) * count / parts) for i in range(parts)})


def _subsample(data: npt.NDArray[Any], values: int) -> npt.NDArray[Any]:
    """Return a strided view with about ``values`` values."""
    if data.size <= values:
        return data
    long = [n for n in data.shape if n > 4]
    step = max(2, round((data.size / values) ** (1 / len(long))))
    return data[tuple(slice(None, None, step if n > 4 else None) for n in data.shape)]


def _values(data: npt.NDArray[Any], nodata: float | None) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = data.ravel().astype(np.float64)
    values = values[np.isfinite(values)]
    if nodata is None or not _is_representable(data.dtype, nodata):
        return values
    # Compared in the dtype of the pixels, as -3.4e38 is rounded in float32.
    valued: npt.NDArray[np.float64] = values[values != float(data.dtype.type(nodata))]
    return valued


def _is_representable(dtype: np.dtype[Any], value: float) -> bool:
    if dtype.kind == "f":
        return not np.isnan(value)
    return (
        dtype.kind in "iu"
        and float(value).is_integer()
        and bool(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)
    )
