"""How much an adversarial loss counts, by the size of its gradient beside that of the others."""

from __future__ import annotations

import torch
from torch import Tensor

MOST = 1e4
"""of a weight, where the adversarial gradient vanishes"""


def gradient_at(weight: Tensor, output: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient at a weight, of a loss whose gradient at the output is known."""
    found = torch.autograd.grad(output, weight, gradient, retain_graph=True)
    return found[0]


def balanced_weight(others: Tensor, adversarial: Tensor, ratio: float) -> Tensor:
    """Return the weight by which an adversarial gradient is ``ratio`` times as long as the others'.

    Parameters
    ----------
    others, adversarial
        Gradients of the two losses at the same weights, of any shape.
    ratio
        What is wanted of ``‖weight · adversarial‖ / ‖others‖``.

    Notes
    -----
    At most `MOST`, so that a gradient that vanishes is not blown up.

    Source: Esser et al. 2021 (VQGAN), arXiv:2012.09841, equation 7, with the ratio as a factor.
    """
    length = adversarial.float().norm().clamp(min=1e-12)
    weight: Tensor = ratio * others.float().norm() / length
    return weight.clamp(max=MOST)
