from __future__ import annotations

import pytest
import torch
from torch import nn

from srgan_training.losses.gradient_balance import MAX_WEIGHT, balanced_weight, gradient_at


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_the_adversarial_gradient_is_as_long_as_asked_for(ratio: float) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 2, 3)
    sr = conv(torch.rand(2, 3, 8, 8))
    calm, wild = torch.randn_like(sr), 1e3 * torch.randn_like(sr)
    others, against = gradient_at(conv.weight, sr, calm), gradient_at(conv.weight, sr, wild)
    weight = balanced_weight(others, against, ratio)
    sr.backward(weight * wild)
    assert conv.weight.grad is not None
    assert float(conv.weight.grad.norm() / others.norm()) == pytest.approx(ratio, rel=1e-4)


def test_an_adversarial_gradient_that_vanishes_is_not_blown_up() -> None:
    assert float(balanced_weight(torch.ones(3), torch.zeros(3), 1)) == MAX_WEIGHT
