from __future__ import annotations

import torch

from srgan_training.phases.muon import Muon, orthogonalise


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((16, 40), (40, 16)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape) * 100))
        assert 0.6 < values.min() <= values.max() < 1.3


def test_muon_finds_a_minimum() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(8, 3, 3, 3))
    goal = torch.randn(8, 3, 3, 3)
    optimiser = Muon([weight], lr=0.05)
    first = float((weight.detach() - goal).norm())
    for _ in range(200):
        loss = ((weight - goal) ** 2).sum()
        weight.grad = None
        loss.backward()
        optimiser.step()
    assert float((weight.detach() - goal).norm()) < first / 5
