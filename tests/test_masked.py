"""Masked arrays: what is masked reaches no network, and is masked in the result."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

import napari_srgan as ns
from tests.conftest import MakeModel

rng = np.random.default_rng(0)


def hidden(dtype: str = "float32", shape: tuple[int, ...] = (30, 40)) -> Any:
    """Return an image with a hole in its mask, under which lie values that are none."""
    data = (rng.random(shape) * 200).astype(dtype)
    mask = np.zeros(shape, bool)
    mask[..., 8:15, 10:30] = True
    data[mask] = 1e20 if data.dtype.kind == "f" else np.iinfo(data.dtype).max
    return np.ma.MaskedArray(data, mask, fill_value=7)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_the_mask_comes_back_and_what_is_under_it_too(make_model: MakeModel, dtype: str) -> None:
    image = hidden(dtype)
    result = ns.super_resolve(image, make_model(), precision="float32")
    assert isinstance(result, np.ma.MaskedArray)
    assert result.dtype == dtype
    assert result.fill_value == 7
    mask = image.mask.repeat(4, 0).repeat(4, 1)
    assert np.array_equal(result.mask, mask)
    assert np.array_equal(result.data[mask], image.data.repeat(4, 0).repeat(4, 1)[mask])


def test_what_is_masked_does_not_reach_the_network(make_model: MakeModel) -> None:
    image, model = hidden(), make_model()
    result = ns.super_resolve(image, model, precision="float32")
    known = ns.super_resolve(image.filled(np.nan), model, precision="float32")
    assert np.array_equal(result.filled(np.nan), known, equal_nan=True)
    other = np.ma.MaskedArray(np.where(image.mask, -3, image.data), image.mask)
    again = ns.super_resolve(other, model, precision="float32")
    assert np.array_equal(result.filled(0), again.filled(0))


def test_an_array_without_a_mask_is_as_it_is(make_model: MakeModel) -> None:
    data, model = rng.random((20, 24), dtype="float32"), make_model()
    result = ns.super_resolve(np.ma.MaskedArray(data), model, precision="float32")
    assert result.mask is np.ma.nomask
    assert np.array_equal(result.data, ns.super_resolve(data, model, precision="float32"))


def test_masks_of_stacks_and_colours_are_theirs(make_model: MakeModel) -> None:
    stack = hidden("uint16", (3, 30, 40))
    stack.mask[1] = False
    result = ns.super_resolve(stack, make_model(), axes="ZYX", precision="float32")
    assert np.array_equal(result.mask, stack.mask.repeat(4, 1).repeat(4, 2))
    rgb = np.ma.MaskedArray(rng.integers(0, 255, (30, 40, 3), "uint8"))
    rgb[8:15, 10:30] = np.ma.masked
    colours = ns.super_resolve(rgb, make_model(3), axes="YXS", precision="float32")
    assert np.array_equal(colours.mask, rgb.mask.repeat(4, 0).repeat(4, 1))


def test_a_lazy_masked_array_stays_one(make_model: MakeModel) -> None:
    image, model = hidden("uint16", (64, 40)), make_model()
    lazy = da.from_array(image, chunks=(16, 40), asarray=False)
    result = ns.super_resolve(lazy, model, tile=24, precision="float32")
    assert isinstance(result, da.Array)
    computed = result.compute()
    assert isinstance(computed, np.ma.MaskedArray)
    expected = ns.super_resolve(image, model, precision="float32")
    assert np.array_equal(computed.mask, expected.mask)
    assert np.abs(computed.filled(0).astype(int) - expected.filled(0)).max() <= 1
