"""``xarray.DataArray``: what it says is understood, and its result says it, too."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

import napari_srgan as ns
from napari_srgan.arrays import understand
from napari_srgan.xarray_input import finer_values
from tests.conftest import MakeModel

xr = pytest.importorskip("xarray")
rng = np.random.default_rng(0)


def values(*shape: int) -> Any:
    return rng.random(shape, dtype="float32")


def test_names_give_the_axes(make_identity: MakeModel) -> None:
    data = values(40, 24, 8)
    image = xr.DataArray(data, dims=("y", "x", "band"), name="cube", attrs={"units": "K"})
    result = ns.super_resolve(image, make_identity(), precision="float32")
    assert isinstance(result, xr.DataArray)
    assert result.dims == ("y", "x", "band")
    assert result.shape == (160, 96, 8)
    assert (result.name, result.attrs) == ("cube", {"units": "K"})
    assert np.allclose(result, data.repeat(4, 0).repeat(4, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("dims", "shape", "axes"),
    [
        (("lat", "lon"), (9, 9), "YX"),
        (("time", "latitude", "longitude"), (3, 9, 9), "TYX"),
        (("band", "y", "x"), (3, 9, 9), "CYX"),
        (("y", "x", "band"), (9, 9, 3), "YXC"),
        (("y", "x", "rgb"), (9, 9, 3), "YXS"),
        (("height", "width"), (9, 9), "YX"),
        (("height", "lat", "lon"), (4, 9, 9), "ZYX"),
        (("Z", "Row", "Col"), (4, 9, 9), "ZYX"),
        (("x", "y"), (9, 8), "XY"),
    ],
)
def test_usual_names_are_known(dims: tuple[str, ...], shape: tuple[int, ...], axes: str) -> None:
    assert understand(xr.DataArray(values(*shape), dims=dims)).axes == axes


def test_what_the_cf_conventions_call_a_dimension_counts() -> None:
    image = xr.DataArray(
        values(9, 9, 5),
        dims=("a", "b", "depth"),
        coords={
            "a": ("a", np.arange(9), {"axis": "X"}),
            "b": ("b", np.arange(9), {"standard_name": "projection_y_coordinate"}),
        },
    )
    assert understand(image).axes == "XYZ"


def test_bands_are_colours_where_they_are_called_so() -> None:
    bands = xr.DataArray(values(9, 9, 3), dims=("y", "x", "band"), coords={"band": list("RGB")})
    assert understand(bands).axes == "YXS"


def test_unknown_names_are_said_and_can_be_told(make_identity: MakeModel) -> None:
    image = xr.DataArray(values(5, 9, 12), dims=("station", "y", "x"))
    message = r"are called 'station', 'y', 'x'; what 'station' is, is not known; give axes="
    with pytest.raises(ValueError, match=message):
        ns.super_resolve(image, make_identity())
    result = ns.super_resolve(image, make_identity(), axes="TYX")
    assert result.dims == image.dims
    assert result.shape == (5, 36, 48)
    twice = xr.DataArray(values(9, 9), dims=("x", "lon"))
    with pytest.raises(ValueError, match=r"two of them mean X; give axes="):
        ns.super_resolve(twice, make_identity())
    with pytest.raises(TypeError, match=r"xarray.Dataset is no image.*image\['a'\]"):
        ns.super_resolve(xr.Dataset({"a": image}), make_identity())


def test_coordinates_become_finer_with_the_outer_edges_kept(make_identity: MakeModel) -> None:
    image = xr.DataArray(
        values(2, 9, 12),
        dims=("time", "y", "x"),
        coords={
            "time": np.array(["2020-01-01", "2020-01-02"], "datetime64[ns]"),
            "y": ("y", 5300035.0 - 10 * np.arange(9), {"units": "metre"}),
            "x": ("x", np.arange(12, dtype="int16"), {"long_name": "column"}),
            "spatial_ref": ((), 0, {"GeoTransform": "399960 1 0 5300040 0 -10"}),
            "day": ("time", [1, 2]),
        },
    )
    image.encoding = {"_FillValue": -1.0, "chunksizes": (1, 9, 12), "grid_mapping": "spatial_ref"}
    result = ns.super_resolve(image, make_identity(), precision="float32")
    for name, step in (("y", -10.0), ("x", 1.0)):
        coarse, fine = image[name].values.astype(float), result[name].values
        assert fine[0] == coarse[0] - (1 / 2 - 1 / 8) * step
        assert np.allclose(np.diff(fine), step / 4, rtol=0, atol=1e-9)
        assert fine[-1] + step / 8 == pytest.approx(coarse[-1] + step / 2, abs=1e-9)
    assert result["y"].attrs == {"units": "metre"}
    assert result["x"].attrs == {"long_name": "column"}
    assert np.array_equal(result["time"], image["time"])
    assert result["day"].values.tolist() == [1, 2]
    transform = [float(v) for v in result["spatial_ref"].attrs["GeoTransform"].split()]
    assert transform == [399960, 0.25, 0, 5300040, 0, -2.5]
    assert result.encoding == {"_FillValue": -1.0, "grid_mapping": "spatial_ref"}


def test_uneven_and_curved_coordinates_are_interpolated() -> None:
    uneven = finer_values(np.array([0.0, 1, 3]), 0, 2)
    assert uneven is not None
    assert uneven.tolist() == [-0.25, 0.25, 0.75, 1.5, 2.5, 3.5]
    rows, columns = np.mgrid[:3, :4].astype(float)
    curved = finer_values(rows + columns**2, 0, 2)
    assert curved is not None
    assert np.allclose(curved[:, 0], [-0.25, 0.25, 0.75, 1.25, 1.75, 2.25])
    assert finer_values(np.array([7.0]), 0, 4) is None
    names = finer_values(np.array(["a", "b"]), 0, 2)
    assert names is not None
    assert names.tolist() == ["a", "a", "b", "b"]
    days = finer_values(np.array(["2020-01-01", "2020-01-03"], "datetime64[h]"), 0, 2)
    assert days is not None
    assert str(days[0]) == "2019-12-31T12"


def test_lazy_stays_lazy(make_identity: MakeModel) -> None:
    data = values(64, 40)
    image = xr.DataArray(
        da.from_array(data, chunks=(10, 40)), dims=("y", "x"), coords={"y": np.arange(64)}
    )
    result = ns.super_resolve(image, make_identity(), tile=16, precision="float32")
    assert isinstance(result.data, da.Array)
    assert len(result.chunks[0]) > 1
    assert np.allclose(result.compute(), data.repeat(4, 0).repeat(4, 1), atol=1e-6)


@pytest.mark.parametrize(
    "attrs",
    [
        {"_FillValue": -9999.0},
        {"nodata": -9999},
        {"nodatavals": (-9999.0, -9999.0)},
        {"missing_value": np.float32(-9999)},
    ],
)
def test_a_fill_value_is_nodata(make_model: MakeModel, attrs: dict[str, Any]) -> None:
    data = values(20, 24)
    data[3:9, 5:15] = -9999
    image = xr.DataArray(data, dims=("y", "x"), attrs=attrs)
    model = make_model()
    result = ns.super_resolve(image, model, precision="float32")
    expected = ns.super_resolve(data, model, nodata=-9999, precision="float32")
    assert np.array_equal(result, expected)
    assert result.attrs == attrs
    told = ns.super_resolve(image, model, nodata=0, precision="float32")
    assert not np.array_equal(told, expected)


def test_integers_stay_what_they_are(make_identity: MakeModel) -> None:
    result = ns.super_resolve(
        xr.DataArray(values(9, 12).astype("uint16"), dims=("y", "x")), make_identity()
    )
    assert result.dtype == np.uint16
