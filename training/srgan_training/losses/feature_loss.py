"""Content loss on the stages of a feature network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..networks.feature_networks import FeatureNetwork

Norm = Literal["unit", "mse", "l1"]
STABILITY = 1e-6
"""added to a length before it divides, so that features of all zeros stay so"""


def unit_length(features: Tensor) -> Tensor:
    """Return features scaled to length 1 across the channels of each place."""
    length = features.square().sum(1, keepdim=True).add(STABILITY**2).sqrt()
    return features / length


def stage_distance(found: Tensor, target: Tensor, norm: Norm) -> Tensor:
    """Return the distance of the features of one stage, a scalar.

    ``unit``: both are scaled to length 1 across channels; the mean squared difference. Times the
    number of channels it is 0 for features of one direction, 2 for orthogonal ones and 4 for
    opposed ones. ``mse`` and ``l1``: means over all values, as they are.

    Notes
    -----
    ``unit`` is that of Zhang et al. 2018 (LPIPS), arXiv:1801.03924, equation 1, with the mean over
    channels in place of the sum: with the sum, the few places and many channels of a deep stage
    have gradients twenty times as long as those of a shallow one. ``mse`` is equation 5 of Ledig et
    al. 2017.
    """
    if norm == "unit":
        return F.mse_loss(unit_length(found), unit_length(target))
    return F.mse_loss(found, target) if norm == "mse" else F.l1_loss(found, target)


def feature_distances(
    found: Sequence[Tensor], target: Sequence[Tensor], norm: Norm = "unit"
) -> list[Tensor]:
    """Return the distance at each stage, see `stage_distance`; no gradient reaches the target."""
    pairs = zip(found, target, strict=True)
    return [stage_distance(f.float(), t.detach().float(), norm) for f, t in pairs]


class FeatureLoss(nn.Module):
    """Content loss: the sum over stages of the distance between the features of SR and HR.

    Parameters
    ----------
    network
        Looks at both.
    norm
        See `stage_distance`.
    weights
        Of the stages, in their order; none: all 1.

    Raises
    ------
    ValueError
        If there are not as many weights as stages.
    """

    def __init__(
        self, network: FeatureNetwork, norm: Norm = "unit", weights: Sequence[float] = ()
    ) -> None:
        super().__init__()
        self.network, self.norm = network, norm
        self.weights = tuple(weights) or (1.0,) * len(network.stages)
        if len(self.weights) != len(network.stages):
            names = ", ".join(stage.name for stage in network.stages)
            raise ValueError(
                f"{len(self.weights)} weights for the {len(network.stages)} stages {names}; give "
                "one for each, or none"
            )

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the loss of images ``(N, C, H, W)`` on [0, 1], a scalar."""
        with torch.no_grad():
            target = self.network(hr)
        distances = feature_distances(self.network(sr), target, self.norm)
        weighted = [w * d for w, d in zip(self.weights, distances, strict=True)]
        return torch.stack(weighted).sum()
