"""Values outside the range that a network was trained on, which must not reach it.

A hot pixel far above 1 makes a network draw a block of noise around it. So the network sees the
image without the excess, and the excess is interpolated: ``SR(x) = N(z) + B(x − z)``, with z the
values that the network sees and B bilinear interpolation, which has no dark rings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .missing import Mask, fill_invalid, neighbour_sum

Values = npt.NDArray[np.float32]

ALONE = 1.0
"""how far beyond 0 and 1 an isolated value may lie before it counts as an outlier"""
MARGIN = 1.0
"""how far any other value may"""
FAR = 2.0
"""how far beyond it is far out"""
NEIGHBOURS = 1
"""values as far out among the eight neighbours of an isolated one, at most"""
REACH = 1
"""pixels on each side that decide how an outlier is seen, beside those that fill it"""


@dataclass(frozen=True)
class Outliers:
    """Where values lie beyond the range, and how the network sees them."""

    hidden: Mask
    """as what borders on them, like invalid pixels: isolated or far out"""
    clipped: Mask
    """as the end of the range: saturated stars, metal"""

    @property
    def all(self) -> Mask:
        """All of them."""
        return self.hidden | self.clipped


def find_outliers(values: Values, invalid: Mask | None = None) -> Outliers | None:
    """Find the outliers among values ``(C, H, W)`` on the network's range; None without any.

    A hot or dead pixel or a cosmic ray is isolated: at most one of its neighbours is as far out.
    """
    out = _beyond(values, ALONE)
    if invalid is not None:
        out &= ~invalid
    if not out.any():
        return None
    around = np.stack([neighbour_sum(each.astype(np.float32)) for each in out])
    hidden = out & ((around <= NEIGHBOURS) | _beyond(values, FAR))
    clipped = out & ~hidden & _beyond(values, MARGIN)
    return Outliers(hidden, clipped) if (hidden | clipped).any() else None


def split_outliers(
    values: Values, outliers: Outliers | None, invalid: Mask | None = None
) -> tuple[Values, Values | None]:
    """Part values into what the network sees and the excess over it.

    Parameters
    ----------
    values
        ``(C, H, W)`` on the network's range.
    outliers
        What `find_outliers` returned of them.
    invalid
        Where there are no values; these are filled, too.

    Returns
    -------
    seen, excess
        Their sum is ``values``; no excess where there are no outliers.
    """
    if outliers is None and invalid is None:
        return values, None
    seen = np.clip(values, -MARGIN, 1 + MARGIN)
    hidden = np.zeros(values.shape, bool) if invalid is None else invalid
    if outliers is not None:
        hidden = hidden | outliers.hidden
    seen = np.stack([fill_invalid(v, i) for v, i in zip(seen, hidden, strict=True)])
    if outliers is None:
        return seen, None
    return seen, np.where(outliers.all, values - seen, np.float32(0))


def _beyond(values: Values, distance: float) -> Mask:
    return np.asarray((values > 1 + distance) | (values < -distance))
