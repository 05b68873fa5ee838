from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from srgan_training.losses.gan import discriminator_loss
from srgan_training.networks.discriminator import Discriminator


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def largest_singular_value(matrix: torch.Tensor) -> float:
    # Many power iterations; an SVD of the dense layer would take seconds.
    vector = torch.ones(matrix.shape[1])
    for _ in range(40):
        vector = matrix.T @ (matrix @ vector)
        vector /= vector.norm()
    return float((matrix @ vector).norm())


def test_discriminator_has_the_layers_of_the_paper() -> None:
    first = 9 * 3 * 64 + 64
    widths = [64, 64, 128, 128, 256, 256, 512, 512]
    others = sum(9 * i * o + 2 * o for i, o in pairwise(widths))
    dense = 512 * 6 * 6 * 1024 + 1024
    logit = 1024 + 1
    assert first + others + dense + logit == 23_563_649
    assert parameters(Discriminator()) == 23_563_649
    # Reproductions with a bias before BatchNorm, its running statistics counted in.
    assert 23_563_649 + 3 * sum(widths[1:]) == 23_569_217
    assert parameters(Discriminator(1)) == 23_563_649 - 9 * 2 * 64
    # With spectral norm a bias stands in place of γ and β.
    assert parameters(Discriminator(spectral_norm=True)) == 23_563_649 - sum(widths[1:])


def test_discriminator_ends_in_a_logit_and_has_batch_norm_in_all_but_the_first() -> None:
    network = Discriminator()
    normed = [any(isinstance(m, nn.BatchNorm2d) for m in b.modules()) for b in network.blocks]
    assert normed == [False] + [True] * 7
    plain = Discriminator(spectral_norm=True)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in plain.modules())
    with torch.no_grad():
        network.logit.weight.zero_()  # type: ignore[operator]
        network.logit.bias.fill_(-7)  # type: ignore[operator]
    assert network.eval()(torch.rand(2, 3, 32, 32)).tolist() == [[-7], [-7]]


@pytest.mark.parametrize("channels", [1, 3])
def test_every_size_gives_one_logit(channels: int) -> None:
    network = Discriminator(channels).eval()
    with torch.inference_mode():
        for size in ((24, 24), (64, 64), (96, 96), (97, 130)):
            logits, features = network.logits_and_features(torch.rand(2, channels, *size))
            assert logits.shape == (2, 1)
            last = tuple(math.ceil(side / 16) for side in size)
            assert features[0].shape == (2, 64, *size)
            assert features[7].shape == (2, 512, *last)
            assert features[8].shape == (2, 1024)
            assert len(features) == 9


def test_nothing_is_pooled_at_the_paper_s_size() -> None:
    network = Discriminator().eval()
    x = torch.rand(1, 3, 96, 96)
    with torch.inference_mode():
        logits, features = network.logits_and_features(x)
        dense = nn.functional.leaky_relu(network.dense(features[7].flatten(1)), 0.2)
        assert torch.equal(logits, network.logit(dense))
        assert torch.equal(logits, network(x))


def test_features_have_passed_the_leaky_relu() -> None:
    network = Discriminator().eval()
    x = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        _, features = network.logits_and_features(x)
        conv = network.blocks[0][0](2 * x - 1)  # type: ignore[index]
    assert torch.equal(features[0], torch.where(conv > 0, conv, 0.2 * conv))


@pytest.mark.parametrize("spectral_norm", [False, True])
def test_gradient_reaches_the_image_and_every_weight(spectral_norm: bool) -> None:
    torch.manual_seed(0)
    network = Discriminator(1, spectral_norm=spectral_norm)
    fake = torch.rand(2, 1, 32, 32, requires_grad=True)
    discriminator_loss(network(torch.rand(2, 1, 32, 32)), network(fake)).backward()
    assert fake.grad is not None
    assert float(fake.grad.abs().max()) > 0
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name


def test_spectral_norm_bounds_every_layer_by_one() -> None:
    torch.manual_seed(0)
    network = Discriminator(spectral_norm=True)
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 10
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith("original"):
                weight.mul_(50)
        for _ in range(3):
            network(torch.rand(1, 3, 16, 16))
        network.eval()
        for layer in layers:
            assert largest_singular_value(layer.weight.flatten(1)) == pytest.approx(1, abs=0.06)


def test_channels_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="channels is 0"):
        Discriminator(0)
