from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_srgan.engine.intensity import (
    IntensityMap,
    check_dtype,
    check_normalise,
    make_intensity_map,
)
from napari_srgan.engine.missing import FILL_REACH, fill_invalid


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
def test_every_small_integer_comes_back(dtype: str) -> None:
    info = np.iinfo(dtype)
    values = np.arange(info.min, info.max + 1).astype(dtype)
    for low, high in ((info.min, info.max), (100, 101), (-1000, 30000), (0.3, 117.7)):
        intensity = IntensityMap(np.dtype(dtype), (low,), (high,))
        result = intensity.inverse(intensity.forward(values))
        assert np.array_equal(result, values), (low, high)


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int32, np.uint32, np.float16]),
        20,
        elements={"min_value": 0, "max_value": 60000},
    ),
    st.floats(-1e4, 1e4),
    st.floats(1e-2, 1e5),
)
def test_wide_values_come_back_with_their_remainder(
    values: np.ndarray[Any, np.dtype[Any]], low: float, span: float
) -> None:
    intensity = IntensityMap(values.dtype, (low,), (low + span,))
    result = intensity.inverse(intensity.forward(values), 0, intensity.remainder(values))
    if values.dtype.kind in "iu":
        assert np.array_equal(result, values)
    # What is lost is what float64 cannot hold beside the range.
    error = np.abs(result.astype(np.float64) - values.astype(np.float64)).max()
    assert error <= 2.0**-50 * (abs(low) + span + 60000)


def test_nothing_is_clipped_on_the_way_in() -> None:
    intensity = IntensityMap(np.dtype("float32"), (10.0,), (20.0,))
    assert np.allclose(intensity.forward(np.array([0, 10, 20, 40], "float32")), [-1, 0, 1, 3])


def test_integers_are_rounded_and_clipped_to_their_dtype() -> None:
    intensity = IntensityMap(np.dtype("uint8"), (0.0,), (255.0,))
    result = intensity.inverse(np.array([-0.1, 0.5, 1.1], np.float32))
    assert result.tolist() == [0, 128, 255]


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32"])
def test_the_largest_integers_do_not_wrap(dtype: str) -> None:
    intensity = IntensityMap(np.dtype(dtype), (0.0,), (float(np.iinfo(dtype).max),))
    result = intensity.inverse(np.array([2.0], np.float32))
    assert result[0] > np.iinfo(dtype).max // 2


def test_eight_bit_takes_its_whole_range_and_others_percentiles_per_channel() -> None:
    eight = make_intensity_map([[]], np.dtype("uint8"))
    assert (eight.low, eight.high) == ((0.0,), (255.0,))
    ramp = np.arange(100_001.0)[:, None].repeat(3, 1)
    two = make_intensity_map([[ramp], [ramp * 2]], np.dtype("uint32"))
    assert two.low == pytest.approx((100, 200))
    assert two.high == pytest.approx((99_900, 199_800))


def test_constant_and_empty_samples_have_a_range() -> None:
    for sample in (np.full((3, 3), 7.5), np.zeros((1, 1)), np.full((2, 5), np.nan)):
        intensity = make_intensity_map([[sample]], np.dtype("float32"))
        assert intensity.high[0] > intensity.low[0]


def test_normalise_takes_numbers_and_none() -> None:
    sample = [[np.arange(9.0).reshape(3, 3)]]
    assert make_intensity_map(sample, np.dtype("float32"), (2, 5)).high == (5.0,)
    assert make_intensity_map(sample, np.dtype("float32"), "none").low == (0.0,)


@pytest.mark.parametrize("normalise", ["percent", (5, 2), (1, 1), (0, np.nan), (1, 2, 3), 3])
def test_wrong_normalise_is_named(normalise: object) -> None:
    with pytest.raises(ValueError, match=r"allowed are 'auto', 'none' or \(low, high\)"):
        check_normalise(normalise)


@pytest.mark.parametrize(
    ("dtype", "advice"),
    [("bool", "the image the mask was made from"), ("complex64", "magnitude"), ("U3", "convert")],
)
def test_dtypes_without_intensities_are_refused(dtype: str, advice: str) -> None:
    with pytest.raises(TypeError, match=advice):
        check_dtype(np.dtype(dtype))


def test_filled_values_come_from_the_neighbours() -> None:
    values = np.full((20, 20), 3.0, np.float32)
    invalid = np.zeros((20, 20), bool)
    invalid[5:8, 5:8] = True
    values[invalid] = np.nan
    assert (fill_invalid(values, invalid) == 3).all()


def test_a_fill_depends_on_near_pixels_only() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((30, 30), np.float32)
    invalid = rng.random((30, 30)) < 0.97
    whole = fill_invalid(values, invalid)
    part = fill_invalid(values[5:25, 5:25], invalid[5:25, 5:25])
    inner = slice(FILL_REACH, -FILL_REACH)
    assert np.array_equal(whole[5:25, 5:25][inner, inner], part[inner, inner])
