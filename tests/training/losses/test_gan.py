from __future__ import annotations

import math

import pytest
import torch

from srgan_training.losses.gan import discriminator_loss, generator_loss, ramp

REAL, FAKE = [2.0, -0.5, 0.25], [-1.0, 0.75, -3.0]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("label", [1.0, 0.9])
@pytest.mark.parametrize("kind", ["vanilla", "relativistic"])
def test_discriminator_losses_are_the_equations(kind: str, label: float) -> None:
    relative = kind == "relativistic"
    real = [sigmoid(x - relative * mean(FAKE)) for x in REAL]
    fake = [sigmoid(x - relative * mean(REAL)) for x in FAKE]
    expected = mean([-label * math.log(p) - (1 - label) * math.log(1 - p) for p in real])
    expected += mean([-math.log(1 - p) for p in fake])
    logits = torch.tensor(REAL), torch.tensor(FAKE)
    found = discriminator_loss(*logits, kind=kind, label=label)
    assert float(found) == pytest.approx(expected)


def test_generator_losses_are_the_equations() -> None:
    logits = torch.tensor(REAL), torch.tensor(FAKE)
    expected = mean([-math.log(sigmoid(x)) for x in FAKE])
    assert float(generator_loss(*logits)) == pytest.approx(expected)
    real = [sigmoid(x - mean(FAKE)) for x in REAL]
    fake = [sigmoid(x - mean(REAL)) for x in FAKE]
    expected = mean([-math.log(1 - p) for p in real]) + mean([-math.log(p) for p in fake])
    assert float(generator_loss(*logits, kind="relativistic")) == pytest.approx(expected)


def test_real_label_is_smoothed_by_default_and_bounded() -> None:
    logits = torch.tensor(REAL), torch.tensor(FAKE)
    smoothed = discriminator_loss(*logits, kind="vanilla", label=0.9)
    assert torch.equal(discriminator_loss(*logits), smoothed)
    for label in (0.0, 1.1):
        with pytest.raises(ValueError, match="label is"):
            discriminator_loss(*logits, label=label)


def test_unknown_losses_are_refused() -> None:
    logits = torch.tensor(REAL), torch.tensor(FAKE)
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


def test_hinge_counts_what_lies_within_the_margin() -> None:
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, -0.5, 1.0])
    loss = float(discriminator_loss(real, fake, kind="hinge"))
    assert loss == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 0.5 + 2) / 3)
    assert float(generator_loss(real, fake, kind="hinge")) == pytest.approx(2.5 / 3)
    sure = torch.full((4,), 1.5)
    assert float(discriminator_loss(sure, -sure, kind="hinge")) == 0
