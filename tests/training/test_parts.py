from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_srgan.io import ImageFile, write
from napari_srgan.nn.channels import adapt_channels
from napari_srgan.nn.generator import GeneratorConfig
from srgan_training.config import Source
from srgan_training.data.datasets import load_source, make_sampler
from srgan_training.data.patches import PatchSampler, make_pair
from srgan_training.evaluation.metrics import luma, psnr, ssim
from srgan_training.images import (
    Image,
    PixelStore,
    ScaledPixels,
    find_images,
    load_images,
    planes_of,
    read_planes,
    to_image,
)
from srgan_training.phases.muon import Muon, orthogonalise
from tests.conftest import random_network
from tests.training.phases.test_fidelity import CONFIG

rng = np.random.default_rng(0)


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((16, 40), (40, 16)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape) * 100))
        assert 0.6 < values.min() <= values.max() < 1.3


def test_muon_finds_a_minimum() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(8, 3, 3, 3))
    goal = torch.randn(8, 3, 3, 3)
    optimiser = Muon([weight], lr=0.05)
    first = float((weight.detach() - goal).norm())
    for _ in range(200):
        loss = ((weight - goal) ** 2).sum()
        weight.grad = None
        loss.backward()
        optimiser.step()
    assert float((weight.detach() - goal).norm()) < first / 5


def test_noise_is_drawn_as_often_as_asked(data: Path) -> None:
    noisy = {"kind": "poisson_gaussian", "photons": 100, "read": 0.01}
    source = Source(("train",), degradation=["bicubic", noisy])
    once = load_source(source, data, CONFIG, PixelStore())
    often = load_source(replace(source, draws=3), data, CONFIG, PixelStore())
    assert len(often) == 3 * len(once)
    for i, pair in enumerate(once):
        first, *others = often[3 * i : 3 * i + 3]
        np.testing.assert_array_equal(first.lr[:], pair.lr[:])
        for other in others:
            assert np.abs(other.lr[:] - pair.lr[:]).mean() > 0.02
            # HR is kept once.
            assert other.hr is first.hr
    assert not np.array_equal(often[1].lr[:], often[2].lr[:])
    with pytest.raises(ValueError, match="train: draws is 3, but nothing in its LR is random"):
        load_source(Source(("train",), draws=3), data, CONFIG, PixelStore())


def test_hr_is_changed_before_its_lr_is_made(data: Path) -> None:
    grain = {"kind": "poisson_gaussian", "read": [0.01, 0.1]}
    grainy = Source(("train",), scene=grain, draws=8)
    (plain, *_), (*drawn,) = (
        load_source(source, data, CONFIG, PixelStore()) for source in (Source(("train",)), grainy)
    )
    store = PixelStore(room := 10**9)
    # HR that is changed is not kept beside what it is changed to.
    again = [pair.hr for pair in load_source(grainy, data, CONFIG, store)]
    assert room - store.memory_budget == sum(
        hr.stored.nbytes for hr in again if isinstance(hr, ScaledPixels)
    )
    deviations = []
    for pair in drawn[:8]:
        expected = make_pair(Image(pair.hr[:], eight_bit=True), CONFIG.scale).lr
        np.testing.assert_array_equal(pair.lr[:], expected)
        # Noise goes below the darkest and above the brightest level, where it is clipped.
        inside = (plain.hr[:] > 0.3) & (plain.hr[:] < 0.7)
        deviations.append(float((pair.hr[:] - plain.hr[:])[inside].std()))
    assert 0.009 < min(deviations) < 0.04 < 0.05 < max(deviations) < 0.11
    with pytest.raises(ValueError, match="train: has a scene, but its LR is not made"):
        load_source(replace(grainy, lr=("train",), draws=1), data, CONFIG, PixelStore())
    with pytest.raises(ValueError, match="none must"):
        load_source(replace(grainy, scene="bicubic"), data, CONFIG, PixelStore())
    # Said before any other source is read, which may take minutes.
    late = replace(CONFIG, sources=(Source(("nowhere",)), replace(grainy, scene="bicubic")))
    with pytest.raises(ValueError, match="none must"):
        make_sampler(late, data)


@pytest.mark.parametrize("upsampling", ["staged", "direct"])
def test_grey_images_come_out_the_same_in_one_channel_as_in_three(upsampling: Any) -> None:
    colour = random_network(GeneratorConfig(3, 2, 8, 1, upsampling=upsampling))
    grey = random_network(GeneratorConfig(1, 2, 8, 1, upsampling=upsampling))
    grey.load_state_dict(adapt_channels(dict(colour.state_dict()), 1))
    x = torch.rand(1, 1, 9, 9)
    expected = colour(x.repeat(1, 3, 1, 1)).mean(1, keepdim=True)
    assert torch.allclose(grey(x), expected, atol=1e-4)
    back = adapt_channels(dict(grey.state_dict()), 3)
    colour.load_state_dict(back)
    again = colour(x.repeat(1, 3, 1, 1))
    assert torch.allclose(again, grey(x).repeat(1, 3, 1, 1), atol=1e-4)
    with pytest.raises(ValueError, match="from 3 to 4"):
        adapt_channels(back, 4)


def test_psnr_is_what_it_says() -> None:
    a = np.zeros((20, 20))
    b = a + 5
    assert psnr(a, b) == pytest.approx(20 * np.log10(255 / 5))
    b[2:-2, 2:-2] = 0
    assert psnr(a, b, border=2) == float("inf")


def test_luma_is_studio_range() -> None:
    white, black = np.ones((3, 1, 1)), np.zeros((3, 1, 1))
    assert luma(white)[0, 0] == pytest.approx(235, abs=0.01)
    assert luma(black)[0, 0] == 16
    assert luma(np.full((1, 1, 1), 0.5))[0, 0] == 128


def test_ssim_of_constants_has_its_closed_form() -> None:
    a, b = np.full((20, 20), 100.0), np.full((20, 20), 120.0)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    assert ssim(a, b) == pytest.approx(expected)
    assert ssim(a, a) == 1


def test_ssim_sees_the_window_of_the_paper() -> None:
    # By hand at the centre of an 11 × 11 image: one window fits.
    a, b = rng.random((2, 11, 11)) * 255
    t = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    w = np.outer(t, t) / t.sum() ** 2
    ma, mb = (w * a).sum(), (w * b).sum()
    va, vb = (w * a * a).sum() - ma**2, (w * b * b).sum() - mb**2
    cov = (w * a * b).sum() - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    assert ssim(a, b) == pytest.approx(expected, rel=1e-3)


def test_deep_images_are_mapped_from_their_percentiles() -> None:
    pixels = rng.integers(0, 1000, (40, 50)).astype("uint16")
    pixels[0, 0] = 60000
    image = to_image(pixels[None])
    assert not image.eight_bit
    values = image.pixels[:]
    assert np.quantile(values, [0.01, 0.99]) == pytest.approx([0.01, 0.99], abs=0.01)
    assert values.max() > 10


@pytest.mark.parametrize(
    ("shape", "axes", "planes"),
    [
        ((5, 20, 30), None, [(1, 20, 30)] * 5),
        ((20, 30, 4), None, [(3, 20, 30)]),
        ((2, 3, 20, 30), "ZCYX", [(1, 20, 30)] * 6),
        ((20, 30, 3), "YXC", [(1, 20, 30)] * 3),
        ((2, 20, 30, 3), "TYXS", [(3, 20, 30)] * 2),
    ],
)
def test_stacks_give_an_image_per_plane_and_alpha_is_left(
    shape: tuple[int, ...], axes: str | None, planes: list[tuple[int, ...]]
) -> None:
    image = ImageFile(np.zeros(shape, "uint8"), axes)
    assert [plane.shape for plane in planes_of(image)] == planes


def test_volumes_are_read_slice_by_slice_and_a_folder_of_one_scene_is_one_image(
    tmp_path: Path,
) -> None:
    volume = rng.integers(0, 1000, (4, 20, 30)).astype("int16")
    write(tmp_path / "head.nii.gz", ImageFile(volume, "ZYX"))
    write(tmp_path / "scene.zarr", ImageFile(volume.astype("uint16"), "CYX"))
    found = find_images(tmp_path)
    assert [path.name for path in found] == ["head.nii.gz", "scene.zarr"]
    for path in found:
        planes = read_planes(path)
        assert [plane.shape for plane in planes] == [(1, 20, 30)] * 4
        image = to_image(planes[2])
        assert np.corrcoef(image.pixels[:].ravel(), volume[2].ravel())[0, 1] > 0.99


def test_what_does_not_fit_into_memory_is_mapped_from_disk() -> None:
    store = PixelStore(memory_budget=1000)
    first, second = rng.integers(0, 255, (2, 1, 30, 30)).astype("uint8")
    assert store.store_array(first) is first
    mapped = store.store_array(second)
    assert isinstance(mapped, np.memmap)
    assert np.array_equal(mapped, second)
    image = to_image(mapped)
    assert isinstance(image.pixels, ScaledPixels)
    assert np.array_equal(image.pixels[:, 3:9], to_image(second).pixels[:, 3:9])


def test_an_image_is_kept_in_the_bytes_of_its_file(data: Path) -> None:
    (pair, *_) = load_source(Source(("train",)), data, CONFIG, PixelStore())
    assert isinstance(pair.hr, ScaledPixels)
    assert isinstance(pair.lr, ScaledPixels)
    assert pair.hr.stored.dtype == pair.lr.stored.dtype == np.uint8
    (image, *_) = load_images(find_images(data / "train"))
    straight = make_pair(image, CONFIG.scale)
    assert np.array_equal(pair.read().lr, straight.lr)
    assert np.array_equal(pair.read().hr, straight.hr)


def test_folders_are_searched_and_an_empty_one_is_named(data: Path, tmp_path: Path) -> None:
    assert len(find_images(data)) == 5
    assert load_images(find_images(data))[0].pixels.shape == (3, 64, 72)
    (tmp_path / "none").mkdir()
    with pytest.raises(FileNotFoundError, match="no image"):
        find_images(tmp_path / "none")


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
