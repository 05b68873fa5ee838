"""Discriminators on features of a frozen network (Projected GANs)."""

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
"""kind of the random projection of features, see `Mix`"""
MIN_MOMENTUM = 0.01
"""momentum of the running statistics after the first hundred batches"""


class Standardise(nn.Module):
    """Standardisation of each channel by the running mean and deviation of real images.

    Feature magnitudes of different stages, and therefore logits, would differ by orders of
    magnitude otherwise. The statistics are part of the state dict.
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
    def update_statistics(self, real: Tensor) -> None:
        """Update the running statistics with the features of a batch of real images."""
        self.batches += 1
        momentum = max(MIN_MOMENTUM, 1 / int(self.batches))
        self.mean.lerp_(real.mean((0, 2, 3)), momentum)
        self.square.lerp_(real.square().mean((0, 2, 3)), momentum)

    def forward(self, x: Tensor) -> Tensor:
        """Return standardised features; those of real images have mean 0 and deviation 1."""
        deviation = (self.square - self.mean.square()).clamp(min=1e-8).sqrt()
        return (x - self.mean[:, None, None]) / deviation[:, None, None]


class Mix(nn.Module):
    """Cross-channel and cross-scale mixing of features by frozen random convolutions.

    ``channels``: a random 1×1 convolution per stage. ``scales``: also a top-down path, in which a
    random 3×3 convolution maps the result of a deeper stage to the channels of the next shallower
    one, to which it is added after bilinear upsampling. The mixing makes features of all channels
    and scales available to each head.

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
                # This initialisation preserves unit variance.
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
                nn.init.zeros_(layer.bias)
        self.requires_grad_(False)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the mixed features, whose shapes are those of the input."""
        mixed = list(features)
        if len(self.across_channels):
            mixed = [mix(x) for mix, x in zip(self.across_channels, mixed, strict=True)]
        for index in reversed(range(len(self.across_scales))):
            deeper = self.across_scales[index](mixed[index + 1])
            size = mixed[index].shape[-2:]
            if deeper.shape[-2:] != size:
                deeper = F.interpolate(deeper, size=size, mode="bilinear", align_corners=False)
            mixed[index] = (mixed[index] + deeper) / 2**0.5
        return mixed


def make_head(channels: int, width: int) -> nn.Sequential:
    """Return a head with a logit for each position of a stage: convolutions 1×1, 3×3 and 1×1.

    The convolutions have spectral normalisation (Miyato et al. 2018, arXiv:1802.05957, section 2.1)
    and LeakyReLU 0.2 between them.
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
    """Discriminator heads on the stages of a frozen feature network.

    Parameters
    ----------
    stages
        Stages of the network, in order.
    width
        Number of features within a head.
    mixing
        Kind of mixing, see `Mix`.

    Notes
    -----
    The feature network is not a submodule: its weights are not in the checkpoints, and its features
    are computed once per step for both discriminators and generator.

    Source: Sauer et al. 2021, arXiv:2111.01007, where heads reduce features to 4 × 4 logits; here
    each position of a stage has a logit, as in a PatchGAN.
    """

    def __init__(self, stages: Sequence[Stage], width: int = 64, mixing: Mixing = "none") -> None:
        super().__init__()
        self.standardise = nn.ModuleList(Standardise(stage.channels) for stage in stages)
        self.mix = Mix(stages, mixing)
        self.heads = nn.ModuleList(make_head(stage.channels, width) for stage in stages)

    def update_statistics(self, real: Sequence[Tensor]) -> None:
        """Update the running statistics with the features of a batch of real images."""
        for each, features in zip(self.standardise, real, strict=True):
            assert isinstance(each, Standardise)
            each.update_statistics(features)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the logits ``(N, 1, h, w)`` of each stage; positive logits mean real."""
        standardised = [layer(x) for layer, x in zip(self.standardise, features, strict=True)]
        return [head(x) for head, x in zip(self.heads, self.mix(standardised), strict=True)]


def heads_for(network: FeatureNetwork, width: int, mixing: Mixing) -> ProjectedHeads:
    """Return the heads for the stages of a network."""
    return ProjectedHeads(network.stages, width, mixing)
