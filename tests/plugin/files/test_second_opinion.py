"""A result that was saved lies where its source does, for other people's software as for ours."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from napari.layers import Image

import napari_srgan as ns
from napari_srgan import io
from napari_srgan.io import Channel, GeoReference, ImageFile
from tests.conftest import MakeModel
from tests.io.dicom.test_reader import series

rng = np.random.default_rng(0)
Array = npt.NDArray[Any]

UTM = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633)
STRAIGHT = np.array([[10.0, 0, 399960], [0, -20.0, 5300040], [0, 0, 1]])
TURNED = np.array([[10.0, 3, 399960], [2, -20.0, 5300040], [0, 0, 1]])


def pixels(*shape: int) -> Any:
    return rng.integers(1, 250, shape).astype("uint16")


def finer(path: Path, make: MakeModel) -> list[Image]:
    """Return the layers of a file, each four times finer."""
    layers = [Image(data, **options) for data, options, _ in ns.read(path)]
    return [
        ns.super_resolve_layer(layer, make(), device="cpu", precision="float32") for layer in layers
    ]


def in_order(image: ImageFile, axes: str) -> Array:
    """Return an image's data with their axes in some order."""
    assert image.axes is not None
    return np.asarray(image.data).transpose([image.axes.index(a) for a in axes])


# --- volumes -------------------------------------------------------------------------------------


def rotation(*degrees: float) -> Array:
    """Return a rotation about x, then y, then z."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[[i, j, i, j], [i, j, j, i]] = [*[np.cos(angle)] * 2, -np.sin(angle), np.sin(angle)]
        turn = step @ turn
    return turn


def oblique(folder: Path, data: Array) -> Path:
    """Write slices that are turned about all three axes, 3 mm apart, of 0.5 × 0.75 mm."""
    across, down, normal = rotation(20, -13, 31).T
    return series(
        folder,
        data,
        step=tuple(3 * normal),
        orientation=(*(float(f"{n:.10f}") for n in (*across, *down)),),
        PatientID="a",
        StudyInstanceUID="1.2",
    )


def seen_by_itk(path: Path) -> Any:
    """Return a file, or the series in a folder, as SimpleITK reads it."""
    sitk = pytest.importorskip("SimpleITK")
    if path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path)))
        return reader.Execute()
    return sitk.ReadImage(str(path))


def itk_box(seen: Any) -> Array:
    """Return the eight outer corners of SimpleITK's image in the world: left, posterior, up."""
    ends = product(*((-0.5, n - 0.5) for n in seen.GetSize()))
    return np.array([seen.TransformContinuousIndexToPhysicalPoint(end) for end in ends])


def box(image: ImageFile) -> Array:
    """Return the same corners of an image with an affine, in the same order and world."""
    assert image.affine is not None
    ends = product(*((-0.5, n - 0.5) for n in image.data.shape[::-1]))
    return np.array([(image.affine @ [*end[::-1], 1])[2::-1] for end in ends])


def cloud(corners: Array) -> Array:
    """Return corners in an order of their own, for grids whose axes run in other directions."""
    return corners[np.lexsort(corners.round(2).T)]


def itk_value(seen: Any, image: ImageFile, index: tuple[int, int, int]) -> Any:
    """Return what SimpleITK has where a voxel of an image lies."""
    assert image.affine is not None
    place = (image.affine @ [*index, 1])[2::-1]
    return seen[seen.TransformPhysicalPointToIndex(place.tolist())]


def test_simpleitk_has_spacing_direction_and_origin_of_a_series(tmp_path: Path) -> None:
    data = pixels(5, 6, 7)
    seen = seen_by_itk(folder := oblique(tmp_path / "a", data))
    (image,) = io.read(folder)
    assert image.affine is not None
    columns = image.affine[2::-1, 2::-1]  # x, y, z on both sides
    spacing = np.linalg.norm(columns, axis=0)
    assert spacing == pytest.approx([0.75, 0.5, 3], abs=1e-5)
    assert seen.GetSpacing() == pytest.approx(spacing, abs=1e-5)
    direction = np.reshape(seen.GetDirection(), (3, 3))
    assert direction == pytest.approx(columns / spacing, abs=1e-5)
    assert direction == pytest.approx(rotation(20, -13, 31), abs=1e-5)
    assert seen.GetOrigin() == pytest.approx(image.affine[2::-1, 3], abs=1e-6)
    assert itk_box(seen) == pytest.approx(box(image), abs=1e-3)
    for index in ((0, 0, 0), (4, 5, 6), (1, 4, 2)):
        assert itk_value(seen, image, index) == image.data[index] == data[index]


def test_a_finer_series_fills_its_box_for_simpleitk(
    tmp_path: Path, make_identity: MakeModel
) -> None:
    folder = oblique(tmp_path / "a", pixels(5, 6, 7))
    ns.write(tmp_path / "b.nii.gz", finer(folder, make_identity))
    before, after = seen_by_itk(folder), seen_by_itk(tmp_path / "b.nii.gz")
    assert sorted(after.GetSize()) == [5, 24, 28]
    assert sorted(after.GetSpacing()) == pytest.approx([0.125, 0.1875, 3], abs=1e-5)
    assert cloud(itk_box(after)) == pytest.approx(cloud(itk_box(before)), abs=1e-3)
    (again,) = io.read(tmp_path / "b.nii.gz")
    assert cloud(box(again)) == pytest.approx(cloud(itk_box(before)), abs=1e-3)
    for index in np.ndindex(*again.data.shape):
        if sum(index) % 97 == 0:
            assert itk_value(after, again, index) == again.data[index]
            # The place is that of the coarse voxel with the same value.
            assert itk_value(before, again, index) == again.data[index]


def test_a_finer_turned_nifti_fills_its_box_for_simpleitk(
    tmp_path: Path, make_identity: MakeModel
) -> None:
    nib = pytest.importorskip("nibabel")
    affine = np.eye(4)
    affine[:3, :3] = rotation(9, 14, -22) @ np.diag([-0.8, 1.1, 2.5])
    affine[:3, 3] = 61, -40, 17
    stored = nib.Nifti1Image(pixels(9, 8, 4), affine)
    stored.header.set_xyzt_units("mm", "sec")
    nib.save(stored, tmp_path / "a.nii")
    ns.write(tmp_path / "b.nii.gz", finer(tmp_path / "a.nii", make_identity))
    before, after = seen_by_itk(tmp_path / "a.nii"), seen_by_itk(tmp_path / "b.nii.gz")
    assert cloud(itk_box(after)) == pytest.approx(cloud(itk_box(before)), abs=1e-3)
    # What SimpleITK takes from the affine is right, left, posterior and anterior the right way.
    assert itk_box(before)[0] == pytest.approx(
        np.diag([-1, -1, 1]) @ (affine @ [-0.5, -0.5, -0.5, 1])[:3], abs=1e-3
    )
    (again,) = io.read(tmp_path / "b.nii.gz")
    assert sorted(again.pixel_size.values()) == pytest.approx([0.2, 0.275, 2.5], abs=1e-5)
    for index in np.ndindex(*again.data.shape):
        if sum(index) % 97 == 0:
            value = again.data[index]
            assert itk_value(after, again, index) == itk_value(before, again, index) == value


# --- microscopy ----------------------------------------------------------------------------------

CELLS = (Channel("DAPI", (0, 0, 255), (3.0, 80.0)), Channel("GFP é", (255, 136, 0)))


def cells(folder: Path) -> tuple[ImageFile, Path]:
    """Write two channels of a stack of anisotropic voxels."""
    size = {"Z": 2.0, "Y": 0.4, "X": 0.8}
    image = ImageFile(pixels(2, 3, 9, 8), "CZYX", size, channels=CELLS)
    return image, io.write(folder / "cells.ome.tif", image)


def test_ome_xml_says_sizes_units_names_and_colours(
    tmp_path: Path, make_identity: MakeModel
) -> None:
    image, path = cells(tmp_path)
    ns.write(tmp_path / "out.ome.tif", finer(path, make_identity))
    with tifffile.TiffFile(tmp_path / "out.ome.tif") as file:
        assert file.is_ome
        (one,) = file.series
        found = one.asarray().transpose([one.axes.index(a) for a in "CZYX"])
        said = tifffile.xml2dict(file.ome_metadata or "")["OME"]["Image"]["Pixels"]
    assert np.array_equal(found, image.data.repeat(4, 2).repeat(4, 3))
    sizes = {a: said[f"PhysicalSize{a}"] for a in "ZYX"}
    assert sizes == pytest.approx({"Z": 2, "Y": 0.1, "X": 0.2}, rel=1e-12)
    # µm is what a size without a unit is in.
    assert {said.get(f"PhysicalSize{a}Unit", "µm") for a in "ZYX"} == {"µm"}
    assert [said[f"Size{a}"] for a in "CZYX"] == [2, 3, 36, 32]
    assert [channel["Name"] for channel in said["Channel"]] == ["DAPI", "GFP é"]
    # RGBA in a signed number of 32 bits, as the schema has it.
    colours = [channel["Color"] % 2**32 for channel in said["Channel"]]
    assert colours == [0x0000FFFF, 0xFF8800FF]
    (again,) = io.read(tmp_path / "out.ome.tif")
    assert np.array_equal(in_order(again, "CZYX"), found)
    assert again.pixel_size == pytest.approx(sizes)


def test_the_reader_of_ome_zarr_finds_sizes_place_and_channels(
    tmp_path: Path, make_identity: MakeModel
) -> None:
    pytest.importorskip("ome_zarr")
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    affine = np.diag([2.0, 0.4, 0.8, 1])
    affine[:3, 3] = 5, 60, -7
    size = {"Z": 2.0, "Y": 0.4, "X": 0.8}
    image = ImageFile(pixels(2, 3, 9, 8), "CZYX", size, affine=affine, channels=CELLS)
    path = io.write(tmp_path / "a.zarr", image)
    ns.write(tmp_path / "b.zarr", finer(path, make_identity))
    (node,) = Reader(parse_url(str(tmp_path / "b.zarr")))()
    found = node.metadata
    assert np.array_equal(node.data[0].compute(), image.data.repeat(4, 2).repeat(4, 3))
    assert [axis["name"] for axis in found["axes"]] == list("czyx")
    assert [axis.get("unit") for axis in found["axes"]] == [None, *["micrometer"] * 3]
    assert found["channel_names"] == ["DAPI", "GFP é"]
    assert found["contrast_limits"][0] == [3, 80]
    ends = [np.multiply(colour[1], 255).round().tolist() for colour in found["colormap"]]
    assert ends == [[0, 0, 255], [255, 136, 0]]
    steps = {each["type"]: each[each["type"]] for each in found["coordinateTransformations"][0]}
    assert steps["scale"] == pytest.approx([1, 2, 0.1, 0.2], rel=1e-12)
    # The outer edge stays: half a coarse pixel before its centre, and half a fine one.
    edge = np.array(steps["translation"][1:]) - np.array(steps["scale"][1:]) / 2
    assert edge == pytest.approx([5 - 1, 60 - 0.2, -7 - 0.4], rel=1e-9)
    (again,) = io.read(tmp_path / "b.zarr")
    assert [channel.name for channel in again.channels] == ["DAPI", "GFP é"]
    assert again.affine is not None
    assert again.affine[:3, 3] == pytest.approx(steps["translation"][1:], rel=1e-12)


# --- maps ----------------------------------------------------------------------------------------


# rasterio multiplies affine's matrices in a way that affine is about to give up.
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("transform", [STRAIGHT, TURNED], ids=["straight", "turned"])
def test_gdal_finds_bands_of_a_finer_map_where_their_source_is(
    tmp_path: Path, make_identity: MakeModel, transform: Array
) -> None:
    rasterio = pytest.importorskip("rasterio")
    names = ("B05", "B06 é")
    image = ImageFile(
        pixels(2, 9, 8),
        "CYX",
        geo=GeoReference(transform, {34735: UTM}),
        channels=tuple(map(Channel, names)),
        nodata=0,
    )
    image.data[:, 3:6, :2] = 0
    path = io.write(tmp_path / "a.tif", image)
    ns.write(tmp_path / "b.tif", finer(path, make_identity))
    with rasterio.open(path) as before, rasterio.open(tmp_path / "b.tif") as after:
        assert after.crs == before.crs == rasterio.crs.CRS.from_epsg(32633)
        assert after.descriptions == names
        assert after.nodatavals == (0, 0)
        assert np.abs(np.subtract(after.bounds, before.bounds)).max() <= 1e-9
        for corner in product((0, 1), (0, 1)):
            here, there = (
                np.reshape(tuple(file.transform), (3, 3))
                @ [corner[0] * file.width, corner[1] * file.height, 1]
                for file in (before, after)
            )
            assert np.abs(here - there).max() <= 1e-9
        bands = after.read()
        assert np.array_equal(bands, image.data.repeat(4, 1).repeat(4, 2))
        assert not after.read_masks(1)[12:24, :8].any()
    (again,) = io.read(tmp_path / "b.tif")
    assert np.array_equal(in_order(again, "CYX"), bands)
    assert again.nodata == 0
    assert tuple(channel.name for channel in again.channels) == names
