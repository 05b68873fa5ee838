"""Intensities on their way through a network: mapped to its range and exactly back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .exposures import Inner
from .ranges import Range, choose_range
from .sampling import Squares

Array = npt.NDArray[Any]
Normalise = Literal["auto", "none"] | tuple[float, float]

LARGE = 1e300
"""image values from which their differences may be too large for float64"""
LARGEST = 1e30
"""largest value on the network's range; further out nothing reaches the network anyway"""


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
    inner: tuple[Inner | None, ...] = (None,)
    """range of a second exposure of each channel, on the network's range"""

    def forward(self, values: Array, channel: int = 0) -> npt.NDArray[np.float32]:
        """Map image values to float32 on the network's range."""
        low, span, shrink = self._terms(channel)
        if self.exact:
            return np.asarray((values.astype(np.float32) - np.float32(low)) / np.float32(span))
        mapped = (values.astype(np.float64) * shrink - low) / span
        return np.clip(mapped, -LARGEST, LARGEST).astype(np.float32)

    def remainder(self, values: Array, channel: int = 0) -> npt.NDArray[np.float64] | None:
        """Return what `forward` rounds off, in image values; None where that is nothing."""
        if self.exact:
            return None
        low, span, shrink = self._terms(channel)
        mapped = self.forward(values, channel) * np.float64(span) + low
        return (values.astype(np.float64) * shrink - mapped) / shrink

    def inverse(
        self,
        result: npt.NDArray[np.float32],
        channel: int = 0,
        remainder: npt.NDArray[np.float64] | None = None,
    ) -> Array:
        """Map the network's values back to the image's dtype, adding the remainder if given."""
        low, span, shrink = self._terms(channel)
        if self.exact:
            values: Array = result * np.float32(span)
            values += np.float32(low)
        else:
            values = result.astype(np.float64)
            values *= span
            values += low
            if remainder is not None:
                values += remainder * shrink
        if self.dtype.kind in "iu":
            info = np.iinfo(self.dtype)
            top = float(info.max)
            if int(top) > info.max:  # 64 bits: float64 has no number for the largest value
                top = float(np.nextafter(top, 0))
            np.rint(values, out=values)
            np.clip(values, float(info.min), top, out=values)
        else:
            most = float(np.finfo(self.dtype).max) * shrink
            np.clip(values, -most, most, out=values)
            if shrink != 1:
                values /= shrink
        return values.astype(self.dtype)

    @property
    def limits(self) -> tuple[float, float] | None:
        """Least and greatest value of the network that some channel can hold; None for floats."""
        if self.dtype.kind not in "iu":
            return None
        info = np.iinfo(self.dtype)
        terms = [self._terms(channel) for channel in range(len(self.low))]
        return (
            min((info.min - low) / span for low, span, _ in terms),
            max((info.max - low) / span for low, span, _ in terms),
        )

    def inner_of(self, channel: int) -> Inner | None:
        """Return the range of a channel's second exposure; None where it has one only."""
        return self.inner[channel] if channel < len(self.inner) else None

    @property
    def pairs(self) -> list[list[float]]:
        """Low and high of each channel."""
        return [list(pair) for pair in zip(self.low, self.high, strict=True)]

    @property
    def exact(self) -> bool:
        """Whether float32 arithmetic gives every value of the dtype back: up to 16-bit integers."""
        return self.dtype.kind in "iu" and self.dtype.itemsize <= 2

    def _terms(self, channel: int) -> tuple[float, float, float]:
        """Return low, high − low, and by what both are multiplied so that they are finite."""
        low, high = self.low[channel], self.high[channel]
        shrink = 1.0 if max(abs(low), abs(high)) < LARGE else 2.0**-4
        low, high = low * shrink, high * shrink
        return low, high - low, shrink


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
    samples: Sequence[Squares], dtype: np.dtype[Any], normalise: Normalise = "auto"
) -> IntensityMap:
    """Choose the map of a layer.

    Parameters
    ----------
    samples
        Squares of each channel, from the whole layer, NaN where there is no value.
    dtype
        The layer's dtype, which the result will have.
    normalise
        ``auto`` maps the whole range of 8-bit integers, and of anything else what `choose_range`
        says of each channel. ``none`` takes the values as they are, for data that lie in
        [0, 1] already. A pair of numbers is taken for every channel.
    """
    if normalise == "none":
        ranges = [Range(0.0, 1.0)] * len(samples)
    elif normalise != "auto":
        ranges = [Range(float(normalise[0]), float(normalise[1]))] * len(samples)
    elif dtype.kind in "iu" and dtype.itemsize == 1:
        info = np.iinfo(dtype)
        ranges = [Range(float(info.min), float(info.max))] * len(samples)
    else:
        ranges = [choose_range(squares) for squares in samples]
    low, high, inner = zip(*((r.low, r.high, r.inner) for r in ranges), strict=True)
    return IntensityMap(dtype, low, high, inner)
