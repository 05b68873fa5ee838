"""Choose the intensity range of the network's input from a sample of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .exposures import Inner
from .missing import Mask, neighbour_sum
from .sampling import Squares

Array = npt.NDArray[Any]

PERCENTILES = (0.1, 99.9)
"""percentiles of a channel that map to 0 and 1"""
MAX_SPIKE_WIDENING = 1.5
"""widening by isolated pixels that is kept, in ranges without them; more than radar speckle"""
BAD_LINE_DISTANCE = 3.0
"""distance above the other values, in ranges of those, from which lines are bad pixels"""
MAX_BAD_LINE_FRACTION = 0.05
"""maximal fraction of values in bad columns, rows and cosmic-ray tracks"""
NOISE_RATIO = 0.5
"""ratio of deviations after and before a 3 × 3 mean up to which an image counts as noise"""
FENCE = 1.5
"""interquartile ranges beyond the quartiles that still belong to the bulk (Tukey 1977)"""
BACKGROUND_FRACTION = 0.2
"""fraction of values equal to an extreme from which that is a background without detail"""
MIN_RANGE_RATIO = 3.0
"""ratio of the whole range to that of the bulk from which the bulk gets a second exposure"""
COMMON_NODATA = (-9999.0, -99999.0, -999.0, -32768.0, -32767.0, 1e20, -1e20)
"""common nodata values, in addition to all beyond `IMPLAUSIBLE`"""
IMPLAUSIBLE = 1e30
"""magnitude that exceeds any measurement; −3.4e38 is the smallest float32"""
HALF_FLOAT64_MAX = float(np.finfo(np.float64).max) / 2
"""magnitude from which differences may overflow float64"""
BULK_PERCENTILES = (5, 95)
"""percentiles that bound most of the values"""
MIN_NODATA_GAP = (1.0, 10.0)
"""minimal distance of a nodata value to all others, in units of their 5–95 % range: for common
nodata values, for others"""
FEW_VALUES = 64
"""number of values up to which no outliers are removed"""
MIN_NODATA_PIXELS = 16
"""minimal number of sampled pixels with a nodata value"""


@dataclass(frozen=True)
class Range:
    """Image values that map to 0 and 1."""

    low: float
    high: float
    inner: Inner | None = None
    """range of a second exposure, relative to this one"""


def choose_range(squares: Squares) -> Range:
    """Choose the intensity range of a channel.

    It is the 0.1 to 99.9 percentile range, without isolated pixels (hot pixels, cosmic rays) and
    lines of bad pixels where these widen it. If the bulk of the values lies in a small part of it,
    the bulk gets a second exposure.
    """
    values = _valid_values(squares)
    if not values.size:
        return Range(0.0, 1.0)
    if np.abs(values).max() > HALF_FLOAT64_MAX:
        # Differences would overflow float64.
        found = choose_range([each / 64 for each in squares])
        return replace(found, low=64 * found.low, high=64 * found.high)
    if values.size > FEW_VALUES:
        squares = _remove_bad_lines(squares)
    calm = _valid_values(squares)
    low, high = _percentiles(calm)
    if high > low and values.size > FEW_VALUES:
        upper, lower = _remove_spikes(squares)
        top, bottom = _percentiles(upper)[1], _percentiles(lower)[0]
        allowed = MAX_SPIKE_WIDENING * (top - bottom)
        if high - top > allowed:
            high, calm = top, np.minimum(calm, top)
        if bottom - low > allowed:
            low, calm = bottom, np.maximum(calm, bottom)
    if not _are_distinct(low, high):
        low, high = float(values.min()), float(values.max())
    if not _are_distinct(low, high):
        return Range(min(low, 0.0), max(low, 0.0)) if low else Range(0.0, 1.0)
    return Range(low, high, _inner_range(calm, low, high))


def find_fill_value(channels: Sequence[Squares]) -> float | None:
    """Infer an undeclared nodata value from the pixel values; None if there is none.

    It is the smallest or largest value, exactly repeated and distant from all others, and either
    a common nodata value or found in connected patches (a saturated pixel is not).
    """
    squares = [each for channel in channels for each in channel]
    values = _valid_values(squares)
    if values.size <= MIN_NODATA_PIXELS:
        return None
    for extreme in (values.min(), values.max()):
        rest = values[values != extreme]
        if values.size - rest.size < MIN_NODATA_PIXELS or not rest.size:
            continue
        usual = extreme in COMMON_NODATA or abs(extreme) >= IMPLAUSIBLE
        # Halves, since the difference of the largest floats overflows.
        gap = max(rest.min() / 2 - extreme / 2, extreme / 2 - rest.max() / 2)
        # Percentiles, so that hot pixels do not widen the range.
        low, high = np.percentile(rest / 2, BULK_PERCENTILES)
        apart = gap > MIN_NODATA_GAP[0 if usual else 1] * (high - low)
        if apart and (usual or (high > low and _in_patches(squares, extreme))):
            return float(extreme)
    return None


def _in_patches(squares: Squares, value: float) -> bool:
    """Whether most pixels of a value have at least three neighbours of that value."""
    total = inside = 0
    for each in squares:
        same = each == value
        total += int(same.sum())
        inside += int((same & (neighbour_sum(same.astype(np.float32)) >= 3)).sum())
    return 2 * inside > total


def _valid_values(squares: Squares) -> Array:
    if not squares:
        return np.empty(0)
    values = np.concatenate([each.ravel() for each in squares])
    return np.asarray(values[~np.isnan(values)])


def _percentiles(values: Array) -> tuple[float, float]:
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(high)


def _remove_spikes(squares: Squares) -> tuple[Array, Array]:
    """Return the values after removing isolated bright pixels, and isolated dark ones.

    Each pixel is limited to the third largest value of its 3 × 3 neighbourhood, which removes a
    spike of up to two pixels and keeps a line.
    """
    from scipy import ndimage

    upper: list[Array] = []
    lower: list[Array] = []
    for each in squares:
        valid = ~np.isnan(each)
        for sign, found in ((1.0, upper), (-1.0, lower)):
            shown = np.where(valid, sign * each, -np.inf)
            third = ndimage.rank_filter(shown, -3, size=3, mode="mirror")
            levelled = np.minimum(shown, np.where(np.isfinite(third), third, shown))
            found.append(sign * levelled[valid])
    return np.concatenate(upper), np.concatenate(lower)


def _remove_bad_lines(squares: Squares) -> Squares:
    """Replace bright and dark lines of bad pixels by the grey opening.

    A line of bad pixels has no flanks, is far above all other values, and bad pixels are a small
    fraction of all. In an image of noise, lines may be signal and are kept.
    """
    for sign in (1.0, -1.0):
        shown = [sign * each for each in squares]
        rest = [_grey_opening(each) for each in shown]
        low, high = np.percentile(_valid_values(shown), BULK_PERCENTILES)
        top = _percentiles(_valid_values(rest))[1]
        bottom = -_percentiles(_valid_values([_grey_opening(-each) for each in shown]))[1]
        span = max(top - bottom, high - low)
        far = top + BAD_LINE_DISTANCE * span
        bad = [_bad_lines(far, *pair) for pair in zip(shown, rest, strict=True)]
        share = sum(int(each.sum()) for each in bad) / _valid_values(squares).size
        if not 0 < share <= MAX_BAD_LINE_FRACTION:
            continue
        # Hot and dead pixels are noise and would bias the test for noise.
        calm = [np.where(s > far, r, s) for s, r in zip(shown, rest, strict=True)]
        if not _is_noise([each.clip(bottom - span, None) for each in calm]):
            levelled = zip(bad, rest, shown, strict=True)
            squares = [sign * np.where(*each) for each in levelled]
    return squares


def _grey_opening(square: Array) -> Array:
    """Return the grey opening by 3 × 3 pixels, ignoring NaN."""
    from scipy import ndimage

    valid = ~np.isnan(square)
    least = ndimage.minimum_filter(np.where(valid, square, np.inf), 3, mode="nearest")
    found = ndimage.maximum_filter(np.where(least < np.inf, least, -np.inf), 3, mode="nearest")
    return np.where(valid, found, np.nan)


def _bad_lines(far: float, square: Array, rest: Array) -> Mask:
    """Return the mask of pixels above ``far`` that belong to lines without flanks."""
    beyond = np.asarray(square > far)
    if not beyond.any():
        return beyond
    # Imported here, since the options of a run are known without PyTorch.
    import torch

    from .lines import DEFECT, line_heights

    known = np.where(np.isnan(square), np.nanmin(square), square)
    heights = line_heights(torch.from_numpy(known)[None, None])[0, 0].numpy()
    return np.asarray(beyond & (heights >= DEFECT * (square - rest)))


def _is_noise(squares: Squares) -> bool:
    """Whether neighbours are almost independent: a 3 × 3 mean removes most of the deviation."""
    from scipy import ndimage

    mean = float(_valid_values(squares).mean())
    filled = [np.where(np.isnan(each), mean, each) - mean for each in squares]
    smooth = [ndimage.uniform_filter(each, 3) for each in filled]
    return bool(_valid_values(smooth).std() <= NOISE_RATIO * _valid_values(filled).std())


def _inner_range(values: Array, low: float, high: float) -> Inner | None:
    """Return the range of the bulk of the values if it is a small part of the whole, else None."""
    for background in (values.min(), values.max()):
        others = values[values != background]
        if values.size - others.size > BACKGROUND_FRACTION * values.size and others.size:
            values = others
    first, third = (float(v) for v in np.percentile(values, (25, 75)))
    bottom, top = first - FENCE * (third - first), third + FENCE * (third - first)
    length = top - bottom
    # Extend to an end of the range if that adds at most the length of the bulk.
    bottom = bottom if bottom - low > length else low
    top = top if high - top > length else high
    if not _are_distinct(bottom, top) or (high - low) < MIN_RANGE_RATIO * (top - bottom):
        return None
    return Inner((bottom - low) / (high - low), (top - low) / (high - low))


def _are_distinct(low: float, high: float) -> bool:
    return high - low > abs(low) * 1e-12
