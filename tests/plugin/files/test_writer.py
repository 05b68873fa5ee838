"""From a file through a viewer and a model into a file: nothing that places an image is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from napari.layers import Image, Labels

import napari_srgan as ns
from napari_srgan import io
from napari_srgan.io import Channel, GeoReference, ImageFile
from napari_srgan.plugin.jobs.job import Job, JobRequest
from tests.conftest import MakeModel

rng = np.random.default_rng(0)

UTM = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633)
PLACE = np.array([[10.0, 0, 399960], [0, -20.0, 5300040], [0, 0, 1]])
TURNED = np.array([[10.0, 3, 399960], [2, -20.0, 5300040], [0, 0, 1]])


def pixels(*shape: int, dtype: str = "uint16") -> Any:
    return rng.integers(0, 250, shape).astype(dtype)


def layers_of(path: Any) -> list[Image]:
    return [Image(data, **options) for data, options, _ in ns.read(path)]


def layer_of(path: Any) -> Image:
    (layer,) = layers_of(path)
    return layer


def finer(layer: Image, make: MakeModel, scale: int = 4) -> Image:
    return ns.super_resolve_layer(layer, make(3 if layer.rgb else 1, scale=scale), device="cpu")


def source(folder: Path, transform: Any = PLACE, **facts: Any) -> Path:
    image = ImageFile(pixels(9, 8), "YX", geo=GeoReference(transform, {34735: UTM}), **facts)
    return io.write(folder / "map.tif", image)


def outer(transform: npt.NDArray[np.float64], shape: tuple[int, ...]) -> Any:
    """Return where the outer corners of the first and last pixel of a map are."""
    return (transform @ [[0, shape[-1]], [0, shape[-2]], [1, 1]])[:2]


def geo_of(image: ImageFile) -> npt.NDArray[np.float64]:
    assert image.geo is not None
    assert image.geo.transform is not None
    return image.geo.transform


# --- maps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [PLACE, TURNED], ids=["straight", "turned"])
@pytest.mark.parametrize("scale", [2, 4])
def test_a_finer_map_has_the_bounds_of_its_source(
    tmp_path: Path, make_identity: MakeModel, transform: Any, scale: int
) -> None:
    layer = finer(layer_of(source(tmp_path, transform, nodata=255.0)), make_identity, scale)
    assert ns.write(tmp_path / "out.tif", layer) == [str(tmp_path / "out.tif")]
    (image,) = io.read(tmp_path / "out.tif")
    assert image.data.shape == (9 * scale, 8 * scale)
    assert np.abs(outer(geo_of(image), image.data.shape) - outer(transform, (9, 8))).max() <= 1e-9
    assert image.nodata == 255


def test_gdal_finds_a_finer_map_where_its_source_is(
    tmp_path: Path, make_identity: MakeModel
) -> None:
    rasterio = pytest.importorskip("rasterio")
    path = source(tmp_path)
    ns.write(tmp_path / "out.tif", finer(layer_of(path), make_identity))
    with rasterio.open(path) as before, rasterio.open(tmp_path / "out.tif") as after:
        assert after.crs == before.crs == rasterio.crs.CRS.from_epsg(32633)
        assert after.res == (2.5, 5)
        assert np.abs(np.subtract(after.bounds, before.bounds)).max() <= 1e-9


def test_a_part_of_a_map_keeps_its_place(tmp_path: Path, make_identity: MakeModel) -> None:
    from napari_srgan.options import Options
    from napari_srgan.plugin.layers.result import layer_arguments, layer_state
    from napari_srgan.plugin.layers.source import layer_source
    from napari_srgan.plugin.layers.super_resolve import steps
    from napari_srgan.upscale import drive

    layer = layer_of(source(tmp_path))
    data, options = layer_source(layer, Options(device="cpu"))
    out, run = drive(steps(data, make_identity(), options, [(2, 6), (3, 8)]))
    part = Image(out, **layer_arguments(layer_state(layer), run.plan))
    ns.write(tmp_path / "part.tif", part)
    (image,) = io.read(tmp_path / "part.tif")
    expected = PLACE @ [[3, 8], [2, 6], [1, 1]]
    assert np.abs(outer(geo_of(image), image.data.shape) - expected[:2]).max() <= 1e-9


def test_a_map_that_is_moved_in_the_viewer_is_written_there(tmp_path: Path) -> None:
    layer = layer_of(source(tmp_path))
    layer.translate = np.add(layer.translate, (20, 30))
    ns.write(tmp_path / "out.tif", layer)
    (image,) = io.read(tmp_path / "out.tif")
    # 20 m south and 30 m east
    assert np.allclose(geo_of(image)[:2, 2], [399990, 5300020], rtol=0, atol=1e-9)


def test_bands_become_one_map_again(tmp_path: Path) -> None:
    names = ("B05", "B06", "B07")
    image = ImageFile(
        pixels(3, 9, 8),
        "CYX",
        geo=GeoReference(PLACE, {34735: UTM}),
        channels=tuple(Channel(n) for n in names),
    )
    layers = layers_of(io.write(tmp_path / "map.tif", image))
    assert len(layers) == 3
    ns.write(tmp_path / "out.tif", layers[::-1])
    (again,) = io.read(tmp_path / "out.tif")
    assert again.axes is not None
    assert np.array_equal(np.moveaxis(again.data, again.axes.index("C"), 0), image.data)
    assert tuple(c.name for c in again.channels) == names
    assert np.array_equal(geo_of(again), PLACE)


def test_a_format_without_maps_says_so(tmp_path: Path) -> None:
    layer = layer_of(source(tmp_path))
    with pytest.warns(UserWarning, match="does not hold a place on the Earth"):
        ns.write(tmp_path / "out.zarr", layer)


# --- volumes -------------------------------------------------------------------------------------


def affine_of(kind: str) -> npt.NDArray[np.float64]:
    affine = np.diag([3.0, 1, 2, 1])
    affine[:3, 3] = -30, 12, 7
    if kind == "oblique":
        turn = np.linalg.qr(np.eye(3) + 0.1 * rng.normal(size=(3, 3)))[0]
        affine[:3, :3] = turn * np.sign(np.diag(turn)) @ affine[:3, :3]
    if kind == "within":
        turn = np.eye(3)
        turn[1:, 1:] = [[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]]
        affine[:3, :3] = turn @ affine[:3, :3]
    return affine


@pytest.mark.parametrize("kind", ["straight", "within", "oblique"])
@pytest.mark.parametrize("end", [".nii.gz", ".zarr"])
def test_a_finer_volume_has_the_place_of_its_source(
    tmp_path: Path, make_identity: MakeModel, kind: str, end: str
) -> None:
    nib = pytest.importorskip("nibabel")
    affine = affine_of(kind)
    image = ImageFile(pixels(3, 9, 8), "ZYX", unit="mm", affine=affine)
    path = io.write(tmp_path / "brain.nii", image)
    (before,) = io.read(path)
    ns.write(tmp_path / f"out{end}", finer(layer_of(path), make_identity))
    (after,) = io.read(tmp_path / f"out{end}")
    assert before.affine is not None
    assert after.affine is not None
    assert after.unit == "mm"
    for corner in ((-0.5, -0.5, -0.5), (2.5, 8.5, 7.5)):
        own = (corner[0], *((c + 0.5) * 4 - 0.5 for c in corner[1:]))
        here, there = before.affine @ [*corner, 1], after.affine @ [*own, 1]
        assert np.abs(here - there).max() < 1e-4
    if end == ".nii.gz":
        header = nib.load(tmp_path / "out.nii.gz").header
        assert header.get_xyzt_units()[0] == "mm"
        assert b"super-resolved x4 by napari-srgan" in header["descrip"].tobytes()


# --- microscopy ----------------------------------------------------------------------------------


def test_a_sagittal_volume_is_made_finer_in_its_slices(
    tmp_path: Path, make_identity: MakeModel
) -> None:
    nib = pytest.importorskip("nibabel")
    affine = np.diag([4.0, 0.5, 0.5, 1])
    affine[:3, 3] = -16, -3, -2
    nib.save(nib.Nifti1Image(np.ones((9, 12, 10), "int16"), affine), tmp_path / "a.nii")
    ((data, options, _),) = ns.read(tmp_path / "a.nii")
    layer = Image(data, **options)
    finer = ns.super_resolve_layer(layer, make_identity())
    assert finer.data.shape == (40, 48, 9)
    # A part of it, which is chosen in the plane that is shown, is made finer in that.
    part = [(0, 1), (0, 12), (0, 9)]
    assert [Job(JobRequest(layer, spans=s)).options.axes for s in (None, part)] == ["YXZ", "ZYX"]
    ns.write(tmp_path / "b.nii", finer)
    written = nib.load(tmp_path / "b.nii")
    assert written.shape == (9, 48, 40)
    first = (affine @ [0, -0.375, -0.375, 1])[:3]
    assert written.affine[:3, 3] == pytest.approx(first)


def test_channels_become_one_image_again(tmp_path: Path, make_identity: MakeModel) -> None:
    channels = (Channel("DAPI", (0, 0, 255)), Channel("GFP", (255, 136, 0)))
    size = {"Z": 2.0, "Y": 0.4, "X": 0.8}
    image = ImageFile(pixels(2, 3, 9, 8), "CZYX", size, channels=channels)
    path = io.write(tmp_path / "cells.tif", image)
    layers = [finer(layer, make_identity) for layer in layers_of(path)]
    ns.write(tmp_path / "out.ome.tif", layers)
    (again,) = io.read(tmp_path / "out.ome.tif")
    assert again.axes is not None
    assert np.array_equal(
        again.data.transpose([again.axes.index(a) for a in "CZYX"]),
        image.data.repeat(4, 2).repeat(4, 3),
    )
    assert again.pixel_size == pytest.approx({"Z": 2, "Y": 0.1, "X": 0.2})
    assert [(c.name, c.colour) for c in again.channels] == [(c.name, c.colour) for c in channels]
    with tifffile.TiffFile(tmp_path / "out.ome.tif") as file:
        assert 'PhysicalSizeX="0.2"' in (file.ome_metadata or "")


def test_how_it_was_made_is_in_the_file_and_comes_back(
    tmp_path: Path, make_identity: MakeModel
) -> None:
    image = ImageFile(pixels(9, 8), "YX", {"Y": 0.4, "X": 0.8})
    layer = finer(layer_of(io.write(tmp_path / "a.tif", image, "stained by hand")), make_identity)
    ns.write(tmp_path / "out.tif", layer)
    made = layer_of(tmp_path / "out.tif").metadata["napari_srgan"]
    assert (made["model"], made["scale"]) == ("identity-1", 4)
    assert json.dumps(made)


@pytest.mark.parametrize("end", [".ome.tif", ".tif"])
def test_what_a_source_said_survives_in_any_letters(tmp_path: Path, end: str) -> None:
    said = "Größe 5 µm, 染色"
    geo = GeoReference(PLACE, {34735: UTM}) if end == ".tif" else None
    path = io.write(tmp_path / f"a{end}", ImageFile(pixels(9, 8), "YX", geo=geo), said)
    ns.write(tmp_path / f"b{end}", layer_of(path))
    assert io.read(tmp_path / f"b{end}")[0].metadata["description"] == said


def test_units_of_a_layer_are_those_of_its_file(tmp_path: Path) -> None:
    layer = Image(pixels(9, 8), scale=(400, 800), units=("nm", "nm"), axis_labels=("y", "x"))
    ns.write(tmp_path / "a.tif", layer)
    (image,) = io.read(tmp_path / "a.tif")
    assert image.unit == "µm"
    assert image.pixel_size == pytest.approx({"Y": 0.4, "X": 0.8})


def test_a_scale_without_units_is_taken_as_micrometres(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="no units; they are written as µm"):
        ns.write(tmp_path / "a.tif", Image(pixels(9, 8), scale=(0.4, 0.8)))
    assert io.read(tmp_path / "a.tif")[0].pixel_size == pytest.approx({"Y": 0.4, "X": 0.8})


def test_a_finer_layer_without_a_pixel_size_has_none(
    tmp_path: Path, make_identity: MakeModel
) -> None:
    ns.write(tmp_path / "a.tif", finer(Image(pixels(9, 8)), make_identity))
    assert io.read(tmp_path / "a.tif")[0].pixel_size == {}


def test_lazy_layers_and_pyramids_are_written_at_their_finest(tmp_path: Path) -> None:
    data = pixels(90, 80)
    lazy = [da.from_array(data[::n, ::n], chunks=32) for n in (1, 2)]
    ns.write(tmp_path / "a.tif", Image(lazy, multiscale=True, contrast_limits=(0, 9)))
    assert np.array_equal(io.read(tmp_path / "a.tif")[0].data, data)


def test_colours_go_into_a_png(tmp_path: Path) -> None:
    data = pixels(9, 8, 3, dtype="uint8")
    ns.write(tmp_path / "a.png", (data, {"rgb": True}, "image"))
    assert np.array_equal(io.read(tmp_path / "a.png")[0].data, data)


# --- what cannot be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Image(np.zeros((9, 8))), Image(np.zeros((9, 9)))], r"differ in shape"),
        ([Image(np.zeros((9, 8))), Image(np.zeros((9, 8), "uint8"))], r"differ in dtype"),
        (
            [Image(np.zeros((9, 8))), Image(np.zeros((9, 8)), translate=(1, 0), units="um")],
            "differ",
        ),
        ([Labels(np.zeros((9, 8), int))], "a labels layer cannot be written here"),
        ([], "there is no layer"),
        ([Image(np.zeros((3, 9, 8)))], "a PNG holds one grey image"),
    ],
)
def test_what_does_not_go_into_one_file_is_said(
    tmp_path: Path, layers: list[Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ns.write(tmp_path / "a.png", layers)
    assert not (tmp_path / "a.png").exists()


def test_napari_saves_with_the_writer(
    make_napari_viewer_proxy: Any, tmp_path: Path, make_identity: MakeModel
) -> None:
    path = source(tmp_path)
    viewer = make_napari_viewer_proxy()
    (layer,) = viewer.open(str(path), plugin="napari-srgan")
    result = viewer.add_layer(finer(layer, make_identity))
    result.save(str(tmp_path / "out.tif"), plugin="napari-srgan")
    (image,) = io.read(tmp_path / "out.tif")
    assert np.abs(outer(geo_of(image), image.data.shape) - outer(PLACE, (9, 8))).max() <= 1e-9
    viewer.layers.save(str(tmp_path / "a.ome.tif"), plugin="napari-srgan", selected=True)
    with pytest.raises(OSError, match="differ in shape"):
        viewer.layers.save(str(tmp_path / "b.tif"), plugin="napari-srgan")
