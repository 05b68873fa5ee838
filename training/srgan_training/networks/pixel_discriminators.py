"""Discriminators with dense logits on pixels: PatchGAN and U-Net."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from .discriminator import SLOPE


def conv(before: int, after: int, kernel: int = 3, stride: int = 1) -> nn.Module:
    """Return a convolution with spectral normalisation."""
    padding = (kernel - stride + 1) // 2
    return parametrizations.spectral_norm(nn.Conv2d(before, after, kernel, stride, padding))


class PatchGAN(nn.Module):
    """PatchGAN discriminator with a receptive field of 54 × 54 pixels and a stride of 8.

    Three 4×4 convolutions with stride 2 and two 3×3 convolutions, all with spectral normalisation
    and with LeakyReLU 0.2 between them.

    Parameters
    ----------
    channels
        Number of channels of the images.
    features
        Number of features of the first convolution, doubled at each stride.

    Notes
    -----
    Input is ``(N, channels, H, W)`` on [0, 1], at least 8 × 8, and is mapped to [−1, 1].

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
    """U-Net discriminator with a logit for every pixel.

    Three strided convolutions reduce to 1/8; three bilinear upsampling steps return to full
    resolution, with additive skip connections at each scale. All layers have spectral normalisation
    and LeakyReLU 0.2 between them.

    Parameters
    ----------
    channels
        Number of channels of the images.
    features
        Number of features of the first convolution, doubled at each stride.

    Notes
    -----
    Input is ``(N, channels, H, W)`` on [0, 1], at least 8 × 8, and is mapped to [−1, 1].

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
