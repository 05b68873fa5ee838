"""Content loss on the features of several stages of a frozen network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..networks.feature_networks import FeatureNetwork

Norm = Literal["unit", "mse", "l1"]
"""distance between features, see `stage_distance`"""
STABILITY = 1e-6
"""epsilon of the division by the norm, which keeps zero features at zero"""


def unit_length(features: Tensor) -> Tensor:
    """Return features normalised to unit L2 norm across channels at each spatial position."""
    length = features.square().sum(1, keepdim=True).add(STABILITY**2).sqrt()
    return features / length


def stage_distance(features: Tensor, target: Tensor, norm: Norm) -> Tensor:
    """Return the distance between the features of one stage, a scalar.

    ``unit`` is the mean squared difference of features with unit norm across channels. Multiplied
    by the number of channels it is 0 for parallel, 2 for orthogonal and 4 for opposite features.
    ``mse`` and ``l1`` are means over the unnormalised features.

    Notes
    -----
    ``unit`` follows Zhang et al. 2018 (LPIPS), arXiv:1801.03924, equation 1, with the mean over
    channels instead of the sum: with the sum, the gradient norm of a deep stage, which has many
    channels and few positions, is twenty times that of a shallow stage. ``mse`` is equation 5 of
    Ledig et al. 2017.
    """
    if norm == "unit":
        return F.mse_loss(unit_length(features), unit_length(target))
    return F.mse_loss(features, target) if norm == "mse" else F.l1_loss(features, target)


def feature_distances(
    features: Sequence[Tensor], target: Sequence[Tensor], norm: Norm = "unit"
) -> list[Tensor]:
    """Return the distance at each stage, see `stage_distance`; the target receives no gradient."""
    pairs = zip(features, target, strict=True)
    return [stage_distance(f.float(), t.detach().float(), norm) for f, t in pairs]


class FeatureLoss(nn.Module):
    """Content loss: weighted sum over stages of the distance between features of SR and HR.

    Parameters
    ----------
    network
        Frozen network that extracts the features.
    norm
        Distance, see `stage_distance`.
    weights
        Weights of the stages, in order; empty gives all stages weight 1.

    Raises
    ------
    ValueError
        If the number of weights differs from the number of stages.
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
        """Return the loss for images ``(N, C, H, W)`` on [0, 1], a scalar."""
        with torch.no_grad():
            target = self.network(hr)
        distances = feature_distances(self.network(sr), target, self.norm)
        weighted = [w * d for w, d in zip(self.weights, distances, strict=True)]
        return torch.stack(weighted).sum()
