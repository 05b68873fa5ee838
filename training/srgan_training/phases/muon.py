"""Muon: momentum with orthogonalised updates, for the weights of hidden convolutions.

`torch.optim.Muon` supports matrices only, not the four-dimensional weights of convolutions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

QUINTIC = (3.4445, -4.7750, 2.0315)
"""coefficients of the quintic Newton–Schulz iteration"""


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """Orthogonalise a matrix approximately by a quintic Newton–Schulz iteration.

    The coefficients (3.4445, −4.7750, 2.0315) converge quickly rather than exactly: singular values
    end between about 0.7 and 1.2 (Jordan et al. 2024, *Muon*).
    """
    a, b, c = QUINTIC
    wide = matrix.shape[0] <= matrix.shape[1]
    x: Tensor = matrix if wide else matrix.T
    x = x / (torch.linalg.norm(x) + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.T


class Muon(Optimizer):
    """Optimiser with Nesterov momentum and orthogonalised updates.

    The weight ``(O, I, k, k)`` of a convolution is treated as a matrix ``(O, I·k·k)``; updates are
    scaled by ``sqrt(max(1, O / (I·k·k)))``.
    """

    def __init__(self, params: Iterable[Tensor], lr: float = 0.02, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update all weights that have a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"]
                momentum.mul_(group["momentum"]).add_(weight.grad)
                update = weight.grad + group["momentum"] * momentum
                matrix = update.flatten(1)
                factor = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
                weight.add_(orthogonalise(matrix).view_as(weight), alpha=-group["lr"] * factor)
