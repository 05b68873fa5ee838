"""Arrays of other libraries go in and come out as what they are, or are refused in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import dask.array as da
import numpy as np
import pytest
import torch
from PIL import Image

import napari_srgan as ns
from napari_srgan.arrays import understand
from tests.conftest import MakeModel

rng = np.random.default_rng(0)


def image(*shape: int, dtype: str = "float32") -> Any:
    return (rng.random(shape) * 200).astype(dtype)


def repeated(values: Any) -> Any:
    return values.repeat(4, -2).repeat(4, -1)


# --- PyTorch -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float16", "float32", "float64"])
def test_a_tensor_comes_back_as_one(make_identity: MakeModel, dtype: str) -> None:
    values = image(9, 12, dtype=dtype)
    result = ns.super_resolve(torch.from_numpy(values), make_identity(), precision="float32")
    assert isinstance(result, torch.Tensor)
    assert result.dtype == getattr(torch, dtype)
    expected = ns.super_resolve(values, make_identity(), precision="float32")
    assert np.array_equal(result.numpy(), expected)


def test_a_tensor_of_bfloat16_comes_back_as_one(make_identity: MakeModel) -> None:
    values = torch.from_numpy(image(9, 12)).bfloat16()
    result = ns.super_resolve(values, make_identity(), precision="float32")
    assert result.dtype == torch.bfloat16
    assert torch.equal(result, values.repeat_interleave(4, 0).repeat_interleave(4, 1))


def test_a_tensor_with_gradient_is_detached(make_identity: MakeModel) -> None:
    values = torch.nn.Parameter(torch.from_numpy(image(9, 12)))
    result = ns.super_resolve(values * 2, make_identity(), precision="float32")
    assert not result.requires_grad
    parameter = ns.super_resolve(values, make_identity(), precision="float32")
    assert np.array_equal(parameter.numpy(), repeated(values.detach().numpy()))


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(9, 9).to_sparse(), "a sparse tensor .*to_dense"),
        (torch.zeros(9, 9, device="meta"), "has no values"),
        (torch.zeros(9, 9, dtype=torch.complex64), "has dtype complex64; allowed are"),
        (torch.zeros(9, 9, dtype=torch.bool), "has dtype bool; allowed are"),
        (torch.float64, "a torch.dtype is no image"),
    ],
)
def test_a_tensor_that_is_no_image_is_refused(
    make_identity: MakeModel, tensor: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        ns.super_resolve(tensor, make_identity())


# --- the array API, tensorstore ------------------------------------------------------------------


class OnGpu:
    """An array of CuPy, which gives its values on demand only."""

    __module__ = "cupy"

    def __init__(self, values: Any) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def get(self) -> Any:
        return self.values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed")


def test_an_array_of_cupy_comes_back_as_one(
    make_identity: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    cupy = ModuleType("cupy")
    cupy.asarray = OnGpu  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    values = image(9, 12)
    result = ns.super_resolve(OnGpu(values), make_identity(), precision="float32")
    assert isinstance(result, OnGpu)
    assert np.array_equal(result.get(), repeated(values))


class Device:
    """An array of a library that has values to give, but no numpy dtype."""

    dtype = "its own float"

    def __init__(self, values: Any) -> None:
        self.values, self.shape = values, values.shape

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError("read by index")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.values


def test_what_numpy_makes_an_array_of_is_taken(make_identity: MakeModel) -> None:
    values = image(9, 12)
    result = ns.super_resolve(Device(values), make_identity(), precision="float32")
    assert np.array_equal(result, repeated(values))


def test_an_array_of_the_array_api_comes_back_as_one(make_identity: MakeModel) -> None:
    xp = pytest.importorskip("array_api_strict")
    values = image(9, 12)
    result = ns.super_resolve(xp.asarray(values), make_identity(), precision="float32")
    assert type(result) is type(xp.asarray(values))
    assert result.dtype == xp.float32
    assert np.array_equal(np.from_dlpack(result), repeated(values))


def test_tensorstore_is_read_tile_by_tile(make_identity: MakeModel) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    values = image(2, 64, 50, dtype="uint16")
    result = ns.super_resolve(
        tensorstore.array(values), make_identity(), axes="ZYX", precision="float32", tile=24
    )
    assert isinstance(result, da.Array)
    assert len(result.chunks[1]) > 1
    assert np.array_equal(result.compute(), repeated(values))


def test_a_quantity_keeps_its_unit(make_identity: MakeModel) -> None:
    pint = pytest.importorskip("pint")
    values = image(9, 12)
    quantity = pint.UnitRegistry().Quantity(values, "kelvin")
    result = ns.super_resolve(quantity, make_identity(), precision="float32")
    assert str(result.units) == "kelvin"
    assert np.array_equal(result.magnitude, repeated(values))


# --- dask, lists, Pillow, others -----------------------------------------------------------------


def test_unknown_chunks_are_called_that(make_identity: MakeModel) -> None:
    rows = da.from_array(image(9, 12), chunks=(3, 12))
    unknown = rows[rows[:, 0] > -1]
    with pytest.raises(ValueError, match=r"unknown chunk sizes.*compute_chunk_sizes\(\)"):
        ns.super_resolve(unknown, make_identity())
    known = ns.super_resolve(unknown.compute_chunk_sizes(), make_identity(), precision="float32")
    assert known.shape == (36, 48)


@pytest.mark.parametrize(
    ("mode", "axes"), [("L", "YX"), ("F", "YX"), ("RGB", "YXS"), ("RGBA", "YXS")]
)
def test_a_picture_of_pillow_is_taken(make_identity: MakeModel, mode: str, axes: str) -> None:
    shape = (9, 3) + (len(mode),) * (axes == "YXS")
    values = image(*shape, dtype="float32" if mode == "F" else "uint8")
    if mode == "RGBA":  # colours under alpha 0 are not the image's
        values[..., 3] = values[..., 3].clip(1)
    picture = Image.fromarray(values)
    assert picture.mode == mode
    result = ns.super_resolve(picture, make_identity(), precision="float32")
    assert result.shape == (36, 12, *shape[2:])
    rgb = slice(None) if mode != "RGBA" else np.s_[..., :3]
    assert np.array_equal(result[rgb], values.repeat(4, 0).repeat(4, 1)[rgb])


@pytest.mark.parametrize(("mode", "better"), [("P", "RGB"), ("1", "L"), ("LA", "RGBA")])
def test_a_picture_whose_values_are_no_intensities_is_refused(
    make_identity: MakeModel, mode: str, better: str
) -> None:
    picture = Image.new(mode, (9, 9))
    with pytest.raises(TypeError, match=rf"mode '{mode}'.*image\.convert\('{better}'\)"):
        ns.super_resolve(picture, make_identity())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1.0, 2.0], [3.0]], "numpy makes no array of this list"),
        ("cells.tif", r"'cells\.tif' is a path, not an image; napari_srgan\.read"),
        (Path("cells.tif"), r"'cells\.tif' is a path, not an image"),
        (None, "a NoneType is no image"),
        ({"a": 1}, "a dict is no image"),
        (np.array([[1, None]], object), "has dtype object; allowed are integers and floats"),
        (np.zeros((9, 9), "complex64"), "has dtype complex64; allowed are"),
        (da.from_array([1]).to_delayed()[0], r"a dask\.Delayed is no array.*from_delayed"),
    ],
)
def test_what_is_no_array_is_refused_in_words(
    make_identity: MakeModel, given: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        ns.super_resolve(given, make_identity())


def test_a_sparse_matrix_is_refused_in_words(make_identity: MakeModel) -> None:
    from scipy.sparse import csr_array

    with pytest.raises(TypeError, match=r"a sparse array \(scipy\.csr_array\); .*toarray"):
        ns.super_resolve(csr_array(image(9, 9)), make_identity())


def test_a_matrix_is_an_array(make_identity: MakeModel) -> None:
    values = image(9, 12)
    result = ns.super_resolve(values.view(np.matrix), make_identity(), precision="float32")
    assert np.array_equal(result, repeated(values))


def test_xarray_is_not_imported_where_it_is_not_used() -> None:
    code = (
        "import sys, numpy, napari_srgan.arrays as arrays\n"
        "arrays.understand(numpy.ones((9, 9)))\n"
        "assert not {'xarray', 'cupy', 'tensorstore'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- masks ---------------------------------------------------------------------------------------


def test_a_mask_says_what_is_missing() -> None:
    masked = np.ma.MaskedArray(image(9, 12), image(9, 12) > 100)
    given = understand(masked)
    assert type(given.data) is np.ndarray
    assert np.array_equal(given.missing, masked.mask)
    assert understand(np.ma.MaskedArray(masked.data)).missing is None
    lazy = understand(da.from_array(masked, chunks=(3, 12), asarray=False))
    assert np.array_equal(lazy.missing.compute(), masked.mask)
    assert type(lazy.data.compute()) is np.ndarray


def test_the_mask_comes_back_finer() -> None:
    masked = np.ma.MaskedArray(image(2, 9, 12), image(2, 9, 12) > 100, fill_value=3)
    result = understand(masked).back(repeated(masked.data), "ZYX", 4)
    assert isinstance(result, np.ma.MaskedArray)
    assert np.array_equal(result.mask, repeated(masked.mask))
    assert result.fill_value == 3
