"""Resampling by integer factors: antialiased bicubic (Keys 1981, a = −0.5) and bilinear."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def bicubic_down(x: Tensor, factor: int) -> Tensor:
    """Downsample ``(N, C, H, W)`` by ``factor``.

    The kernel spans ``4·factor`` input pixels along each axis; at the border its weights are
    renormalised over the pixels inside the image.

    Raises
    ------
    ValueError
        If H or W is not a multiple of ``factor``.
    """
    height, width = x.shape[-2:]
    if height % factor or width % factor:
        raise ValueError(f"{height} × {width} is not a multiple of {factor}")
    size = (height // factor, width // factor)
    return F.interpolate(x, size=size, mode="bicubic", antialias=True, align_corners=False)


def bicubic_up(x: Tensor, factor: int) -> Tensor:
    """Upsample ``(N, C, H, W)`` by ``factor``, with the outer pixel edges aligned."""
    size = (x.shape[-2] * factor, x.shape[-1] * factor)
    return F.interpolate(x, size=size, mode="bicubic", antialias=True, align_corners=False)


def bilinear_up(x: Tensor, factor: int) -> Tensor:
    """Upsample ``(N, C, H, W)`` by ``factor`` without overshoot, outer pixel edges aligned."""
    size = (x.shape[-2] * factor, x.shape[-1] * factor)
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
