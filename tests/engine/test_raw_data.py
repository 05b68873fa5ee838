"""Images as they come off cameras and archives, through the models that ship."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import ndimage
from skimage import data

import napari_srgan as ns
from napari_srgan.engine.planning import make_plan
from napari_srgan.engine.run import Run
from napari_srgan.nn.resample import bicubic_down, bicubic_up
from napari_srgan.options import Options
from napari_srgan.upscale import plan_for

Array = npt.NDArray[Any]
MODELS = ("gray-x4", "fast-x4", "medical-x4")
SPOTS = [(20, 30), (40, 90), (64, 64), (90, 20), (100, 100), (70, 110)]
SIGNAL = 900


def reduced(image: Array) -> Array:
    tensor = torch.from_numpy(image.astype(np.float32))[None, None]
    return np.asarray(bicubic_down(tensor, 4)[0, 0].numpy())


def bicubic(image: Array) -> Array:
    tensor = torch.from_numpy(image.astype(np.float32))[None, None]
    return np.asarray(bicubic_up(tensor, 4)[0, 0].numpy()).astype(np.float64)


def psnr(result: Array, expected: Array, where: Array, span: float = SIGNAL) -> float:
    difference = (np.asarray(result, np.float64) - expected)[where]
    return float(10 * np.log10(span**2 / np.mean(difference**2)))


def finer(mask: Array) -> Array:
    return mask.repeat(4, 0).repeat(4, 1)


@pytest.fixture(scope="module")
def scene() -> Array:
    """Return a photograph as counts of a camera, 512 × 512."""
    return np.asarray(data.camera() / 255.0 * SIGNAL + 400)


@pytest.fixture(scope="module")
def image(scene: Array) -> Array:
    """Return the same reduced, uint16."""
    return np.rint(reduced(scene)).astype(np.uint16)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("value", [60000, 4095])
def test_a_hot_pixel_is_as_local_as_by_bicubic_interpolation(
    image: Array, model: str, value: int
) -> None:
    hot, spots = image.copy(), np.zeros(image.shape, bool)
    for spot in SPOTS:
        hot[spot], spots[spot] = value, True
    changed = ns.super_resolve(hot, model) - ns.super_resolve(image, model).astype(np.float64)
    interpolated = bicubic(hot) - bicubic(image)
    ringing = -interpolated.min()
    assert (np.abs(changed) <= np.abs(interpolated) + ringing + 0.05 * SIGNAL).all()
    # There are no dark rings, as interpolation has them.
    assert changed.min() >= -0.05 * SIGNAL
    distance = ndimage.distance_transform_edt(~finer(spots)) / 4
    assert distance[np.abs(changed) > 0.05 * SIGNAL].max() <= 5


@pytest.mark.parametrize("model", MODELS)
def test_many_hot_pixels_leave_the_rest_sharp(image: Array, scene: Array, model: str) -> None:
    hot = np.random.default_rng(0).random(image.shape) < 0.01
    dirty = np.where(hot, np.uint16(60000), image)
    far = ndimage.distance_transform_edt(~finer(hot)) / 4 > 6
    result = psnr(ns.super_resolve(dirty, model), scene, far)
    assert result >= psnr(bicubic(dirty), scene, far) + 1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("times", [5, 20, 60])
def test_what_is_dim_beside_a_bright_spot_stays_sharp(scene: Array, model: str, times: int) -> None:
    y, x = np.mgrid[:512, :512]
    spot = 1 / (1 + np.exp((np.hypot(y - 180, x - 300) - 64.6) / 4))
    lit = scene * (1 + (times - 1) * spot)
    source = np.rint(reduced(lit).clip(0, 65535)).astype(np.uint16)
    result, dim = ns.super_resolve(source, model), spot < 0.01
    assert psnr(result, lit, dim) >= 27.4
    # The spot itself is no worse than by interpolation.
    assert psnr(result, lit, ~dim) > psnr(bicubic(source), lit, ~dim)


@pytest.mark.parametrize("fill", [-9999.0, float(np.finfo(np.float32).min)])
@pytest.mark.parametrize("model", ["gray-x4", "fast-x4"])
def test_a_fill_value_is_recognised_and_kept(
    image: Array, scene: Array, model: str, fill: float
) -> None:
    filled = ((image - 400.0) / SIGNAL).astype(np.float32)
    filled[:30], filled[:, 50:60] = fill, fill
    empty = finer(filled == np.float32(fill))
    expected = (scene - 400) / SIGNAL
    plan = plan_for(filled, model, Options())
    assert (plan.nodata, plan.found_nodata) == (fill, True)
    result = ns.super_resolve(filled, model)
    assert np.array_equal(result == np.float32(fill), empty)
    assert psnr(result, expected, ~empty, 1) > 26.5

    # Where it is said to be a value like others it is interpolated, and spoils nothing far away.
    alike = ns.super_resolve(filled, model, nodata=None)
    assert np.isfinite(alike).all()
    away = ndimage.distance_transform_edt(~empty) > 12
    assert psnr(alike, expected, away, 1) > 26.5
    assert not plan_for(filled, model, Options(nodata=None)).found_nodata


@pytest.mark.parametrize("model", ["gray-x4", "fast-x4"])
def test_an_image_without_outliers_sees_the_network_alone(image: Array, model: str) -> None:
    plan = make_plan(image, ns.load_model(model), precision="float32")
    run, out = Run(plan, image), np.empty(plan.shape, plan.dtype)
    for _ in run.into(out):
        pass
    assert run.outliers == 0
    assert plan.intensity.inner == (None,)
    low, high = np.percentile(image, (0.1, 99.9))
    seen = torch.from_numpy(((image - low) / (high - low)).astype(np.float32))[None, None]
    with torch.inference_mode():
        alone = plan.model.network(seen)[0, 0].numpy() * (high - low) + low
    # What is limited at edges is seldom more than a pixel in a hundred.
    assert (np.abs(out - alone.clip(0, 65535)) <= 0.6).mean() > 0.99


@pytest.mark.parametrize("model", ["gray-x4", "gray-x2", "fast-x4", "fast-x2", "medical-x4"])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.3, 0.7), (0.0, 0.4)])
@pytest.mark.parametrize("smooth", [False, True])
def test_an_edge_overshoots_by_little(model: str, low: float, high: float, smooth: bool) -> None:
    y, x = np.mgrid[:768, :768]
    disc = (np.hypot(y - 380, x - 390) < 200).astype(np.float32)
    disc = disc.reshape(96, 8, 96, 8).mean((1, 3)) if smooth else disc[4::8, 4::8]
    step = high - low
    for normalise in ("auto", "none"):
        result = ns.super_resolve(disc * step + np.float32(low), model, normalise=normalise)
        assert low - result.min() <= 0.151 * step
        assert result.max() - high <= 0.151 * step


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("value", [65535, 0])
def test_lines_of_bad_pixels_stay_near_their_range(image: Array, model: str, value: int) -> None:
    counts = image.astype(np.int32)
    column, pair, track = counts.copy(), counts.copy(), counts.copy()
    column[:, 60] = value
    pair[:, 60:62] = [[value, value // 2]]
    track[np.arange(40, 60), np.arange(30, 50)] = value
    for dirty in (column, pair, track):
        result = ns.super_resolve(dirty, model)
        height = float(np.ptp(dirty)) if value else float(counts.max())
        assert dirty.min() - result.min() <= 0.151 * height
        assert result.max() - dirty.max() <= 0.151 * height
        assert result.mean() == pytest.approx(dirty.mean(), rel=0.005)
        if value:
            # They leave no trace beside them.
            away = ndimage.distance_transform_edt(~finer(dirty > 5000)) / 4 > 2
            assert counts.min() - result[away].min() <= 0.15 * SIGNAL
            assert result[away].max() - counts.max() <= 0.15 * SIGNAL


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("value", [65535, 0])
def test_lines_of_bad_pixels_leave_the_rest_sharp(
    image: Array, scene: Array, model: str, value: int
) -> None:
    dirty = image.copy()
    dirty[:, 60], dirty[30, :] = value, value
    dirty[np.arange(70, 110), np.arange(80, 120)] = value
    bad = (dirty == value) & (image != value)
    far = ndimage.distance_transform_edt(~finer(bad)) / 4 > 6
    result = psnr(ns.super_resolve(dirty, model), scene, far)
    assert result >= psnr(bicubic(dirty), scene, far) + 1
    clean = psnr(ns.super_resolve(image, model), scene, far)
    assert result >= clean - (0.05 if value else 0.2)


@pytest.mark.parametrize("model", MODELS)
def test_ragged_edges_of_two_values_overshoot_by_little(image: Array, model: str) -> None:
    noise = np.random.default_rng(0).random(image.shape)
    for labels in (image > 900, noise < 0.5, noise < 0.02):
        result = ns.super_resolve(np.where(labels, 1000, 7).astype(np.int32), model)
        assert 7 - result.min() <= 0.151 * 993
        assert result.max() - 1000 <= 0.151 * 993


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("value", [0, 9000])
def test_a_lone_pixel_within_the_range_rings_by_little(model: str, value: int) -> None:
    rng = np.random.default_rng(0)
    counts = rng.normal(4000, 40, (64, 64))
    counts[:, :20] = rng.uniform(0, 60000, (64, 20))
    counts[30, 45] = value
    result = ns.super_resolve(counts.astype(np.int32), model)[80:160, 140:220]
    height = abs(value - 4000) + 200
    assert min(value, 4000) - 200 - result.min() <= 0.151 * height
    assert result.max() - max(value, 4000) - 200 <= 0.151 * height


@pytest.mark.parametrize("value", [2037, 0, 65535])
@pytest.mark.parametrize("shape", [(1, 1), (3, 70), (50, 50)])
def test_a_constant_stays_constant(value: int, shape: tuple[int, int]) -> None:
    for model in ("gray-x4", "fast-x4"):
        assert (ns.super_resolve(np.full(shape, value, np.uint16), model) == value).all()


def test_the_largest_numbers_stay_finite() -> None:
    rng = np.random.default_rng(0)
    for values in (1.7e308, np.finfo(np.float64).max):
        huge = np.where(rng.random((40, 40)) < 0.5, values, -values)
        assert np.isfinite(ns.super_resolve(huge, "fast-x4")).all()
        assert (ns.super_resolve(np.full((9, 9), values), "fast-x4") == values).all()
    single = np.where(rng.random((40, 40)) < 0.5, 3.4e38, -3.4e38).astype(np.float32)
    assert np.isfinite(ns.super_resolve(single, "fast-x4")).all()


@pytest.mark.parametrize("model", ["gray-x4", "fast-x4"])
def test_dirty_images_are_exact_in_tiles_and_in_parts(image: Array, model: str) -> None:
    rng = np.random.default_rng(1)
    dirty = image.astype(np.float32) * np.where(rng.random(image.shape) < 0.9, 1, 8)
    dirty[rng.random(image.shape) < 0.01] = 60000
    dirty[30:45, 50:70] = 20000
    dirty[:, 26], dirty[71] = 50000, -40000
    dirty[np.arange(20, 40), np.arange(80, 100)] = 45000
    dirty[80:, 90:] = -9999
    dirty[5, 7] = np.nan

    def carry_out(source: Array, **options: Any) -> Array:
        plan = make_plan(source, ns.load_model(model), precision="float32", **options)
        out = np.empty(plan.shape, plan.dtype)
        for _ in Run(plan, source).into(out):
            pass
        return out

    whole, tiled = carry_out(dirty), carry_out(dirty, tile=24)
    assert np.array_equal(np.isnan(whole), np.isnan(tiled))
    span = float(np.nanpercentile(dirty, 99.9))
    assert np.nanmax(np.abs(whole - tiled)) <= 1e-5 * span
    part = carry_out(dirty, spans=[(10, 60), (40, 100)])
    assert np.nanmax(np.abs(whole[40:240, 160:400] - part)) <= 1e-5 * span
