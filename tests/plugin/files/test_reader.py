"""Files as layers: place, units, names, colours, and nothing that napari warns of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

import napari_srgan as ns
from napari_srgan import io
from napari_srgan.io import Channel, GeoReference, ImageFile
from napari_srgan.plugin import settings
from napari_srgan.plugin.files.reader import get_reader
from napari_srgan.plugin.layers.contrast import sampled_limits

rng = np.random.default_rng(0)

UTM = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633)


def pixels(*shape: int, dtype: str = "uint16") -> Any:
    return rng.integers(0, 4000, shape).astype(dtype)


def map_of(data: Any, axes: str = "YX", **facts: Any) -> ImageFile:
    transform = np.array([[10.0, 0, 399960], [0, -20.0, 5300040], [0, 0, 1]])
    return ImageFile(data, axes, geo=GeoReference(transform, {34735: UTM}), **facts)


def shown(path: Any) -> Any:
    """Return a viewer model with a file, whose every slice has been shown."""
    viewer: Any = ViewerModel()
    for data, options, kind in ns.read(path):
        assert kind == "image"
        viewer.add_image(data, **options)
    for axis, steps in enumerate(viewer.dims.nsteps[:-2]):
        for step in range(min(steps, 3)):
            viewer.dims.set_current_step(axis, step)
    return viewer


def test_scale_units_and_labels_are_the_files(tmp_path: Path) -> None:
    size = {"T": 5.0, "Z": 2.0, "Y": 0.3, "X": 0.2}
    path = io.write(tmp_path / "cells.ome.tif", ImageFile(pixels(2, 3, 9, 8), "TZYX", size))
    (layer,) = shown(path).layers
    assert layer.name == "cells"
    assert layer.axis_labels == ("t", "z", "y", "x")
    assert [str(u) for u in layer.units] == ["second", *["micrometer"] * 3]
    assert np.allclose(layer.scale, [5, 2, 0.3, 0.2])
    assert np.allclose(layer.translate, 0)


def test_channels_are_layers_with_names_and_colours(tmp_path: Path) -> None:
    channels = (Channel("DAPI", (0, 0, 255)), Channel("GFP", (255, 136, 0)))
    image = ImageFile(pixels(2, 9, 8), "CYX", {"Y": 0.3, "X": 0.2}, channels=channels)
    layers = shown(io.write(tmp_path / "cells.tif", image)).layers
    assert [layer.name for layer in layers] == ["cells: DAPI", "cells: GFP"]
    assert [layer.blending for layer in layers] == ["additive"] * 2
    assert layers[0].colormap.name == "blue"
    assert np.allclose(layers[1].colormap.colors[-1], [1, 136 / 255, 0, 1])
    assert np.array_equal(layers[1].data, image.data[1])
    assert np.allclose(layers[1].scale, [0.3, 0.2])


def test_channels_without_colours_differ(tmp_path: Path) -> None:
    path = io.write(tmp_path / "cells.tif", ImageFile(pixels(3, 9, 8), "CYX"))
    maps = [layer.colormap.name for layer in shown(path).layers]
    assert maps == ["cyan", "magenta", "yellow"]


def test_many_channels_have_a_slider(tmp_path: Path) -> None:
    path = io.write(tmp_path / "bands.tif", ImageFile(pixels(20, 9, 8), "CYX"))
    (layer,) = shown(path).layers
    assert layer.axis_labels == ("c", "y", "x")
    assert layer.data.shape == (20, 9, 8)


def test_colours_are_one_layer(tmp_path: Path) -> None:
    data = pixels(9, 8, 3, dtype="uint8")
    path = io.write(tmp_path / "photo.png", ImageFile(data, "YXS"))
    (layer,) = shown(path).layers
    assert layer.rgb
    assert np.array_equal(layer.data, data)


def test_axes_of_one_entry_are_left_out(tmp_path: Path) -> None:
    path = io.write(tmp_path / "cells.tif", ImageFile(pixels(1, 1, 1, 9, 8), "TCZYX"))
    (layer,) = shown(path).layers
    assert layer.data.shape == (9, 8)
    assert layer.axis_labels == ("y", "x")


def test_the_edge_of_a_map_is_at_0_in_metres(tmp_path: Path) -> None:
    (layer,) = shown(io.write(tmp_path / "map.tif", map_of(pixels(9, 8)))).layers
    assert np.allclose(layer.scale, [20, 10])
    assert np.allclose(layer.data_to_world((-0.5, -0.5)), 0)
    assert [str(u) for u in layer.units] == ["meter", "meter"]
    record = layer.metadata["napari_srgan_file"].record
    assert record.geo.crs == "EPSG:32633"
    assert record.geo.transform[0, 2] == 399960
    assert record.data is None


def volume(linear: Any, shape: tuple[int, ...] = (4, 9, 8)) -> ImageFile:
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = -30, 12, 7
    return ImageFile(pixels(*shape), "ZYX", unit="mm", affine=affine)


def test_a_straight_volume_lies_in_its_place(tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    path = io.write(tmp_path / "brain.nii.gz", volume(np.diag([3, 1, 2])))
    (layer,) = shown(path).layers
    assert layer.name == "brain"
    assert np.allclose(layer.data_to_world((1, 2, 3)), [-30 + 3, 12 + 2, 7 + 6])
    assert np.allclose(layer.scale, [3, 1, 2])
    assert [str(u) for u in layer.units] == ["millimeter"] * 3


def test_a_volume_turned_within_its_slices_lies_in_its_place(tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    turn = np.eye(3)
    turn[1:, 1:] = [[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]]
    image = volume(turn @ np.diag([3, 1, 2]))
    (layer,) = shown(io.write(tmp_path / "brain.nii", image)).layers
    assert image.affine is not None
    expected = image.affine @ [1, 2, 3, 1]
    assert np.allclose(layer.data_to_world((1, 2, 3)), expected[:3], atol=1e-5)
    assert np.allclose(layer.scale, [3, 1, 2])


@pytest.mark.parametrize(
    "linear", [[[0, 0, 1], [0, 1, 0], [1, 0, 0]], [[1, 0.2, 0], [-0.2, 1, 0], [0, 0, 1]]]
)
def test_a_volume_turned_out_of_its_slices_is_laid_straight_about_its_centre(
    tmp_path: Path, linear: Any
) -> None:
    # As a sagittal series is, of which napari could show no slice.
    image = volume(np.array(linear))
    path = io.write(tmp_path / "turned.zarr", image)
    (layer,) = shown(path).layers
    assert image.affine is not None
    middle = (np.array(image.data.shape) - 1) / 2
    assert np.allclose(layer.data_to_world(middle), (image.affine @ [*middle, 1])[:3])


def test_a_pyramid_is_multiscale_and_stays_on_disk(tmp_path: Path) -> None:
    path = io.write(tmp_path / "large.zarr", ImageFile(pixels(700, 600), "YX", {"Y": 1, "X": 1}))
    (layer,) = shown(path).layers
    assert layer.multiscale
    assert [level.shape for level in layer.data] == [(700, 600), (350, 300), (175, 150)]
    assert not isinstance(layer.data[0], np.ndarray)


def test_what_is_larger_than_the_setting_stays_on_disk(tmp_path: Path) -> None:
    path = io.write(tmp_path / "cells.tif", ImageFile(pixels(3, 90, 80), "ZYX"))
    assert isinstance(ns.read(path)[0][0], np.ndarray)
    settings.put("lazy_over", 0)
    data, options, _ = ns.read(path)[0]
    assert hasattr(data, "dask")
    assert options["contrast_limits"][0] < options["contrast_limits"][1]


def test_contrast_is_of_values_not_of_the_dtype(tmp_path: Path) -> None:
    data = pixels(90, 80)
    data[0, 0] = 65535
    limits = ns.read(io.write(tmp_path / "a.tif", ImageFile(data, "YX")))[0][1]["contrast_limits"]
    assert 0 <= limits[0] < 100
    assert 3900 < limits[1] <= 4000


@pytest.mark.parametrize("value", [-9999.0, float("nan"), -3.4028234663852886e38])
def test_pixels_without_a_value_have_no_part_in_the_contrast(value: float) -> None:
    data = np.linspace(10, 20, 100, dtype="float32").reshape(10, 10)
    data[:5] = value
    low, high = sampled_limits(data, None if np.isnan(value) else value)
    assert 14 < low < high <= 20


@pytest.mark.parametrize("data", [np.zeros((3, 3)), np.full((3, 3), np.nan), np.full((3, 3), 1e9)])
def test_an_image_of_one_value_has_a_contrast(data: Any) -> None:
    low, high = sampled_limits(data.astype("float32"))
    assert low < high


def test_the_windows_of_a_file_are_its_contrast(tmp_path: Path) -> None:
    image = ImageFile(pixels(9, 8), "YX", {"Y": 1, "X": 1}, channels=(Channel("a", None, (5, 99)),))
    (layer,) = shown(io.write(tmp_path / "cells.zarr", image)).layers
    assert layer.contrast_limits == [5, 99]


def test_images_of_one_file_have_names(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.ome.tif", ome=True) as file:
        for name in ("left", "right"):
            file.write(pixels(9, 8), metadata={"axes": "YX", "Name": name})
    assert [layer.name for layer in shown(tmp_path / "two.ome.tif").layers] == [
        "two: left",
        "two: right",
    ]


def test_a_list_and_a_folder_are_stacks(tmp_path: Path) -> None:
    planes = pixels(3, 9, 8)
    paths = [tmp_path / f"z{n}.tif" for n in (2, 10, 1)]
    for path, plane in zip(paths, planes, strict=True):
        io.write(path, ImageFile(plane, "YX", {"Y": 1, "X": 1}))
    (layer,) = shown([str(p) for p in paths]).layers
    assert np.array_equal(layer.data, planes)
    assert layer.axis_labels == ("t", "y", "x")
    (layer,) = shown(tmp_path).layers
    assert np.array_equal(layer.data, planes[[2, 0, 1]])
    assert layer.name == tmp_path.name


def test_a_reader_declines_what_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "notes.tif").write_text("no image")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.tif").write_bytes(b"II*\0" + bytes(3))
    assert get_reader(str(tmp_path / "notes.tif")) is None
    assert get_reader(str(tmp_path / "absent.tif")) is None
    assert get_reader(str(tmp_path / "empty")) is None
    assert get_reader([]) is None
    assert get_reader("https://example.org/a.tif") is None
    reader = get_reader(str(tmp_path / "broken.tif"))
    assert reader is not None
    with pytest.raises(ValueError, match=r"broken\.tif: cannot be read"):
        reader(str(tmp_path / "broken.tif"))


def test_napari_opens_files_with_the_reader(make_napari_viewer_proxy: Any, tmp_path: Path) -> None:
    path = io.write(tmp_path / "cells.tif", ImageFile(pixels(3, 9, 8), "ZYX", {"Y": 0.3, "X": 0.2}))
    viewer = make_napari_viewer_proxy()
    (layer,) = viewer.open(str(path), plugin="napari-srgan")
    assert np.allclose(layer.scale, [1, 0.3, 0.2])
    (tmp_path / "bad.tif").write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match="cannot be read"):
        viewer.open(str(tmp_path / "bad.tif"), plugin="napari-srgan")
    assert len(viewer.layers) == 1
