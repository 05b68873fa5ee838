from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from napari_srgan.engine.ranges import choose_range, find_fill_value

Array = npt.NDArray[Any]
rng = np.random.default_rng(0)


def test_isolated_pixels_do_not_widen_the_range() -> None:
    clean = rng.normal(1000, 50, (200, 200))
    for dirt in (60000.0, -30000.0):
        dirty = np.where(rng.random(clean.shape) < 0.01, dirt, clean)
        found = choose_range([dirty])
        assert 700 < found.low < found.high < 1300


def test_lines_are_no_spikes() -> None:
    scene = rng.normal(100, 5, (200, 200))
    scene[::40] = 2000
    assert choose_range([scene]).high > 1900


def scene_of_structure(side: int = 200) -> Array:
    smooth = ndimage.gaussian_filter(rng.normal(size=(side, side)), 3)
    return np.asarray(1000 + 500 * (smooth - smooth.mean()) / smooth.std())


@pytest.mark.parametrize("value", [60000.0, -30000.0])
def test_lines_of_bad_pixels_do_not_widen_the_range(value: float) -> None:
    clean = scene_of_structure()
    expected = choose_range([clean])
    column, pair, border, track = (clean.copy() for _ in range(4))
    column[:, 70] = value
    pair[:, 70:72] = value + rng.normal(0, 500, (200, 2))
    border[:, 0], border[-1] = value, value
    track[np.arange(30, 90), np.arange(100, 40, -1)] = value
    hot = np.where(rng.random(clean.shape) < 0.01, abs(value), column)
    missing = np.where(rng.random(clean.shape) < 0.05, np.nan, column)
    for dirty in (column, pair, border, track, hot, missing):
        found = choose_range([dirty])
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=100)
        assert found.inner is None
    # It makes no difference whether a sample of squares has met them.
    squares = [clean[:64, i : i + 64] for i in (0, 64, 128)]
    met = choose_range([*squares[:2], column[:64, 64:128]])
    missed = choose_range([*squares[:2], squares[1]])
    assert (met.low, met.high) == pytest.approx((missed.low, missed.high), abs=100)


def test_fibres_with_flanks_and_fine_structure_have_their_range() -> None:
    y, x = np.mgrid[:200, :200]
    fibres = scene_of_structure()
    for slope, start in ((0.3, 20), (-0.6, 150), (0.02, 90)):
        across = (y - slope * x - start) / np.hypot(1, slope)
        fibres += 40000 * np.exp(-(across**2) / (2 * 0.85**2))
    found = choose_range([fibres])
    assert (found.low, found.high) == pytest.approx(np.percentile(fibres, (0.1, 99.9)))
    grid = scene_of_structure()
    grid[::8], grid[:, ::8] = 20000, 20000
    assert choose_range([grid]).high == pytest.approx(20000)


@pytest.mark.parametrize("kind", ["normal", "speckle", "photons"])
def test_noise_has_its_percentiles_as_range(kind: str) -> None:
    image = {
        "normal": rng.normal(0, 1, (300, 300)),
        "speckle": rng.exponential(1, (300, 300)),
        "photons": rng.poisson(0.05, (300, 300)).astype(float),
    }[kind]
    found = choose_range([image])
    assert (found.low, found.high) == pytest.approx(np.percentile(image, (0.1, 99.9)))


def test_the_bulk_of_a_scene_beside_a_bright_part_has_an_exposure_of_its_own() -> None:
    scene = rng.uniform(100, 200, (200, 200))
    assert choose_range([scene]).inner is None
    scene[:40, :40] = rng.uniform(3000, 4000, (40, 40))
    found = choose_range([scene])
    assert found.inner is not None
    assert found.low + found.inner.high * (found.high - found.low) == pytest.approx(250, abs=20)
    # The same below a bright scene, and on a black background.
    dark = choose_range([-scene])
    assert dark.inner is not None
    assert dark.inner.low > 0.9
    scene[100:] = 0
    assert choose_range([scene]).inner is not None


def test_a_fill_value_is_found_among_floats_and_integers() -> None:
    image = rng.uniform(0, 1, (64, 64))
    assert find_fill_value([[image]]) is None
    for value in (-9999.0, float(np.finfo(np.float32).min), 1e20, -32768.0):
        filled = image.copy()
        filled[:20, 5:40] = value
        assert find_fill_value([[filled]]) == value
    heights = rng.uniform(0, 8000, (64, 64)).round()
    heights[:9] = -9999
    assert find_fill_value([[heights]]) == -9999
    # Beside hot pixels, too.
    heights[20:60:7, 3] = 60000
    assert find_fill_value([[heights]]) == -9999


def test_saturation_hot_pixels_and_masks_are_no_fill_values() -> None:
    image = rng.uniform(400, 1300, (64, 64))
    hot = np.where(rng.random(image.shape) < 0.01, 60000, image)
    assert find_fill_value([[hot]]) is None
    smooth = np.minimum(1300 * np.exp(-(np.linspace(-2, 2, 64) ** 2))[None] + image, 1800)
    assert find_fill_value([[smooth]]) is None
    assert find_fill_value([[np.where(image > 900, 65535.0, 0.0)]]) is None
    assert find_fill_value([[np.full((30, 30), 7.0)]]) is None
