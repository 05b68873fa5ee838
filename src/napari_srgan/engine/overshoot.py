"""Limits on what a network may make of a pixel, from the pixels around it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .lines import (
    DEFECT,
    greatest,
    line_heights,
    opened,
)
from .lines import REACH as LINE_REACH

REACH = LINE_REACH + 1
"""LR pixels on each side that the limits depend on"""
AROUND = 5
"""side in LR pixels of the square in which plateaus count"""
STEEP = 0.15
"""overshoot that is allowed beside an edge, as a part of the local range"""
FINE = 2.0
"""how much brighter a line or dot may become than it is in LR, as a part of its height"""
TWO_VALUED = (0.05, 0.1)
"""parts of the local range within which all pixels are at its ends: surely, and no longer"""
BEYOND = 0.5
"""what `FINE` is beyond the network's range, where saturated spots lie"""


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
    up to three times its height, since LR shows it fainter than it is. Plateaus are what
    morphological opening leaves.

    Lines and dots get 0.15 of the local range only where the pixels around have two values, as in
    labels and at a dead pixel: there is nothing of what is between LR pixels. Beyond the network's
    range they get half of their height, and 0.15 where a line has no flanks: a bad column, a
    cosmic ray. A constant stays constant. NaN and infinity of a computation that overflowed stay,
    for them to be seen.
    """
    limits = -_greatest_allowed(-lr, 0.0), _greatest_allowed(lr, 1.0)
    low, high = (each[:, :, :, None, :, None] for each in limits)
    blocks = sr.unflatten(3, (-1, scale)).unflatten(2, (-1, scale))
    # clamp would hide an infinity.
    blocks.copy_(blocks.clamp(low, high).addcmul_(blocks, blocks.new_zeros(())))
    return sr


def _greatest_allowed(lr: Tensor, end: float) -> Tensor:
    """Return the greatest value that each LR pixel's SR pixels may have; ``end`` is the range's."""
    plateaus = opened(lr)
    top, bottom = greatest(plateaus, AROUND), -greatest(opened(-lr), AROUND)
    beside_edges = top + STEEP * (top - bottom)
    top, bottom = greatest(lr, 3), -greatest(-lr, 3)
    least = top + STEEP * (top - bottom)
    height = (top - greatest(plateaus, 3)).clamp(min=0) * _many_valued(lr, bottom, top)
    fine = least + FINE * height
    if (fine > end + STEEP).any():
        flanked = (height - greatest(line_heights(lr), 3) / DEFECT).clamp(min=0)
        fine = fine.minimum((least + BEYOND * flanked).clamp(min=end + STEEP))
    return beside_edges.maximum(fine)


def _many_valued(lr: Tensor, bottom: Tensor, top: Tensor) -> Tensor:
    """Return 0 where all nine pixels have the least or greatest value of them, 1 elsewhere."""
    around = F.pad(lr, (1, 1, 1, 1), mode="replicate")
    height, width = lr.shape[-2:]
    between = torch.zeros_like(lr)
    for i in range(3):
        for j in range(3):
            value = around[..., i : i + height, j : j + width]
            between = between.maximum((value - bottom).minimum(top - value))
    surely, no_longer = TWO_VALUED
    share = between / (top - bottom).clamp(min=torch.finfo(lr.dtype).tiny)
    return ((share - surely) / (no_longer - surely)).clamp(0, 1)
