from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from napari_srgan.nn.generator import Generator
from srgan_training.losses.gan import discriminator_loss, generator_loss, ramp
from srgan_training.networks.discriminator import Discriminator
from srgan_training.phases.nan_guard import NaNGuard

REAL_LR, FAKE = [2.0, -0.5, 0.25], [-1.0, 0.75, -3.0]


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


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


def test_generator_has_the_layers_of_the_paper() -> None:
    head = 81 * 3 * 64 + 64 + 1
    block = 2 * (9 * 64 * 64 + 2 * 64) + 1
    body = 16 * block + 9 * 64 * 64 + 2 * 64
    upsample = 2 * (9 * 64 * 256 + 256 + 1)
    tail = 81 * 64 * 3 + 3
    assert head + body + upsample + tail == 1_547_350
    assert parameters(Generator()) == 1_547_350


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


@pytest.mark.parametrize("label", [1.0, 0.9])
@pytest.mark.parametrize("kind", ["vanilla", "relativistic"])
def test_discriminator_losses_are_the_equations(kind: str, label: float) -> None:
    relative = kind == "relativistic"
    real = [sigmoid(x - relative * mean(FAKE)) for x in REAL_LR]
    fake = [sigmoid(x - relative * mean(REAL_LR)) for x in FAKE]
    expected = mean([-label * math.log(p) - (1 - label) * math.log(1 - p) for p in real])
    expected += mean([-math.log(1 - p) for p in fake])
    logits = torch.tensor(REAL_LR), torch.tensor(FAKE)
    found = discriminator_loss(*logits, kind=kind, label=label)
    assert float(found) == pytest.approx(expected)


def test_generator_losses_are_the_equations() -> None:
    logits = torch.tensor(REAL_LR), torch.tensor(FAKE)
    expected = mean([-math.log(sigmoid(x)) for x in FAKE])
    assert float(generator_loss(*logits)) == pytest.approx(expected)
    real = [sigmoid(x - mean(FAKE)) for x in REAL_LR]
    fake = [sigmoid(x - mean(REAL_LR)) for x in FAKE]
    expected = mean([-math.log(1 - p) for p in real]) + mean([-math.log(p) for p in fake])
    assert float(generator_loss(*logits, kind="relativistic")) == pytest.approx(expected)


def test_real_label_is_smoothed_by_default_and_bounded() -> None:
    logits = torch.tensor(REAL_LR), torch.tensor(FAKE)
    smoothed = discriminator_loss(*logits, kind="vanilla", label=0.9)
    assert torch.equal(discriminator_loss(*logits), smoothed)
    for label in (0.0, 1.1):
        with pytest.raises(ValueError, match="label is"):
            discriminator_loss(*logits, label=label)


def test_unknown_losses_are_refused() -> None:
    logits = torch.tensor(REAL_LR), torch.tensor(FAKE)
    for loss in (discriminator_loss, generator_loss):
        with pytest.raises(ValueError, match="kind is 'wgan'; allowed are"):
            loss(*logits, kind="wgan")


@pytest.mark.parametrize("kind", ["vanilla", "relativistic"])
def test_losses_stay_finite_for_sure_discriminators_and_half_precision(kind: str) -> None:
    sure = torch.tensor([[1e4]], dtype=torch.bfloat16)
    for loss in (
        discriminator_loss(-sure, sure, kind=kind),
        generator_loss(sure, -sure, kind=kind),
    ):
        assert loss.dtype == torch.float32
        assert torch.isfinite(loss)
        assert float(loss) > 1e3


@pytest.mark.parametrize(("kind", "slope"), [("vanilla", -1), ("relativistic", -2)])
def test_gradient_of_an_unconvincing_generator_does_not_vanish(kind: str, slope: float) -> None:
    real, fake = torch.tensor([9.0]), torch.tensor([-9.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(generator_loss(real, fake, kind=kind), fake)
    assert float(gradient) == pytest.approx(slope, abs=1e-3)


def test_ramp_is_linear_between_its_ends() -> None:
    assert [ramp(s, 100, 200) for s in (0, 100, 150, 300, 999)] == [0, 0, 0.25, 1, 1]
    assert [ramp(s, 5, 0) for s in (4, 5)] == [0, 1]
    with pytest.raises(ValueError, match="steps is -1"):
        ramp(0, 0, -1)


def test_guard_skips_what_is_not_finite_and_counts() -> None:
    guard = NaNGuard()
    assert not guard.skip(1.0, torch.tensor(3.0), step=0)
    assert guard.skip(1.0, torch.tensor(float("nan")), step=1)
    assert guard.skip(float("inf"), step=2)
    assert guard.skip(torch.tensor(float("-inf")), 0.0, step=3)
    assert not guard.skip(1e30, step=4)
    assert guard.skipped == 3


def test_guard_gives_up_at_the_tenth_skip_however_far_apart() -> None:
    guard = NaNGuard(limit=10)
    for step in range(0, 90, 10):
        assert guard.skip(math.nan, step=step)
        assert not guard.skip(0.5, step=step + 1)
    with pytest.raises(FloatingPointError, match=r"10 steps, the last of them step 123;"):
        guard.skip(math.nan, step=123)
    with pytest.raises(ValueError, match="limit is 0"):
        NaNGuard(0)
