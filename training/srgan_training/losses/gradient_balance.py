"""Adaptive weight of the adversarial loss, from the ratio of gradient norms."""

from __future__ import annotations

import torch
from torch import Tensor

MAX_WEIGHT = 1e4
"""upper bound of the weight, reached where the adversarial gradient vanishes"""


def gradient_at(weight: Tensor, output: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient of a loss with respect to a weight, given that at the output."""
    gradients = torch.autograd.grad(output, weight, gradient, retain_graph=True)
    return gradients[0]


def balanced_weight(others: Tensor, adversarial: Tensor, ratio: float) -> Tensor:
    """Return the weight for an adversarial gradient norm of ``ratio`` times that of the others.

    Parameters
    ----------
    others, adversarial
        Gradients of the other losses and of the adversarial loss with respect to the same
        parameter.
    ratio
        Target value of ``‖weight · adversarial‖ / ‖others‖``.

    Notes
    -----
    The weight is limited to `MAX_WEIGHT`, so that a vanishing gradient is not amplified.

    Source: Esser et al. 2021 (VQGAN), arXiv:2012.09841, equation 7, with the ratio as a factor.
    """
    norm = adversarial.float().norm().clamp(min=1e-12)
    weight: Tensor = ratio * others.float().norm() / norm
    return weight.clamp(max=MAX_WEIGHT)
