"""Limits on what a network may make of a pixel, from the pixels around it."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

REACH = 4
"""LR pixels on each side that the limits depend on"""
PLATEAU = 3
"""side in LR pixels of the smallest plateau"""
AROUND = 5
"""side in LR pixels of the square in which plateaus count"""
STEEP = 0.15
"""overshoot that is allowed beside an edge, as a part of the local range"""
FINE = 2.0
"""how much brighter a line or dot may become than it is in LR, as a part of its height"""
BEYOND = 0.5
"""the same beyond the network's range, where dead columns and cosmic rays lie"""


def limit_overshoot_(sr: Tensor, lr: Tensor, scale: int) -> Tensor:
    """Keep each pixel within what the LR pixels around it allow, in place.

    Parameters
    ----------
    sr
        ``(N, C, scale·H, scale·W)``, what the network made of ``lr``.
    lr
        ``(N, C, H, W)`` on the network's range.
    scale
        Factor between the two.

    Notes
    -----
    Two things allow a pixel to be bright (or, likewise, dark): a plateau within two LR pixels, up
    to 0.15 of the range of the plateaus there; and a line or a dot among the adjacent LR pixels,
    up to three times its height, since LR shows it fainter than it is, but beyond the network's
    range by half of its height. Plateaus are what
    morphological opening leaves. A constant stays constant. NaN and infinity of a computation that
    overflowed stay, for them to be seen.
    """
    limits = -_greatest_allowed(-lr, 0.0), _greatest_allowed(lr, 1.0)
    low, high = (each[:, :, :, None, :, None] for each in limits)
    blocks = sr.unflatten(3, (-1, scale)).unflatten(2, (-1, scale))
    # clamp would hide an infinity.
    blocks.copy_(blocks.clamp(low, high).addcmul_(blocks, blocks.new_zeros(())))
    return sr


def _greatest_allowed(lr: Tensor, end: float) -> Tensor:
    """Return the greatest value that each LR pixel's SR pixels may have; ``end`` is the range's."""
    plateaus = _opened(lr)
    top, bottom = _greatest(plateaus, AROUND), -_greatest(_opened(-lr), AROUND)
    beside_edges = top + STEEP * (top - bottom)
    top, bottom = _greatest(lr, 3), -_greatest(-lr, 3)
    height = (top - _greatest(plateaus, 3)).clamp(min=0)
    least = top + STEEP * (top - bottom)
    beyond_range = (least + BEYOND * height).clamp(min=end + STEEP)
    return beside_edges.maximum((least + FINE * height).minimum(beyond_range))


def _opened(x: Tensor) -> Tensor:
    """Return the image without what is brighter and smaller than a plateau."""
    return _greatest(-_greatest(-x, PLATEAU), PLATEAU)


def _greatest(x: Tensor, size: int) -> Tensor:
    return F.max_pool2d(x, size, 1, size // 2)
