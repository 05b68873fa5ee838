"""Pixel losses and weights of patches."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

PIXEL = {"l1": F.l1_loss, "mse": F.mse_loss}
"""pixel losses by name"""
MAX_PSNR = 40.0
"""PSNR in dB at which `psnr_weights` saturates"""


def psnr_weights(sr: Tensor, hr: Tensor) -> Tensor:
    """Return a weight for each patch ``(N,)``, inversely proportional to its mean squared error.

    The mean of the weights is 1. The gradient of the weighted MSE is proportional to that of the
    mean PSNR of the patches, except that weights saturate at `MAX_PSNR`.
    """
    mse = (sr.detach() - hr).square().mean((1, 2, 3)) + 10 ** (-MAX_PSNR / 10)
    return 1 / mse / (1 / mse).mean()
