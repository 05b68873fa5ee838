"""A file and its finer result, both read again, lie on each other in the viewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image

import napari_srgan as ns
from napari_srgan import io
from napari_srgan.io import GeoReference, ImageFile
from napari_srgan.io.finer_image import finer_image
from tests.conftest import MakeModel

rng = np.random.default_rng(0)
UTM = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633)
MAP = np.array([[10.0, 0, 399960], [0, -20.0, 5300040], [0, 0, 1]])


def pixels(*shape: int) -> Any:
    return rng.integers(0, 250, shape).astype("uint16")


def edges(layer: Image) -> Any:
    """Return where the outer corners of the first and the last pixel are in the viewer."""
    last = np.array(layer.data.shape[: layer.ndim]) - 0.5
    return np.array([layer.data_to_world([-0.5] * layer.ndim), layer.data_to_world(last)])


def layers_of(path: Path) -> list[Image]:
    return [Image(data, **options) for data, options, _ in ns.read(path)]


def _ome(path: Path) -> None:
    io.write(path, ImageFile(pixels(9, 8), "YX", {"Y": 0.4, "X": 0.8}))


def _fields(path: Path) -> None:
    with tifffile.TiffWriter(path, ome=True) as file:
        for x in (1000, 1006.4):
            plane = {"PositionX": [x] * 3, "PositionY": [2000] * 3, "PositionZ": [5] * 3}
            size = {"PhysicalSizeX": 0.8, "PhysicalSizeY": 0.4, "PhysicalSizeZ": 2}
            file.write(pixels(3, 9, 8), metadata={"axes": "ZYX", **size, "Plane": plane})


def _tags(path: Path) -> None:
    tifffile.imwrite(path, pixels(9, 8), resolution=(20_000, 10_000), resolutionunit="CENTIMETER")


def _imagej(path: Path) -> None:
    metadata = {"axes": "ZYX", "spacing": 3.0, "unit": "um"}
    tifffile.imwrite(path, pixels(3, 9, 8), imagej=True, resolution=(5, 4), metadata=metadata)


def _map(path: Path) -> None:
    io.write(path, ImageFile(pixels(9, 8), "YX", geo=GeoReference(MAP, {34735: UTM})))


def _maps(path: Path) -> None:
    io.write(path, ImageFile(pixels(3, 9, 8), "TYX", geo=GeoReference(MAP, {34735: UTM})))


def _opacity(path: Path) -> None:
    data = pixels(9, 8, 2)
    sizes: Any = {"resolution": (20_000, 10_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, data, photometric="minisblack", extrasamples=["unassalpha"], **sizes)


def _turned_map(path: Path) -> None:
    turned = MAP @ np.array([[0.9, 0.2, 0], [-0.2, 0.9, 0], [0, 0, 1]])
    io.write(path, ImageFile(pixels(9, 8), "YX", geo=GeoReference(turned, {34735: UTM})))


def _unknown_units(path: Path) -> None:
    io.write(path, ImageFile(pixels(9, 8), "YX", geo=GeoReference(MAP)))


def _control_points(path: Path) -> None:
    points = (0.0, 0.0, 0.0, 10.0, 50.0, 0.0, 8.0, 9.0, 0.0, 11.0, 49.0, 0.0)
    io.write(path, ImageFile(pixels(9, 8), "YX", geo=GeoReference(None, {33922: points})))


def _polynomials(path: Path) -> None:
    numbers = (-1.0, -1.0, 4.0, 4.0, 48.0, 11.0, 500.0, 5.0, 6.0, 0.01, 0.02, 500.0)
    terms = [0.0] * 20
    line, sample, one = ([*terms[:i], 1.0, *terms[i + 1 :]] for i in (2, 1, 0))
    tag = (*numbers, *line, *one, *sample, *one)
    io.write(path, ImageFile(pixels(9, 8), "YX", geo=GeoReference(None, {50844: tag})))


MAKERS = [
    *(_ome, _fields, _tags, _imagej, _opacity, _map, _maps),
    *(_turned_map, _unknown_units, _control_points, _polynomials),
]


@pytest.mark.parametrize("make", MAKERS, ids=[m.__name__[1:] for m in MAKERS])
@pytest.mark.parametrize("how", ["file", "layer"])
def test_a_file_and_its_result_lie_on_each_other(
    tmp_path: Path, make_identity: MakeModel, make: Any, how: str
) -> None:
    make(tmp_path / "a.tif")
    before = layers_of(tmp_path / "a.tif")
    after = []
    for number, image in enumerate(io.read(tmp_path / "a.tif")):
        path = tmp_path / f"b{number}.tif"
        if how == "layer":
            finer = ns.super_resolve_layer(before[number], make_identity(), device="cpu")
            ns.write(path, finer)
        else:
            axes = image.axes or ""
            data = image.data.repeat(4, axes.index("Y")).repeat(4, axes.index("X"))
            io.write(path, finer_image(image, data, axes, 4))
        after += layers_of(path)
    assert len(after) == len(before)
    for one, other in zip(before, after, strict=True):
        assert other.data.shape[-1] == 4 * one.data.shape[-1]
        assert np.allclose(np.asarray(one.scale)[-2:], 4 * np.asarray(other.scale)[-2:])
        pixel = np.asarray(one.scale)
        away = np.abs(edges(one) - edges(other)) / pixel
        assert away.max() < 1e-6


def test_fields_of_a_stage_lie_beside_each_other(tmp_path: Path) -> None:
    _fields(tmp_path / "a.tif")
    left, right = (edges(layer) for layer in layers_of(tmp_path / "a.tif"))
    assert np.allclose(left[1, -1], right[0, -1])
    assert np.allclose(left[:, :-1], right[:, :-1])


def test_a_moved_layer_is_written_where_it_is(tmp_path: Path, make_identity: MakeModel) -> None:
    layer = Image(pixels(9, 8), scale=(0.5, 0.5), translate=(100, 50), units="um")
    finer = ns.super_resolve_layer(layer, make_identity(), device="cpu")
    ns.write(tmp_path / "a.ome.tif", finer)
    (again,) = layers_of(tmp_path / "a.ome.tif")
    assert np.allclose(edges(again)[0], [99.75, 49.75], atol=1e-9)
    assert np.allclose(again.translate, [99.8125, 49.8125])


def test_a_turned_layer_is_said_to_be_laid_straight(tmp_path: Path) -> None:
    layer = Image(pixels(9, 8), scale=(0.5, 0.5), rotate=30, units="um")
    with pytest.warns(UserWarning, match="does not hold how an image is turned"):
        ns.write(tmp_path / "a.ome.tif", layer)
    (again,) = layers_of(tmp_path / "a.ome.tif")
    assert np.allclose(again.data_to_world((4, 3.5)), layer.data_to_world((4, 3.5)))
