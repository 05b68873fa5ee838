"""Keep values far outside the training range away from the network.

A network turns a hot pixel far above 1 into a block of noise. It therefore gets the image without
the excess, which is interpolated instead: ``SR(x) = N(z) + B(x − z)``, with z the input of the
network and B bilinear interpolation, which does not undershoot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .missing import Mask, fill_invalid, neighbour_sum

Values = npt.NDArray[np.float32]

OUTLIER_DISTANCE = 1.0
"""distance from [0, 1] beyond which a value is an outlier; also the clipping limit"""
FILLED_DISTANCE = 2.0
"""distance from [0, 1] beyond which outliers are filled instead of clipped"""
MAX_OUTLYING_NEIGHBOURS = 1
"""maximal number of outliers among the eight neighbours of an isolated value"""
REACH = 1
"""pixels on each side that decide on the kind of an outlier, in addition to the filling"""


@dataclass(frozen=True)
class Outliers:
    """Masks of outliers, by their replacement in the input of the network."""

    hidden: Mask
    """isolated or very distant values, filled from their neighbours like invalid pixels"""
    clipped: Mask
    """other outliers, such as saturated stars and metal, clipped to the end of the range"""

    @property
    def all(self) -> Mask:
        """Mask of all outliers."""
        return self.hidden | self.clipped


def find_outliers(values: Values, invalid: Mask | None = None) -> Outliers | None:
    """Find outliers in mapped values ``(C, H, W)``; None if there are none.

    Hot and dead pixels and cosmic rays are isolated: at most one neighbour is an outlier too.
    """
    out = _outside(values, OUTLIER_DISTANCE)
    if invalid is not None:
        out &= ~invalid
    if not out.any():
        return None
    around = np.stack([neighbour_sum(each.astype(np.float32)) for each in out])
    hidden = out & ((around <= MAX_OUTLYING_NEIGHBOURS) | _outside(values, FILLED_DISTANCE))
    return Outliers(hidden, out & ~hidden)


def split_outliers(
    values: Values, outliers: Outliers | None, invalid: Mask | None = None
) -> tuple[Values, Values | None]:
    """Split values into the input of the network and the excess over it.

    Parameters
    ----------
    values
        ``(C, H, W)``, mapped to the range of the network.
    outliers
        Result of `find_outliers` for the values.
    invalid
        Mask of missing values, which are filled too.

    Returns
    -------
    seen, excess
        Their sum is ``values`` except at missing ones; the excess is None without outliers.
    """
    if outliers is None and invalid is None:
        return values, None
    seen = np.clip(values, -OUTLIER_DISTANCE, 1 + OUTLIER_DISTANCE)
    hidden = np.zeros(values.shape, bool) if invalid is None else invalid
    if outliers is not None:
        hidden = hidden | outliers.hidden
    seen = np.stack([fill_invalid(v, i) for v, i in zip(seen, hidden, strict=True)])
    if outliers is None:
        return seen, None
    return seen, np.where(outliers.all, values - seen, np.float32(0))


def _outside(values: Values, distance: float) -> Mask:
    return np.asarray((values > 1 + distance) | (values < -distance))
