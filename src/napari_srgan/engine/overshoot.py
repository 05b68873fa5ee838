"""Limit the output of a network by the surrounding LR pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .lines import DEFECT, greatest, line_heights, opened
from .lines import REACH as LINE_REACH

REACH = LINE_REACH + 1
"""LR pixels on each side that the limits depend on"""
PLATEAU_WINDOW = 5
"""side in LR pixels of the square from which plateaus are taken"""
EDGE_OVERSHOOT = 0.15
"""overshoot allowed beside an edge, relative to the local range"""
DETAIL_GAIN = 2.0
"""brightness that a line or dot may gain over LR, relative to its height"""
BINARY_TOLERANCE = (0.05, 0.1)
"""largest distance of a pixel to the ends of the local range, relative to it: below the first value
a neighbourhood is binary, above the second it is not"""
SATURATED_GAIN = 0.5
"""value of `DETAIL_GAIN` outside the range of the network, where saturated spots lie"""


def limit_overshoot_(sr: Tensor, lr: Tensor, scale: int) -> Tensor:
    """Limit each SR pixel by the LR pixels around it, in place.

    Parameters
    ----------
    sr
        Output of the network for ``lr``, ``(N, C, scale·H, scale·W)``.
    lr
        ``(N, C, H, W)``, mapped to the range of the network.
    scale
        Factor between them.

    Returns
    -------
    Tensor
        ``sr``.

    Notes
    -----
    The upper limit (likewise the lower) is the larger of two. Plateaus within two LR pixels allow
    an overshoot of 0.15 of the range of the plateaus there; plateaus are the grey opening. Lines
    and dots among the adjacent LR pixels allow three times their height, since LR reduces their
    contrast.

    Lines and dots get only 0.15 of the local range if the neighbourhood is binary, as in labels
    and at a dead pixel, where no detail exists between LR pixels. Outside the range of the
    network they get half of their height, and 0.15 if a line has no flanks (a bad column, a
    cosmic ray). Constant regions stay constant. NaN and infinity stay, so that overflow
    in a computation can be detected.
    """
    limits = -_upper_limit(-lr, 0.0), _upper_limit(lr, 1.0)
    low, high = (each[:, :, :, None, :, None] for each in limits)
    blocks = sr.unflatten(3, (-1, scale)).unflatten(2, (-1, scale))
    # clamp alone would hide an infinity: 0 · ∞ is NaN.
    blocks.copy_(blocks.clamp(low, high).addcmul_(blocks, blocks.new_zeros(())))
    return sr


def _upper_limit(lr: Tensor, end: float) -> Tensor:
    """Return the upper limit of SR in each LR pixel; ``end`` is the upper end of the range."""
    plateaus = opened(lr)
    top, bottom = greatest(plateaus, PLATEAU_WINDOW), -greatest(opened(-lr), PLATEAU_WINDOW)
    beside_edges = top + EDGE_OVERSHOOT * (top - bottom)
    top, bottom = greatest(lr, 3), -greatest(-lr, 3)
    least = top + EDGE_OVERSHOOT * (top - bottom)
    height = (top - greatest(plateaus, 3)).clamp(min=0) * _not_binary(lr, bottom, top)
    fine = least + DETAIL_GAIN * height
    if (fine > end + EDGE_OVERSHOOT).any():
        flanked = (height - greatest(line_heights(lr), 3) / DEFECT).clamp(min=0)
        fine = fine.minimum((least + SATURATED_GAIN * flanked).clamp(min=end + EDGE_OVERSHOOT))
    return beside_edges.maximum(fine)


def _not_binary(lr: Tensor, bottom: Tensor, top: Tensor) -> Tensor:
    """Return 0 where all nine pixels are at the ends of their range, 1 where some are not."""
    around = F.pad(lr, (1, 1, 1, 1), mode="replicate")
    height, width = lr.shape[-2:]
    between = torch.zeros_like(lr)
    for i in range(3):
        for j in range(3):
            value = around[..., i : i + height, j : j + width]
            between = between.maximum((value - bottom).minimum(top - value))
    surely, no_longer = BINARY_TOLERANCE
    share = between / (top - bottom).clamp(min=torch.finfo(lr.dtype).tiny)
    return ((share - surely) / (no_longer - surely)).clamp(0, 1)
