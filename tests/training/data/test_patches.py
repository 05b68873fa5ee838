from __future__ import annotations

import numpy as np
import pytest
import torch

from srgan_training.data.patches import PatchSampler, make_pair
from srgan_training.images import Image

rng = np.random.default_rng(0)


def test_pairs_are_multiples_and_rounded_like_the_benchmarks() -> None:
    pixels = np.round(rng.random((3, 23, 30), np.float32) * 255) / np.float32(255)
    pair = make_pair(Image(pixels, True), 4)
    assert pair.hr.shape == (3, 20, 28)
    assert pair.lr.shape == (3, 5, 7)
    assert np.allclose(pair.lr * 255, np.round(pair.lr * 255), atol=1e-4)
    deep = make_pair(Image(pixels, False), 4)
    assert not np.allclose(deep.lr * 255, np.round(deep.lr * 255), atol=1e-4)


def test_patches_are_aligned_however_they_are_turned() -> None:
    y, x = np.mgrid[:80, :96].astype(np.float32)
    hr = np.stack([np.sin(y / 9) + np.cos(x / 7), y / 80, x / 96])
    sampler = PatchSampler([[make_pair(Image(hr, False), 4)]], [1], scale=4, patch=6, seed=3)
    lr, hr_patch = sampler.batch(32)
    assert lr.shape == (32, 3, 6, 6)
    assert hr_patch.shape == (32, 3, 24, 24)
    means = hr_patch.reshape(32, 3, 6, 4, 6, 4).mean((3, 5))
    assert (means - lr)[..., 1:-1, 1:-1].abs().max() < 0.02
    corners = (lr[:, 1, 0, 0] > lr[:, 1, -1, -1]).float().mean()
    assert 0 < corners < 1


def test_flat_patches_are_drawn_again() -> None:
    hr = np.zeros((1, 80, 80), np.float32)
    hr[:, :, 40:] = rng.random((1, 80, 40))
    sampler = PatchSampler([[make_pair(Image(hr, False), 4)]], [1], scale=4, patch=4, seed=0)
    _, patches = sampler.batch(200)
    assert float((patches.std((1, 2, 3)) < 0.02).float().mean()) < 0.1


def test_some_flat_patches_are_kept() -> None:
    pair = make_pair(Image(np.full((1, 80, 80), 0.7, np.float32), False), 4)
    lively = make_pair(Image(rng.random((1, 80, 80)).astype(np.float32), False), 4)
    sampler = PatchSampler([[pair], [lively]], [1, 1], scale=4, patch=4, seed=0)
    _, patches = sampler.batch(400)
    flat = float((patches.std((1, 2, 3)) < 0.02).float().mean())
    assert 0.03 < flat < 0.2


def test_patches_are_seen_at_other_levels_and_stay_in_range() -> None:
    pair = make_pair(Image(rng.random((1, 80, 80)).astype(np.float32) * 0.2 + 0.1, False), 4)
    plain, lit = (
        PatchSampler([[pair]], [1], scale=4, patch=8, intensity=share).batch(300)
        for share in (0.0, 1.0)
    )
    assert plain[1].mean((1, 2, 3)).max() < 0.25
    means = lit[1].mean((1, 2, 3))
    assert means.min() < 0.15
    assert means.max() > 0.8
    for patches in lit:
        assert patches.min() > -1e-5
        assert patches.max() < 1 + 1e-5
    # LR and HR are mapped alike, so the one is still what the other is reduced to.
    off = lit[1].reshape(300, 1, 8, 4, 8, 4).mean((3, 5)) - lit[0]
    before = plain[1].reshape(300, 1, 8, 4, 8, 4).mean((3, 5)) - plain[0]
    assert off.mean().abs() < 0.01
    assert (off.std() / before.std()).item() < 3


def test_some_patches_are_one_colour_throughout() -> None:
    pair = make_pair(Image(rng.random((3, 80, 80)).astype(np.float32), False), 4)
    without, some = (
        PatchSampler([[pair]], [1], scale=4, patch=8, uniform=share).batch(400)
        for share in (0.0, 0.4)
    )
    one_colour = some[1].std((2, 3)).amax(1) < 1e-6
    assert 0.3 < one_colour.float().mean() < 0.5
    for lr_or_hr, before in zip(some, without, strict=True):
        assert torch.equal(lr_or_hr[~one_colour], before[~one_colour])
    lr, hr = (patches[one_colour][:, :, 3, 3] for patches in some)
    assert torch.equal(lr, hr)
    assert hr.min() < 0.01
    assert hr.max() > 0.99
    greys = (hr.amax(1) == hr.amin(1)).float().mean()
    assert 0.3 < greys < 0.7


def test_a_source_of_too_small_images_is_named() -> None:
    pair = make_pair(Image(np.zeros((1, 40, 40), np.float32), False), 4)
    with pytest.raises(ValueError, match="no image of at least 24"):
        PatchSampler([[pair]], [1], scale=4, patch=24)
