"""Map intensities to the range of the network and exactly back."""

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

LARGE_VALUE = 1e300
"""magnitude of image values whose differences may overflow float64"""
MAX_MAPPED = 1e30
"""largest magnitude after mapping; such values are outliers, which the network never sees"""


@dataclass(frozen=True)
class IntensityMap:
    """Affine map from image values to the network's [0, 1] and back.

    ``low`` and ``high`` are the image values at 0 and 1, one pair for each channel. The forward map
    does not clip; the inverse map rounds integers and clips them to their dtype. The rounding
    error of float32 (for float64, int32, or float32 with an offset) is kept as a remainder and
    added to the result, so that an identity network reproduces the image exactly.
    """

    dtype: np.dtype[Any]
    low: tuple[float, ...]
    high: tuple[float, ...]
    inner: tuple[Inner | None, ...] = (None,)
    """range of the second exposure of each channel, relative to its range"""

    def forward(self, values: Array, channel: int = 0) -> npt.NDArray[np.float32]:
        """Map image values to float32 relative to the range of a channel."""
        low, span, shrink = self._coefficients(channel)
        if self.exact:
            return np.asarray((values.astype(np.float32) - np.float32(low)) / np.float32(span))
        mapped = (values.astype(np.float64) * shrink - low) / span
        return np.clip(mapped, -MAX_MAPPED, MAX_MAPPED).astype(np.float32)

    def remainder(self, values: Array, channel: int = 0) -> npt.NDArray[np.float64] | None:
        """Return the rounding error of `forward` in image values; None if there is none."""
        if self.exact:
            return None
        low, span, shrink = self._coefficients(channel)
        mapped = self.forward(values, channel) * np.float64(span) + low
        return (values.astype(np.float64) * shrink - mapped) / shrink

    def inverse(
        self,
        result: npt.NDArray[np.float32],
        channel: int = 0,
        remainder: npt.NDArray[np.float64] | None = None,
    ) -> Array:
        """Map network values back to the image's dtype and add the remainder if there is one."""
        low, span, shrink = self._coefficients(channel)
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
            if int(top) > info.max:  # 64 bits: the largest integer is not representable in float64
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
        """Smallest and largest network value that any channel can store; None for floats."""
        if self.dtype.kind not in "iu":
            return None
        info = np.iinfo(self.dtype)
        terms = [self._coefficients(channel) for channel in range(len(self.low))]
        return (
            min((info.min - low) / span for low, span, _ in terms),
            max((info.max - low) / span for low, span, _ in terms),
        )

    def inner_of(self, channel: int) -> Inner | None:
        """Return the range of a channel's second exposure; None if it has none."""
        return self.inner[channel] if channel < len(self.inner) else None

    @property
    def pairs(self) -> list[list[float]]:
        """Low and high value of each channel."""
        return [list(pair) for pair in zip(self.low, self.high, strict=True)]

    @property
    def exact(self) -> bool:
        """Whether float32 reproduces every value of the dtype: integers of at most 16 bits."""
        return self.dtype.kind in "iu" and self.dtype.itemsize <= 2

    def _coefficients(self, channel: int) -> tuple[float, float, float]:
        """Return low, high − low, and the factor applied to both to keep them finite."""
        low, high = self.low[channel], self.high[channel]
        shrink = 1.0 if max(abs(low), abs(high)) < LARGE_VALUE else 2.0**-4
        low, high = low * shrink, high * shrink
        return low, high - low, shrink


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Refuse dtypes that have no intensities.

    Raises
    ------
    TypeError
        For boolean, complex, text and structured data; the message proposes a conversion.
    """
    if dtype.kind in "iuf":
        return
    advice = {
        "b": "super-resolve the image the mask was made from, or convert it with .astype('uint8')",
        "c": "take its magnitude or its real and imaginary parts one by one",
    }.get(dtype.kind, "convert it to integers or floats")
    raise TypeError(f"the image has dtype {dtype}; allowed are integers and floats: {advice}")


def check_normalise(normalise: object) -> None:
    """Refuse an invalid value of the option ``normalise``.

    Raises
    ------
    ValueError
        The message gives the value and the allowed ones.
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
    """Choose the intensity map of a layer.

    Parameters
    ----------
    samples
        Sample squares of each channel from the whole layer, with NaN at missing values.
    dtype
        dtype of the layer and of the result.
    normalise
        ``auto`` maps the whole dtype range of 8-bit integers, and the range from `choose_range`
        for each channel of other dtypes. ``none`` keeps the values, for data in [0, 1].
        ``(low, high)`` is used for all channels.
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
