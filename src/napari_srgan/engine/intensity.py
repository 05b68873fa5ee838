"""Intensities on their way through a network: mapped to its range and exactly back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Normalise = Literal["auto", "none"] | tuple[float, float]

PERCENTILES = (0.1, 99.9)
FILL_REACH = 4
"""pixels over which valid neighbours are carried into invalid ones"""


@dataclass(frozen=True)
class IntensityMap:
    """An affine map from image values to the network's [0, 1] and back.

    ``low`` and ``high`` are the image values at 0 and 1, one pair per channel. Nothing is clipped
    on the way in; integers are rounded and clipped to their own dtype on the way out. What
    float32 cannot hold of a wider value (float64, int32, or float32 with an offset) is kept as a
    remainder and added again, so that a network that changes nothing changes nothing.
    """

    dtype: np.dtype[Any]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def forward(self, values: Array, channel: int = 0) -> npt.NDArray[np.float32]:
        """Map image values to float32 on the network's range."""
        low, span = self._terms(channel)
        if self.exact:
            return np.asarray((values.astype(np.float32) - np.float32(low)) / np.float32(span))
        return ((values.astype(np.float64) - low) / span).astype(np.float32)

    def remainder(self, values: Array, channel: int = 0) -> npt.NDArray[np.float64] | None:
        """Return what `forward` rounds off, in image values; None where that is nothing."""
        if self.exact:
            return None
        low, span = self._terms(channel)
        return values.astype(np.float64) - (self.forward(values, channel) * np.float64(span) + low)

    def inverse(
        self,
        result: npt.NDArray[np.float32],
        channel: int = 0,
        remainder: npt.NDArray[np.float64] | None = None,
    ) -> Array:
        """Map the network's values back to the image's dtype, adding the remainder if given."""
        low, span = self._terms(channel)
        if self.exact:
            values: Array = result * np.float32(span)
            values += np.float32(low)
        else:
            values = result.astype(np.float64)
            values *= span
            values += low
            if remainder is not None:
                values += remainder
        if self.dtype.kind in "iu":
            info = np.iinfo(self.dtype)
            top = float(info.max)
            if int(top) > info.max:  # 64 bits: float64 has no number for the largest value
                top = float(np.nextafter(top, 0))
            np.rint(values, out=values)
            np.clip(values, float(info.min), top, out=values)
        elif self.dtype.itemsize < 4:
            most = float(np.finfo(self.dtype).max)
            np.clip(values, -most, most, out=values)
        return values.astype(self.dtype)

    @property
    def limits(self) -> tuple[float, float] | None:
        """Least and greatest value of the network that some channel can hold; None for floats."""
        if self.dtype.kind not in "iu":
            return None
        info = np.iinfo(self.dtype)
        terms = [self._terms(channel) for channel in range(len(self.low))]
        return (
            min((info.min - low) / span for low, span in terms),
            max((info.max - low) / span for low, span in terms),
        )

    @property
    def pairs(self) -> list[list[float]]:
        """Low and high of each channel."""
        return [list(pair) for pair in zip(self.low, self.high, strict=True)]

    @property
    def exact(self) -> bool:
        """Whether float32 arithmetic gives every value of the dtype back: up to 16-bit integers."""
        return self.dtype.kind in "iu" and self.dtype.itemsize <= 2

    def _terms(self, channel: int) -> tuple[float, float]:
        low, high = self.low[channel], self.high[channel]
        return low, high - low


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Refuse what has no intensities.

    Raises
    ------
    TypeError
        For boolean, complex, text and structured data, saying what to do instead.
    """
    if dtype.kind in "iuf":
        return
    advice = {
        "b": "super-resolve the image the mask was made from, or convert it with .astype('uint8')",
        "c": "take its magnitude or its real and imaginary parts one by one",
    }.get(dtype.kind, "convert it to integers or floats")
    raise TypeError(f"the image has dtype {dtype}; allowed are integers and floats: {advice}")


def check_normalise(normalise: object) -> None:
    """Refuse what is not a way to normalise.

    Raises
    ------
    ValueError
        Naming what was given and what is allowed.
    """
    if normalise in ("auto", "none"):
        return
    if isinstance(normalise, (tuple, list)) and len(normalise) == 2:
        low, high = (float(v) for v in normalise)
        if np.isfinite([low, high]).all() and low < high:
            return
    raise ValueError(
        f"normalise={normalise!r}; allowed are 'auto', 'none' or (low, high), the image values "
        "that the model is to see as 0 and 1, with low < high"
    )


def make_intensity_map(
    samples: Sequence[Array], dtype: np.dtype[Any], normalise: Normalise = "auto"
) -> IntensityMap:
    """Choose the map of a layer.

    Parameters
    ----------
    samples
        Valid values of each channel, from the whole layer.
    dtype
        The layer's dtype, which the result will have.
    normalise
        ``auto`` maps the whole range of 8-bit integers, and of anything else the 0.1 and 99.9
        percentiles of each channel. ``none`` takes the values as they are, for data that lie in
        [0, 1] already. A pair of numbers is taken for every channel.
    """
    if normalise == "none":
        ranges = [(0.0, 1.0)] * len(samples)
    elif normalise != "auto":
        ranges = [(float(normalise[0]), float(normalise[1]))] * len(samples)
    elif dtype.kind in "iu" and dtype.itemsize == 1:
        info = np.iinfo(dtype)
        ranges = [(float(info.min), float(info.max))] * len(samples)
    else:
        ranges = [_percentiles(s) for s in samples]
    low, high = zip(*ranges, strict=True)
    return IntensityMap(dtype, low, high)


def _percentiles(sample: Array) -> tuple[float, float]:
    if not sample.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(sample.astype(np.float64), PERCENTILES))
    if high - low <= abs(low) * 1e-12:
        low, high = float(sample.min()), float(sample.max())
    if high - low <= abs(low) * 1e-12:
        return low, low + (abs(low) or 1.0)
    return low, high


def invalid_pixels(values: Array, nodata: float | None) -> npt.NDArray[np.bool_] | None:
    """Return where there is no value: NaN, infinity or ``nodata``; None where all are valid."""
    invalid: npt.NDArray[np.bool_] | None = None
    if values.dtype.kind == "f":
        invalid = ~np.isfinite(values)
    if nodata is not None and not np.isnan(nodata):
        same = np.asarray(values == nodata)
        invalid = same if invalid is None else invalid | same
    return invalid if invalid is not None and invalid.any() else None


def fill_invalid(
    values: npt.NDArray[np.float32], invalid: npt.NDArray[np.bool_], constant: float = 0.5
) -> npt.NDArray[np.float32]:
    """Replace invalid pixels of ``(H, W)`` by what borders on them.

    In each of ``FILL_REACH`` rounds the invalid pixels next to valid ones get the mean of those
    among their eight neighbours; what is left gets ``constant``. A filled value depends on pixels
    at most ``FILL_REACH`` away, so tiles that see that far beyond their halo agree.
    """
    values = np.where(invalid, np.float32(0), values)
    known = ~invalid
    for _ in range(FILL_REACH):
        if known.all():
            return values
        count = _neighbour_sum(known.astype(np.float32))
        reached = ~known & (count > 0)
        total = _neighbour_sum(values)
        values = np.where(reached, total / np.maximum(count, 1), values).astype(np.float32)
        known = known | reached
    return np.where(known, values, np.float32(constant))


def _neighbour_sum(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    padded = np.pad(values, 1)
    height, width = values.shape
    shifts = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    total = np.zeros_like(values)
    for i, j in shifts:
        total += padded[i : i + height, j : j + width]
    return total
