"""Discriminators that judge frozen features instead of pixels (Projected GANs)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from .discriminator import SLOPE
from .feature_networks import FeatureNetwork, Stage

Mixing = Literal["none", "channels", "scales"]
LEAST_MOMENTUM = 0.01
"""share of a new batch in the running statistics once there were a hundred"""


class Standardise(nn.Module):
    """Shift and scale each channel by the mean and deviation that it has in real images.

    The statistics are a running mean over what `follow` was shown, and part of the state; stages of
    a network differ by orders of magnitude, and so would the logits.
    """

    mean: Tensor
    square: Tensor
    batches: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("square", torch.ones(channels))
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def follow(self, real: Tensor) -> None:
        """Take the features of a batch of real images into the statistics."""
        self.batches += 1
        share = max(LEAST_MOMENTUM, 1 / int(self.batches))
        self.mean.lerp_(real.mean((0, 2, 3)), share)
        self.square.lerp_(real.square().mean((0, 2, 3)), share)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features with mean 0 and deviation 1 where they are as real ones."""
        deviation = (self.square - self.mean.square()).clamp(min=1e-8).sqrt()
        return (x - self.mean[:, None, None]) / deviation[:, None, None]


class Mix(nn.Module):
    """Frozen random convolutions that mix the channels of each stage, and the scales.

    ``channels``: a random 1×1 convolution per stage. ``scales``: from the deepest stage on, a
    random 3×3 convolution brings what came so far to the channels of the next shallower stage, is
    enlarged bilinearly and added to it. They are never trained; they let a head see at once what
    lies in different channels and scales.

    Source: Sauer et al. 2021, *Projected GANs Converge Faster*, arXiv:2111.01007, section 3.2.
    """

    def __init__(self, stages: Sequence[Stage], kind: Mixing) -> None:
        super().__init__()
        self.across_channels, self.across_scales = nn.ModuleList(), nn.ModuleList()
        if kind != "none":
            for stage in stages:
                self.across_channels.append(nn.Conv2d(stage.channels, stage.channels, 1))
        if kind == "scales":
            for shallow, deep in pairwise(stages):
                self.across_scales.append(nn.Conv2d(deep.channels, shallow.channels, 3, padding=1))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                # Keeps the magnitude of features of unit deviation.
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
                nn.init.zeros_(layer.bias)
        self.requires_grad_(False)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return as many features of the same shapes."""
        found = list(features)
        if len(self.across_channels):
            found = [mix(x) for mix, x in zip(self.across_channels, found, strict=True)]
        for index in reversed(range(len(self.across_scales))):
            deeper = self.across_scales[index](found[index + 1])
            size = found[index].shape[-2:]
            if deeper.shape[-2:] != size:
                deeper = F.interpolate(deeper, size=size, mode="bilinear", align_corners=False)
            found[index] = (found[index] + deeper) / 2**0.5
        return found


def make_head(channels: int, width: int) -> nn.Sequential:
    """Return a head that judges each place of a stage: 1×1, 3×3, 1×1 with spectral norm.

    Between them LeakyReLU 0.2. Every weight is divided by its largest singular value (Miyato et al.
    2018, arXiv:1802.05957, section 2.1).
    """
    norm = parametrizations.spectral_norm
    return nn.Sequential(
        norm(nn.Conv2d(channels, width, 1)),
        nn.LeakyReLU(SLOPE),
        norm(nn.Conv2d(width, width, 3, padding=1)),
        nn.LeakyReLU(SLOPE),
        norm(nn.Conv2d(width, 1, 1)),
    )


class ProjectedHeads(nn.Module):
    """A head on each stage of a feature network, which is not part of it.

    Parameters
    ----------
    stages
        Of the network, in its order.
    width
        Features within a head.
    mixing
        See `Mix`.

    Notes
    -----
    The network is apart, so that its weights are in no checkpoint, and since its features of one
    step serve both the discriminators and the generator.

    Source: Sauer et al. 2021, arXiv:2111.01007; there the heads reduce to 4 × 4 logits, here there
    is one logit for each place of a stage, as in a PatchGAN.
    """

    def __init__(self, stages: Sequence[Stage], width: int = 64, mixing: Mixing = "none") -> None:
        super().__init__()
        self.standardise = nn.ModuleList(Standardise(stage.channels) for stage in stages)
        self.mix = Mix(stages, mixing)
        self.heads = nn.ModuleList(make_head(stage.channels, width) for stage in stages)

    def follow(self, real: Sequence[Tensor]) -> None:
        """Take the features of a batch of real images into the statistics."""
        for each, features in zip(self.standardise, real, strict=True):
            assert isinstance(each, Standardise)
            each.follow(features)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the logits ``(N, 1, h, w)`` of each stage (positive: taken for real)."""
        even = [layer(x) for layer, x in zip(self.standardise, features, strict=True)]
        return [head(x) for head, x in zip(self.heads, self.mix(even), strict=True)]


def heads_for(network: FeatureNetwork, width: int, mixing: Mixing) -> ProjectedHeads:
    """Return the heads for the stages of a network."""
    return ProjectedHeads(network.stages, width, mixing)
