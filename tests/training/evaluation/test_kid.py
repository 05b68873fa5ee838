from __future__ import annotations

import numpy as np
import pytest

from srgan_training.evaluation.kid import Array, PatchFeatures, kid
from srgan_training.networks.feature_networks import FeatureNetwork


def images(rng: np.random.Generator, number: int, shift: float = 0.0) -> list[Array]:
    return [rng.normal(shift, 1, (6, 5)) for _ in range(number)]


def test_kid_by_hand() -> None:
    """Of numbers whose mean is 0 and deviation 1 already."""
    real = np.array([[-1.0], [1.0]]) * 2**-0.5
    fake = np.array([[0.0], [2.0]]) * 2**-0.5

    def kernel(x: float, y: float) -> float:
        return (x * y / 2 + 1) ** 3

    expected = (
        kernel(0, 2) + kernel(-1, 1) - 2 * np.mean([kernel(x, y) for x in (0, 2) for y in (-1, 1)])
    )
    # Brought to deviation 1, all numbers are multiplied by the same.
    value, error = kid([fake], [real])
    deviation = real.std(ddof=1)
    assert deviation == pytest.approx(1)
    assert value == pytest.approx(expected, rel=1e-4)
    assert np.isnan(error)


def test_kid_is_zero_on_average_where_both_sets_are_of_one_kind() -> None:
    rng = np.random.default_rng(0)
    found = np.array([kid(images(rng, 12), images(rng, 12))[0] for _ in range(80)])
    standard_error = found.std() / len(found) ** 0.5
    assert abs(found.mean()) < 3 * standard_error
    assert (found < 0).any()


def test_kid_grows_with_the_distance() -> None:
    rng = np.random.default_rng(0)
    real = images(rng, 20)
    near, far = (kid(images(rng, 20, shift), real) for shift in (0.5, 1.5))
    assert 0 < near[0] < far[0]
    assert near[0] > 3 * near[1]


def test_the_error_is_that_of_repeated_measurements() -> None:
    rng = np.random.default_rng(1)
    repeated = [kid(images(rng, 15, 0.5), images(rng, 15)) for _ in range(100)]
    values, errors = np.array(repeated).T
    assert np.mean(errors) == pytest.approx(values.std(), rel=0.35)


def test_what_has_no_kid() -> None:
    one = [np.zeros((1, 3))]
    assert np.isnan(kid(one, one)).all()
    assert np.isnan(kid([], [])).all()
    with pytest.raises(ValueError, match="1 generated images for 2 real ones"):
        kid(one, one * 2)


def test_patches_that_touch_are_described_and_a_rest_is_left_out() -> None:
    network = FeatureNetwork("efficientnet-lite0", ["stage2", "stage3"], weights=None)
    gathered = PatchFeatures(network)
    rng = np.random.default_rng(0)
    image = rng.random((3, 130, 200))
    gathered.add(image)
    gathered.add(image[:, :128, :192])
    gathered.add(image[:, :60])
    gathered.add(rng.random((2, 64, 64)))
    first, second, bands = gathered.feature_vectors()
    assert first.shape == (6, 2 * (16 + 24))
    assert np.allclose(first, second)
    assert bands.shape == (2, 80)


def test_each_stage_is_described_relative_to_its_deviation() -> None:
    network = FeatureNetwork("efficientnet-lite0", ["stage2"], weights=None)
    gathered = PatchFeatures(network)
    image = np.random.default_rng(0).random((3, 64, 64))
    gathered.add(image)
    import torch

    with torch.inference_mode():
        (features,) = network(torch.from_numpy(image[None]).float())
    (row,) = gathered.feature_vectors()[0]
    deviation = float(features.std())
    assert row[:16] == pytest.approx(features.mean((2, 3))[0].numpy() / deviation, rel=1e-3)
    assert row[16:] == pytest.approx(features.std((2, 3))[0].numpy() / deviation, rel=1e-3)
