from __future__ import annotations

import pytest
import torch
from torch import nn

from srgan_training.losses.gan import discriminator_loss, generator_loss
from srgan_training.losses.gradient_balance import MAX_WEIGHT, balanced_weight, gradient_at
from srgan_training.networks.augmentation import KINDS, draw
from srgan_training.networks.feature_networks import choose_stages
from srgan_training.networks.pixel_discriminators import PatchGAN, UNetDiscriminator
from srgan_training.networks.projected_discriminators import Mix, ProjectedHeads, Standardise

STAGES = choose_stages("efficientnet-lite0", ("stage3", "stage4", "stage6"))


def features(seed: int = 0) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    return [torch.randn(2, s.channels, 48 // s.stride, 48 // s.stride) for s in STAGES]


def test_hinge_counts_what_lies_within_the_margin() -> None:
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, -0.5, 1.0])
    loss = float(discriminator_loss(real, fake, kind="hinge"))
    assert loss == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 0.5 + 2) / 3)
    assert float(generator_loss(real, fake, kind="hinge")) == pytest.approx(2.5 / 3)
    sure = torch.full((4,), 1.5)
    assert float(discriminator_loss(sure, -sure, kind="hinge")) == 0


def spectral_norms(network: nn.Module) -> list[float]:
    found = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.requires_grad:
            matrix = layer.weight.detach().flatten(1)
            found.append(float(torch.linalg.matrix_norm(matrix, 2)))
    return found


@pytest.mark.parametrize(
    "network", [PatchGAN(3, 8), UNetDiscriminator(3, 8), ProjectedHeads(STAGES, 8)]
)
def test_every_layer_of_a_discriminator_has_spectral_norm_1(network: nn.Module) -> None:
    seen = features() if isinstance(network, ProjectedHeads) else torch.rand(1, 3, 32, 32)
    for _ in range(60):
        network(seen)
    norms = spectral_norms(network.eval())
    assert len(norms) >= 5
    assert norms == pytest.approx([1] * len(norms), rel=0.02)


@pytest.mark.parametrize("mixing", ["none", "channels", "scales"])
def test_a_head_judges_each_place_of_its_stage(mixing: str) -> None:
    heads = ProjectedHeads(STAGES, 8, mixing)  # type: ignore[arg-type]
    logits = heads(features())
    assert [tuple(x.shape) for x in logits] == [(2, 1, 12, 12), (2, 1, 6, 6), (2, 1, 3, 3)]


def test_mixing_scales_shows_a_shallow_head_what_is_deep() -> None:
    for mixing, reaches in (("none", False), ("channels", False), ("scales", True)):
        mix = Mix(STAGES, mixing)  # type: ignore[arg-type]
        assert not any(p.requires_grad for p in mix.parameters())
        x = features()
        before = mix(x)[0]
        x[2] = x[2] + 1
        after = mix(x)[0]
        assert torch.equal(before, after) is not reaches
    assert Mix(STAGES, "none")(x)[0] is x[0]


def test_mixing_keeps_the_magnitude_of_features() -> None:
    torch.manual_seed(0)
    for mixed in Mix(STAGES, "scales")(features()):
        assert 0.5 < float(mixed.std()) < 1.6


def test_features_as_of_real_images_are_standardised() -> None:
    torch.manual_seed(0)
    layer = Standardise(4)
    scale = torch.tensor([1, 10, 100, 0.1]).view(4, 1, 1)
    for _ in range(50):
        layer.update_statistics(torch.randn(8, 4, 6, 6) * scale + 3 * scale)
    y = layer(torch.randn(64, 4, 6, 6) * scale + 3 * scale)
    assert y.mean((0, 2, 3)).tolist() == pytest.approx([0] * 4, abs=0.1)
    assert y.std((0, 2, 3)).tolist() == pytest.approx([1] * 4, rel=0.05)


def test_pixel_discriminators_give_a_logit_for_each_place() -> None:
    x = torch.rand(2, 4, 45, 93)
    assert PatchGAN(4, 8)(x).shape == (2, 1, 5, 11)
    assert UNetDiscriminator(4, 8)(x).shape == (2, 1, 45, 93)


@pytest.mark.parametrize(("kind", "side"), [(PatchGAN, 54), (UNetDiscriminator, 0)])
def test_a_patchgan_sees_a_patch_of_the_size_that_is_said(kind: type[nn.Module], side: int) -> None:
    network = kind(1, 4)
    x = torch.rand(1, 1, 96, 96, requires_grad=True)
    logits = network(x)
    middle = logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2]
    (gradient,) = torch.autograd.grad(middle, x)
    seen = (gradient[0, 0] != 0).any(0).nonzero()
    width = int(seen.max() - seen.min()) + 1
    assert width == side if side else width > 54


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


@pytest.mark.parametrize("kind", KINDS)
def test_augmentation_is_the_same_for_the_same_seed_and_lets_gradients_through(kind: str) -> None:
    x = torch.rand(4, 3, 24, 32, requires_grad=True)
    change = draw([kind], x.shape, (0, 5))  # type: ignore[list-item]
    y = change(x)
    assert y.shape == x.shape
    assert not torch.equal(x, y)
    assert torch.equal(y, draw([kind], x.shape, (0, 5))(x))  # type: ignore[list-item]
    assert not torch.equal(y, draw([kind], x.shape, (0, 6))(x))  # type: ignore[list-item]
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    assert float(gradient.abs().sum()) > 0
    assert torch.equal(draw([], x.shape, (0, 5))(x), x)


def test_augmentation_does_what_its_name_says() -> None:
    x = torch.rand(8, 3, 32, 32) + 1
    shift = draw(["translation"], x.shape, (1,))
    assert shift.shifts is not None
    for image, moved, (dy, dx) in zip(x, shift(x), shift.shifts.tolist(), strict=True):
        assert max(abs(dy), abs(dx)) <= 4
        there = image[:, max(0, -dy) : 32 - max(0, dy), max(0, -dx) : 32 - max(0, dx)]
        here = moved[:, max(0, dy) : 32 - max(0, -dy), max(0, dx) : 32 - max(0, -dx)]
        assert torch.equal(here, there)
    cut = draw(["cutout"], x.shape, (1,))(x)
    holes = (cut == 0).all(1).sum((1, 2))
    assert int(holes.min()) >= 8 * 8
    assert int(holes.max()) <= 16 * 16
    assert torch.equal(cut[cut > 0], x[cut > 0])
    grey = torch.full((8, 3, 8, 8), 0.5)
    flat = draw(["colour"], grey.shape, (1,))(grey)
    assert torch.allclose(flat, flat.mean((1, 2, 3), keepdim=True).expand_as(flat))
    assert 0 <= float(flat.min()) < float(flat.max()) <= 1
