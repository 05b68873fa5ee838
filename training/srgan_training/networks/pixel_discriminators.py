"""Discriminators that judge the pixels place by place: a PatchGAN and a U-Net."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from .discriminator import SLOPE


def conv(before: int, after: int, kernel: int = 3, stride: int = 1) -> nn.Module:
    """Return a convolution whose weight is divided by its largest singular value."""
    padding = (kernel - stride + 1) // 2
    return parametrizations.spectral_norm(nn.Conv2d(before, after, kernel, stride, padding))


class PatchGAN(nn.Module):
    """One logit for every patch of 54 × 54 pixels, at every 8th pixel.

    Convolutions of 4×4 with stride 2 and one of 3×3, spectral norm in each, LeakyReLU 0.2 between.

    Parameters
    ----------
    channels
        Of the images.
    features
        Of the first convolution; they double with each stride.

    Notes
    -----
    Input is ``(N, channels, H, W)`` on [0, 1], brought to [−1, 1] here; at least 8 × 8.

    Source: Isola et al. 2017, arXiv:1611.07004, section 3.2.2; spectral norm instead of BatchNorm
    (Miyato et al. 2018, arXiv:1802.05957).
    """

    def __init__(self, channels: int = 3, features: int = 32) -> None:
        super().__init__()
        widths = [channels, features, 2 * features, 4 * features]
        self.strided = nn.ModuleList(
            conv(before, after, 4, 2) for before, after in pairwise(widths)
        )
        self.last = conv(widths[-1], widths[-1])
        self.logit = conv(widths[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits ``(N, 1, H / 8, W / 8)``."""
        x = 2 * x - 1
        for layer in [*self.strided, self.last]:
            x = F.leaky_relu(layer(x), SLOPE)
        y: Tensor = self.logit(x)
        return y


class UNetDiscriminator(nn.Module):
    """One logit for every pixel, from all scales down to 1/8.

    Three strided convolutions down and three bilinear steps up, with the features of each scale
    added on the way; spectral norm in each layer, LeakyReLU 0.2 between.

    Parameters
    ----------
    channels
        Of the images.
    features
        Of the first convolution; they double with each stride.

    Notes
    -----
    Input is ``(N, channels, H, W)`` on [0, 1], brought to [−1, 1] here; at least 8 × 8.

    Source: Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, section 3.2; after Schönfeld et al.
    2020, arXiv:2002.12655.
    """

    def __init__(self, channels: int = 3, features: int = 32) -> None:
        super().__init__()
        widths = [features * 2**i for i in range(4)]
        self.first = conv(channels, features)
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(conv(before, after, 4, 2) for before, after in steps)
        self.up = nn.ModuleList(conv(after, before) for before, after in reversed(steps))
        self.last = conv(features, features)
        self.logit = conv(features, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits ``(N, 1, H, W)``."""
        x = F.leaky_relu(self.first(2 * x - 1), SLOPE)
        scales = []
        for layer in self.down:
            scales.append(x)
            x = F.leaky_relu(layer(x), SLOPE)
        for layer, same in zip(self.up, reversed(scales), strict=True):
            x = F.interpolate(x, size=same.shape[-2:], mode="bilinear", align_corners=False)
            x = F.leaky_relu(layer(x), SLOPE) + same
        y: Tensor = self.logit(F.leaky_relu(self.last(x), SLOPE))
        return y
