"""Which range of an image's values the network sees, chosen from a sample of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .exposures import Inner
from .lines import DEFECT, line_heights
from .missing import Mask, neighbour_sum
from .sampling import Squares

Array = npt.NDArray[Any]

PERCENTILES = (0.1, 99.9)
"""of a channel's values, what the network sees as 0 and 1"""
SPIKES = 1.5
"""ranges by which isolated pixels may widen it: more than the speckle of radar does"""
LINES = 3.0
"""ranges of all else from which lines without flanks, far beyond it, may not widen it"""
MOST_LINES = 0.05
"""part of the values that bad columns, rows and tracks have, at most"""
NOISE = 0.5
"""part of its deviation that means of nine have, up to which all else is noise"""
FENCE = 1.5
"""quartile distances beyond the quartiles up to which values belong to the bulk (Tukey 1977)"""
CONSTANT = 0.2
"""share of the least or greatest value from which it counts as a background without detail"""
DIM = 3.0
"""times that the whole range exceeds the bulk's from which the bulk has an exposure of its own"""
SENTINELS = (-9999.0, -99999.0, -999.0, -32768.0, -32767.0, 1e20, -1e20)
"""values that usually stand for missing data; beside them all beyond `HUGE`"""
HUGE = 1e30
"""numbers from which no measurement is meant: −3.4e38 is the least of float32"""
HALF_THE_LARGEST = float(np.finfo(np.float64).max) / 2
"""numbers from which their differences may be none"""
MOST = (5, 95)
"""percentiles between which most values lie"""
APART = (1.0, 10.0)
"""distance of a fill value to all others, in ranges of most: of a usual one, of any other"""
FEW = 64
"""values up to which every one counts"""
FEWEST = 16
"""pixels that a fill value must have, of those that are sampled"""


@dataclass(frozen=True)
class Range:
    """Image values that the network sees as 0 and 1."""

    low: float
    high: float
    inner: Inner | None = None
    """range of a second exposure"""


def choose_range(squares: Squares) -> Range:
    """Choose what the network sees of a channel as 0 and 1.

    The 0.1 and 99.9 percentiles; where isolated pixels (hot ones, cosmic rays) or lines of bad
    pixels widen that, the percentiles without them. Where the bulk of the values lies in a small
    part of that range, it gets an exposure of its own.
    """
    values = _joined(squares)
    if not values.size:
        return Range(0.0, 1.0)
    if np.abs(values).max() > HALF_THE_LARGEST:
        # Differences of such numbers are too large for float64.
        found = choose_range([each / 64 for each in squares])
        return replace(found, low=64 * found.low, high=64 * found.high)
    if values.size > FEW:
        squares = _without_bad_lines(squares)
    calm = _joined(squares)
    low, high = _percentiles(calm)
    if high > low and values.size > FEW:
        upper, lower = _without_spikes(squares)
        top, bottom = _percentiles(upper)[1], _percentiles(lower)[0]
        allowed = SPIKES * (top - bottom)
        if high - top > allowed:
            high, calm = top, np.minimum(calm, top)
        if bottom - low > allowed:
            low, calm = bottom, np.maximum(calm, bottom)
    if not _differ(low, high):
        low, high = float(values.min()), float(values.max())
    if not _differ(low, high):
        return Range(min(low, 0.0), max(low, 0.0)) if low else Range(0.0, 1.0)
    return Range(low, high, _inner_range(calm, low, high))


def find_fill_value(channels: Sequence[Squares]) -> float | None:
    """Return the value that stands for missing data though nothing says so, if there is one.

    It is the least or the greatest value of all, exactly repeated, apart from the rest, and either
    usual for this or found in patches that belong together (a saturated pixel is not).
    """
    squares = [each for channel in channels for each in channel]
    values = _joined(squares)
    if values.size <= FEWEST:
        return None
    for extreme in (values.min(), values.max()):
        rest = values[values != extreme]
        if values.size - rest.size < FEWEST or not rest.size:
            continue
        usual = extreme in SENTINELS or abs(extreme) >= HUGE
        # Halves, since the difference of the largest numbers is none.
        gap = max(rest.min() / 2 - extreme / 2, extreme / 2 - rest.max() / 2)
        # Hot pixels must not widen what it is compared with.
        low, high = np.percentile(rest / 2, MOST)
        apart = gap > APART[0 if usual else 1] * (high - low)
        if apart and (usual or (high > low and _in_patches(squares, extreme))):
            return float(extreme)
    return None


def _in_patches(squares: Squares, value: float) -> bool:
    """Whether most pixels of a value have three others beside them."""
    total = inside = 0
    for each in squares:
        same = each == value
        total += int(same.sum())
        inside += int((same & (neighbour_sum(same.astype(np.float32)) >= 3)).sum())
    return 2 * inside > total


def _joined(squares: Squares) -> Array:
    if not squares:
        return np.empty(0)
    values = np.concatenate([each.ravel() for each in squares])
    return np.asarray(values[~np.isnan(values)])


def _percentiles(values: Array) -> tuple[float, float]:
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(high)


def _without_spikes(squares: Squares) -> tuple[Array, Array]:
    """Return the values with isolated bright, and with isolated dark pixels levelled.

    A pixel keeps at most the third largest value of the nine around it: a spike and its neighbour
    go, a line stays.
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


def _without_bad_lines(squares: Squares) -> Squares:
    """Return the squares with bright and dark lines of bad pixels levelled.

    A line of bad pixels has no flanks and is far beyond all else, of which it is a small part. In
    mere noise a line may be what the image shows, and stays.
    """
    for sign in (1.0, -1.0):
        shown = [sign * each for each in squares]
        rest = [_opened(each) for each in shown]
        low, high = np.percentile(_joined(shown), MOST)
        top = _percentiles(_joined(rest))[1]
        bottom = -_percentiles(_joined([_opened(-each) for each in shown]))[1]
        span = max(top - bottom, high - low)
        far = top + LINES * span
        bad = [_lines_beyond(far, *pair) for pair in zip(shown, rest, strict=True)]
        share = sum(int(each.sum()) for each in bad) / _joined(squares).size
        if not 0 < share <= MOST_LINES:
            continue
        # Nor may hot and dead pixels, which are noise, decide whether all else is.
        calm = [np.where(s > far, r, s) for s, r in zip(shown, rest, strict=True)]
        if not _is_noise([each.clip(bottom - span, None) for each in calm]):
            levelled = zip(bad, rest, shown, strict=True)
            squares = [sign * np.where(*each) for each in levelled]
    return squares


def _opened(square: Array) -> Array:
    """Return the grey opening by 3 × 3 pixels, for which NaN is no pixel."""
    from scipy import ndimage

    valid = ~np.isnan(square)
    least = ndimage.minimum_filter(np.where(valid, square, np.inf), 3, mode="nearest")
    found = ndimage.maximum_filter(np.where(least < np.inf, least, -np.inf), 3, mode="nearest")
    return np.where(valid, found, np.nan)


def _lines_beyond(far: float, square: Array, rest: Array) -> Mask:
    """Return which pixels beyond a value belong to lines without flanks."""
    beyond = np.asarray(square > far)
    if not beyond.any():
        return beyond
    known = np.where(np.isnan(square), np.nanmin(square), square)
    heights = line_heights(torch.from_numpy(known)[None, None])[0, 0].numpy()
    return np.asarray(beyond & (heights >= DEFECT * (square - rest)))


def _is_noise(squares: Squares) -> bool:
    """Whether neighbours vary so independently that means over nine pixels hardly do."""
    from scipy import ndimage

    mean = float(_joined(squares).mean())
    filled = [np.where(np.isnan(each), mean, each) - mean for each in squares]
    smooth = [ndimage.uniform_filter(each, 3) for each in filled]
    return bool(_joined(smooth).std() <= NOISE * _joined(filled).std())


def _inner_range(values: Array, low: float, high: float) -> Inner | None:
    """Return where the bulk of the values lies, if that is a small part of the range."""
    for background in (values.min(), values.max()):
        others = values[values != background]
        if values.size - others.size > CONSTANT * values.size and others.size:
            values = others
    first, third = (float(v) for v in np.percentile(values, (25, 75)))
    bottom, top = first - FENCE * (third - first), third + FENCE * (third - first)
    length = top - bottom
    # What adds no more than its own length is taken in.
    bottom = bottom if bottom - low > length else low
    top = top if high - top > length else high
    if not _differ(bottom, top) or (high - low) < DIM * (top - bottom):
        return None
    return Inner((bottom - low) / (high - low), (top - low) / (high - low))


def _differ(low: float, high: float) -> bool:
    return high - low > abs(low) * 1e-12
