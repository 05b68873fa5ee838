from __future__ import annotations

import pytest
import torch
from torch import nn

from srgan_training.networks.feature_networks import choose_stages
from srgan_training.networks.pixel_discriminators import PatchGAN, UNetDiscriminator
from srgan_training.networks.projected_discriminators import Mix, ProjectedHeads, Standardise

STAGES = choose_stages("efficientnet-lite0", ("stage3", "stage4", "stage6"))


def features(seed: int = 0) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    return [torch.randn(2, s.channels, 48 // s.stride, 48 // s.stride) for s in STAGES]


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
