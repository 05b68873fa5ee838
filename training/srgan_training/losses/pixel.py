"""The loss between pixels, and how much each patch counts in it."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

PIXEL = {"l1": F.l1_loss, "mse": F.mse_loss}
LIMIT = 40.0
"""PSNR in dB around which `psnr_weights` stops to rise"""


def psnr_weights(sr: Tensor, hr: Tensor) -> Tensor:
    """Return a weight for each patch ``(N,)``, in inverse proportion to its squared difference.

    Their mean is 1. With them the gradient of a squared loss is that of the mean of the patches'
    PSNR but for a factor, up to `LIMIT` beyond which a patch does not count more.
    """
    apart = (sr.detach() - hr).square().mean((1, 2, 3)) + 10 ** (-LIMIT / 10)
    return 1 / apart / (1 / apart).mean()
