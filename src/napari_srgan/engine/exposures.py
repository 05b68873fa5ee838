"""Dim beside bright: a second look at what the range of the whole image leaves dim.

Where most of an image lies in a small part of its range, a network that sees the whole range as 0
to 1 sees that part without contrast and blurs it. It is therefore shown twice, with the whole and
with the inner range as 0 to 1, and each pixel is taken from where it lies within the range: what
photographers do with several exposures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

REACH = 4
"""LR pixels that the weight of an exposure depends on, on each side"""


@dataclass(frozen=True)
class Inner:
    """The range of the second exposure, on the network's range of the first."""

    low: float
    high: float

    @property
    def span(self) -> float:
        """Its length."""
        return self.high - self.low

    def expose(self, seen: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return values as the second exposure shows them, clipped to 0 and 1."""
        low, span = np.float32(self.low), np.float32(self.span)
        return np.asarray(np.clip((seen - low) / span, 0, 1))

    def weight(self, seen: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the weight of the first exposure ``(1, H, W)``: 1 at pixels beyond the range.

        It falls to 0 within three pixels, and is the same for all channels, which would else be
        of different colours.
        """
        from scipy import ndimage

        outside = ((seen < self.low) | (seen > self.high)).any(0).astype(np.float32)
        wide = ndimage.maximum_filter(outside, 5, mode="nearest")
        smooth = ndimage.uniform_filter(wide, 3, mode="nearest")
        # Sums of a running mean leave traces of what they passed.
        return np.asarray(np.rint(9 * smooth) / 9, np.float32)[None]


def merge_(first: Tensor, second: Tensor, weight: Tensor, inner: Inner, scale: int) -> Tensor:
    """Merge two exposures into the first, in place.

    Parameters
    ----------
    first, second
        ``(C, scale·H, scale·W)``, what the network made of each.
    weight
        ``(1, H, W)``, that of the first.
    inner
        Range of the second.
    scale
        Factor between them.
    """
    from torch.nn import functional as F

    fine = F.interpolate(weight[None], scale_factor=scale, mode="bilinear", align_corners=False)[0]
    return first.mul_(fine).add_((second * inner.span + inner.low) * (1 - fine))
