"""Resampling by a whole factor: antialiased bicubic (Keys 1981, a = −0.5), and bilinear."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def bicubic_down(x: Tensor, factor: int) -> Tensor:
    """Reduce ``(N, C, H, W)`` by ``factor``; H and W must be multiples of it.

    Each output pixel weighs a window of ``4·factor`` input pixels about its centre; at the border
    the weights are renormalised over the pixels that exist.
    """
    height, width = x.shape[-2:]
    if height % factor or width % factor:
        raise ValueError(f"{height} × {width} is not a multiple of {factor}")
    size = (height // factor, width // factor)
    return F.interpolate(x, size=size, mode="bicubic", antialias=True, align_corners=False)


def bicubic_up(x: Tensor, factor: int) -> Tensor:
    """Enlarge ``(N, C, H, W)`` by ``factor``; the outer edges of the image stay where they are."""
    size = (x.shape[-2] * factor, x.shape[-1] * factor)
    return F.interpolate(x, size=size, mode="bicubic", antialias=True, align_corners=False)


def bilinear_up(x: Tensor, factor: int) -> Tensor:
    """Enlarge ``(N, C, H, W)`` by ``factor`` without any overshoot; the outer edges stay."""
    size = (x.shape[-2] * factor, x.shape[-1] * factor)
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
