from __future__ import annotations

import math

import pytest
import torch

from srgan_training.losses.feature_loss import FeatureLoss, stage_distance, unit_length
from srgan_training.networks.feature_networks import FeatureNetwork


def test_unit_distance_depends_on_directions_alone() -> None:
    a = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    assert float(stage_distance(a, 7 * a, "unit")) == pytest.approx(0, abs=1e-10)
    assert 2 * float(stage_distance(a, -a, "unit")) == pytest.approx(4, rel=1e-5)
    across = a.flip(1) * torch.tensor([1, -1.0]).view(1, 2, 1, 1)
    assert 2 * float(stage_distance(a, across, "unit")) == pytest.approx(2, rel=1e-5)
    angle = math.acos(24 / 25)
    assert 2 * float(stage_distance(a, a.flip(1), "unit")) == pytest.approx(
        2 - 2 * math.cos(angle), rel=1e-4
    )


def test_plain_distances_are_means_over_all_values() -> None:
    a, b = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.5)
    assert float(stage_distance(a, b, "mse")) == 0.25
    assert float(stage_distance(a, b, "l1")) == 0.5


def test_features_of_zeros_have_a_finite_gradient() -> None:
    x = torch.zeros(1, 4, 2, 2, requires_grad=True)
    unit_length(x).sum().backward()
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())


def test_the_loss_is_the_weighted_sum_over_stages() -> None:
    network = FeatureNetwork("efficientnet-lite0", ["stage2", "stage3"], weights=None)
    sr, hr = torch.rand(2, 2, 3, 32, 32)
    expected = [
        float(stage_distance(a, b, "unit")) for a, b in zip(network(sr), network(hr), strict=True)
    ]
    assert float(FeatureLoss(network)(sr, hr)) == pytest.approx(sum(expected), rel=1e-5)
    found = float(FeatureLoss(network, weights=(2, 0.5))(sr, hr))
    assert found == pytest.approx(2 * expected[0] + 0.5 * expected[1], rel=1e-5)
    assert float(FeatureLoss(network)(hr, hr)) == 0
    with pytest.raises(ValueError, match="1 weights for the 2 stages stage2, stage3"):
        FeatureLoss(network, weights=(1,))


def test_no_gradient_reaches_hr() -> None:
    loss = FeatureLoss(FeatureNetwork("efficientnet-lite0", ["stage2"], weights=None))
    sr, hr = (torch.rand(1, 3, 16, 16, requires_grad=True) for _ in range(2))
    loss(sr, hr).backward()
    assert sr.grad is not None
    assert hr.grad is None
