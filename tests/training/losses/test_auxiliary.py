"""Losses added to the pixel loss."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from srgan_training.config import Config
from srgan_training.losses.auxiliary import (
    AUXILIARY,
    WINDOW,
    amplitude_loss,
    coarse_loss,
    flat_loss,
    grid_loss,
    structure_loss,
)
from srgan_training.losses.pixel import psnr_weights


def test_flat_loss_sees_the_corners_of_flat_patches_alone() -> None:
    hr = torch.full((2, 3, 32, 32), 0.9)
    hr[1, 0, 5, 5] = 0.2  # which is not flat
    sr = hr.clone()
    sr[..., :2, :2] += 0.3
    # 12 of the 3072 values of a patch are the largest: just those of the corner.
    assert flat_loss(sr, hr) == pytest.approx(0.3 / 2)
    assert flat_loss(hr, hr) == 0


def test_coarse_loss_sees_only_what_lr_knows() -> None:
    hr = torch.rand(2, 3, 8, 8)
    checkered = hr + 0.1 * (torch.arange(8) % 2 * 2 - 1)
    assert coarse_loss(checkered, hr, 4) == pytest.approx(0, abs=1e-6)
    assert coarse_loss(hr + 0.1, hr, 4) == pytest.approx(0.1, abs=1e-6)


def test_grid_loss_sees_sub_pixels_that_differ_everywhere() -> None:
    hr = torch.zeros(1, 1, 16, 16)
    grid = hr.clone()
    grid[..., 1::4, 2::4] = 0.16
    assert grid_loss(grid, hr, 4) == pytest.approx(0.01)
    noise = hr.clone()
    noise[..., ::8, 1::4] = 0.1
    noise[..., 4::8, 1::4] = -0.1
    assert grid_loss(noise, hr, 4) == pytest.approx(0, abs=1e-7)


def test_amplitude_loss_sees_contrast_and_not_phase() -> None:
    turns = torch.arange(3 * WINDOW) * 4 / WINDOW * 2 * math.pi

    def wave(amplitude: float, phase: float) -> torch.Tensor:
        return (0.5 + amplitude * torch.sin(turns + phase)).expand(1, 1, 3 * WINDOW, -1)

    hr = wave(0.2, 0)
    lost = float(amplitude_loss(wave(0, 0), hr))
    assert lost > 0
    assert float(amplitude_loss(wave(0.1, 0), hr)) == pytest.approx(lost / 2, rel=1e-3)
    assert float(amplitude_loss(wave(0.2, math.pi / 2), hr)) < 1e-3 * lost
    # The same contrast elsewhere is not the same.
    torn = hr.clone()
    torn[..., : WINDOW + 8] = 0.5
    assert float(amplitude_loss(torn, torn.flip(-1))) > 0.5 * lost


def test_amplitude_loss_has_finite_gradients_on_flat_patches() -> None:
    sr = torch.full((1, 3, WINDOW, WINDOW), 0.5, requires_grad=True)
    amplitude_loss(sr, torch.rand(1, 3, WINDOW, WINDOW)).backward()
    assert sr.grad is not None
    assert torch.isfinite(sr.grad).all()


def test_patches_weigh_as_in_a_mean_of_psnr() -> None:
    noise = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    hr = torch.zeros_like(noise)
    sr = (noise * torch.tensor([0.2, 0.1, 0.05])[:, None, None, None]).requires_grad_()
    apart = (sr - hr).square().mean((1, 2, 3))
    weights = psnr_weights(sr, hr)
    assert float(weights.mean()) == pytest.approx(1)
    (weighted,) = torch.autograd.grad((apart * weights).sum(), sr, retain_graph=True)
    (expected,) = torch.autograd.grad(apart.log().sum(), sr)
    ratios = (weighted / expected).mean((1, 2, 3))
    torch.testing.assert_close(ratios / ratios[0], torch.ones(3), rtol=0.06, atol=0)
    # What is all but right is not made more of without end.
    assert float(psnr_weights(hr + torch.tensor([0.0, 0.01, 0.01])[:, None, None, None], hr)[0]) < 2


def test_structure_loss_sees_contrast_and_place() -> None:
    hr = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert float(structure_loss(hr, hr)) == pytest.approx(0, abs=1e-6)
    means = hr.mean((2, 3), keepdim=True)
    losses = [float(structure_loss(means + share * (hr - means), hr)) for share in (0, 0.5, 0.8)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 0.9
    # A level that is shifted a little costs next to nothing; contrast in the wrong place, all.
    assert float(structure_loss(hr + 0.02, hr)) < 0.02
    assert float(structure_loss(hr.flip(-1), hr)) > 0.9


def test_every_loss_has_its_weight_in_the_configuration() -> None:
    fields = {field.name: field.default for field in dataclasses.fields(Config)}
    assert AUXILIARY
    assert {name: fields[name] for name in AUXILIARY} == dict.fromkeys(AUXILIARY, 0.0)
