"""Second exposure for images whose bulk of values lies in a small part of the range.

A network that sees the whole range as 0 to 1 sees such a part with low contrast and blurs it.
The image therefore goes through the network twice, with the whole and with the inner range mapped
to 0 to 1. The results are merged by pixel value, as in exposure fusion in photography.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

REACH = 4
"""LR pixels on each side that the weight of an exposure depends on"""


@dataclass(frozen=True)
class Inner:
    """Range of the second exposure, relative to that of the first."""

    low: float
    high: float

    @property
    def span(self) -> float:
        """Length of the range."""
        return self.high - self.low

    def expose(self, seen: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Map values to the second exposure and clip them to 0 and 1."""
        low, span = np.float32(self.low), np.float32(self.span)
        return np.asarray(np.clip((seen - low) / span, 0, 1))

    def weight(self, seen: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the weight of the first exposure, ``(1, H, W)``: 1 where values exceed the range.

        It falls to 0 within three pixels. All channels share it, since different weights would
        change colours.
        """
        from scipy import ndimage

        outside = ((seen < self.low) | (seen > self.high)).any(0).astype(np.float32)
        wide = ndimage.maximum_filter(outside, 5, mode="nearest")
        smooth = ndimage.uniform_filter(wide, 3, mode="nearest")
        # uniform_filter uses running sums, whose rounding errors persist along a row.
        return np.asarray(np.rint(9 * smooth) / 9, np.float32)[None]


def merge_(first: Tensor, second: Tensor, weight: Tensor, inner: Inner, scale: int) -> Tensor:
    """Merge two exposures into the first, in place.

    Parameters
    ----------
    first, second
        Output of the network for each exposure, ``(C, scale·H, scale·W)``.
    weight
        Weight of the first exposure in LR pixels, ``(1, H, W)``.
    inner
        Range of the second exposure.
    scale
        Factor between weight and exposures.

    Returns
    -------
    Tensor
        ``first``.
    """
    from torch.nn import functional as F

    fine = F.interpolate(weight[None], scale_factor=scale, mode="bilinear", align_corners=False)[0]
    return first.mul_(fine).add_((second * inner.span + inner.low) * (1 - fine))
