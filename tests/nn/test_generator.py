from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from napari_srgan.models.model import halo_of
from napari_srgan.nn.generator import Generator, GeneratorConfig, icnr_, interpolate_
from napari_srgan.nn.half_precision import correct, measure_correction, set_dtype
from napari_srgan.nn.inference import InferenceGenerator
from napari_srgan.nn.resample import bicubic_up
from tests.conftest import random_network

UPSAMPLING = pytest.mark.parametrize("upsampling", ["staged", "direct"])


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("channels", [1, 3, 5])
@UPSAMPLING
def test_output_is_scale_times_finer(scale: int, channels: int, upsampling: Any) -> None:
    network = random_network(GeneratorConfig(channels, scale, 8, 1, upsampling=upsampling))
    assert network(torch.rand(2, channels, 7, 9)).shape == (2, channels, 7 * scale, 9 * scale)


def test_published_network_has_its_published_size() -> None:
    network = Generator()
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 1 + 2 * 16 + 1 + 2 + 1
    assert convolutions[0].kernel_size == convolutions[-1].kernel_size == (9, 9)
    # 1.55 M: head 15 616, blocks 16·(2·36 864 + 256), 36 992, 2·147 712, tail 15 555, 19 slopes
    expected = 15_616 + 16 * (2 * 36_864 + 256) + 36_992 + 2 * 147_712 + 15_555 + 19
    assert sum(p.numel() for p in network.parameters()) == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scale", 3),
        ("channels", 0),
        ("features", 1.5),
        ("blocks", -1),
        ("activation", "relu"),
        ("upsampling", "bilinear"),
    ],
)
def test_config_names_what_is_wrong(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        GeneratorConfig(**{field: value})  # type: ignore[arg-type]


def test_tanh_stays_on_the_unit_range() -> None:
    network = random_network(GeneratorConfig(1, 2, 8, 1, "tanh"))
    result = network(1000 * torch.randn(1, 1, 8, 8))
    assert result.min() >= 0
    assert result.max() <= 1


def test_icnr_starts_without_checkerboard() -> None:
    conv = nn.Conv2d(4, 16, 3)
    icnr_(conv)
    sub_pixels = conv.weight.reshape(4, 4, 4, 3, 3)
    assert torch.equal(sub_pixels, sub_pixels[:, :1].expand_as(sub_pixels))
    assert sub_pixels[0, 0].std() > 0


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_interpolation_repeats_pixels_bit_for_bit(scale: int) -> None:
    network = interpolate_(Generator(GeneratorConfig(3, scale, 8, 2))).eval()
    x = torch.randn(1, 3, 6, 5)
    expected = x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    assert torch.equal(network(x), expected)
    assert torch.equal(InferenceGenerator(network)(x), expected)


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_direct_upsampling_adds_to_bicubic_interpolation(scale: int, dtype: torch.dtype) -> None:
    network = interpolate_(Generator(GeneratorConfig(3, scale, 8, 2, upsampling="direct"))).eval()
    ready = set_dtype(InferenceGenerator(network, strip=16), dtype, dtype)
    x = torch.randn(2, 3, 11, 9)
    inner = slice(2 * scale, -2 * scale)
    expected = bicubic_up(x, scale)
    for result in network(x), ready(x):
        assert (result - expected)[..., inner, inner].abs().max() < 1e-5
    flat = torch.full((1, 3, 4, 5), 0.7)
    assert torch.allclose(ready(flat), torch.tensor(0.7), atol=1e-6)


@pytest.mark.parametrize(("scale", "blocks"), [(2, 0), (2, 3), (4, 1), (4, 3), (8, 2)])
@UPSAMPLING
def test_halo_is_exactly_how_far_the_network_looks(
    scale: int, blocks: int, upsampling: Any
) -> None:
    config = GeneratorConfig(1, scale, 4, blocks, upsampling=upsampling)
    network = random_network(config).double()
    halo = halo_of(network)
    assert halo == 2 * blocks + (8 if upsampling == "staged" else 6)
    side = 2 * halo + 5
    centre = side // 2
    x = torch.rand(1, 1, side, side, dtype=torch.float64)
    span = slice(scale * centre, scale * (centre + 1))
    pixel = (slice(None), slice(None), span, span)
    before = network(x)[pixel]

    def change_at(distance: int) -> float:
        changed = x.clone()
        changed[..., centre - distance, :] += 100
        changed[..., centre + distance, :] += 100
        return float((network(changed)[pixel] - before).abs().max())

    assert change_at(halo) > 0
    assert change_at(halo + 1) == 0


def test_published_halo_is_40() -> None:
    assert halo_of(Generator()) == 40


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("strip", [None, 100, 400])
@UPSAMPLING
def test_inference_network_equals_its_source(
    scale: int, strip: int | None, upsampling: Any
) -> None:
    network = random_network(GeneratorConfig(3, scale, 8, 3, upsampling=upsampling))
    x = torch.rand(2, 3, 37, 29)
    expected = network(x)
    result = InferenceGenerator(network, strip)(x)
    assert (result - expected).abs().max() < 1e-5 * (expected.max() - expected.min())


def test_inference_yields_how_far_it_is() -> None:
    network = InferenceGenerator(random_network(GeneratorConfig(1, 2, 8, 4)), strip=64)
    parts = list(network.stages(torch.rand(1, 1, 32, 8)))
    assert len(parts) >= 4 + 4
    assert parts == sorted(parts)
    assert parts[0] >= 0
    assert parts[-1] < 1


def in_both(
    network: Generator,
) -> tuple[InferenceGenerator, InferenceGenerator, InferenceGenerator]:
    """Return a network in float32, and in half precision as it comes and corrected."""
    exact = InferenceGenerator(network)
    plain, matched = (
        set_dtype(InferenceGenerator(network), torch.bfloat16, torch.bfloat16) for _ in range(2)
    )
    return exact, plain, correct(matched, measure_correction(matched, exact))


@UPSAMPLING
def test_half_precision_keeps_the_means_of_float32(upsampling: Any) -> None:
    network = random_network(GeneratorConfig(3, 4, 64, 3, upsampling=upsampling))
    x = torch.rand((1, 3, 40, 48), generator=torch.Generator().manual_seed(1))
    exact, plain, matched = in_both(network)
    f = exact.last_shuffle

    def off(half: InferenceGenerator) -> float:
        apart = (half(x) - exact(x)).reshape(1, 3, 160 // f, f, 192 // f, f)
        return float(apart.mean((0, 2, 4)).abs().max())

    assert off(matched) < 0.5 * off(plain)


def test_half_precision_keeps_the_means_of_dark_and_bright() -> None:
    def off(half: InferenceGenerator, exact: InferenceGenerator) -> float:
        x = torch.linspace(0, 0.8, 60) + 0.2 * torch.rand(1, 1, 60, 60)
        apart = half(x.expand(1, 3, 60, 60)) - exact(x.expand(1, 3, 60, 60))
        return float(apart.reshape(1, 3, 240, 3, 80).mean((0, 2, 4)).abs().max())

    offs = []
    for seed in range(8):
        torch.manual_seed(seed)
        network = interpolate_(Generator(GeneratorConfig(3, 4, 64, 3))).eval().requires_grad_(False)
        for values in network.parameters():
            values.add_(0.003 * torch.randn_like(values))
        exact, plain, matched = in_both(network)
        offs.append((off(matched, exact), off(plain, exact)))
    of_matched, of_plain = np.mean(offs, 0)
    assert of_matched < 0.3 * of_plain


def test_all_of_a_half_precision_network_moves_to_a_device() -> None:
    network = random_network(GeneratorConfig(1, 2, 8, 1))
    half = set_dtype(InferenceGenerator(network), torch.float16, torch.float16)
    correct(half, measure_correction(half, InferenceGenerator(network)))
    result = half.to("meta")(torch.zeros(1, 1, 8, 8, device="meta"))
    assert result.shape == (1, 1, 16, 16)


def test_half_precision_sees_levels_of_eight_bits_exactly() -> None:
    network = random_network(GeneratorConfig(1, 2, 8, 1))
    half = set_dtype(InferenceGenerator(network), torch.bfloat16, torch.bfloat16)
    seen: list[torch.Tensor] = []
    half.head.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].clone()))
    levels = torch.arange(256.0).reshape(1, 1, 16, 16)
    half(levels / 255)
    assert seen[0].dtype == torch.bfloat16
    assert torch.equal(seen[0].float() * 256, levels)


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_generator_has_the_layers_of_the_paper() -> None:
    head = 81 * 3 * 64 + 64 + 1
    block = 2 * (9 * 64 * 64 + 2 * 64) + 1
    body = 16 * block + 9 * 64 * 64 + 2 * 64
    upsample = 2 * (9 * 64 * 256 + 256 + 1)
    tail = 81 * 64 * 3 + 3
    assert head + body + upsample + tail == 1_547_350
    assert parameters(Generator()) == 1_547_350
