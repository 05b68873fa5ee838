"""OME-Zarr folders are read lazily, with pixel size and levels, and written."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
import zarr

from napari_srgan.io.finer_image import finer_image
from napari_srgan.io.image_file import Channel, ImageFile
from napari_srgan.io.ome_zarr.reader import read_ome_zarr, write_ome_zarr

rng = np.random.default_rng(0)
Document = dict[str, Any]


def noise(*shape: int, dtype: str = "uint16") -> npt.NDArray[Any]:
    return (rng.random(shape) * 200).astype(dtype)


def document(axes: str, levels: int = 2, unit: str | None = "micrometer", **more: Any) -> Document:
    found = []
    for axis in axes:
        kind = {"t": "time", "c": "channel"}.get(axis, "space")
        found.append({"name": axis, "type": kind})
        if kind == "space" and unit:
            found[-1]["unit"] = unit
        if kind == "time":
            found[-1]["unit"] = "millisecond"
    scale = {"t": 500.0, "c": 1.0, "z": 2.0, "y": 0.5, "x": 0.25}
    datasets = [
        {
            "path": f"{level}",
            "coordinateTransformations": [
                {
                    "type": "scale",
                    "scale": [scale[a] * (2**level if a in "yx" else 1) for a in axes],
                }
            ],
        }
        for level in range(levels)
    ]
    return {"name": "cells", "axes": found, "datasets": datasets} | more


def folder(
    path: Path,
    data: npt.NDArray[Any],
    axes: str,
    version: str,
    *,
    chunks: tuple[int, ...] | None = None,
    omero: Document | None = None,
    **more: Any,
) -> Path:
    """Write an image of two levels as others do."""
    form: Any = 3 if version == "0.5" else 2
    group = zarr.create_group(str(path), zarr_format=form)
    for level in range(2):
        part = data[..., :: 2**level, :: 2**level]
        array = group.create_array(
            f"{level}", shape=part.shape, chunks=chunks or part.shape, dtype=part.dtype
        )
        array[...] = part
    ome: Document = {"version": version, "multiscales": [document(axes, **more)]}
    if omero:
        ome["omero"] = omero
    group.update_attributes({"ome": ome} if version == "0.5" else ome)
    return path


def read(path: Path) -> ImageFile:
    (image,) = read_ome_zarr(path)
    return image


def change(path: Path, edit: Any) -> Path:
    """Change the attributes of a folder of version 0.5."""
    place = path / "zarr.json"
    found = json.loads(place.read_text())
    edit(found["attributes"]["ome"])
    place.write_text(json.dumps(found))
    return path


# --- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["yx", "zyx", "cyx", "tczyx"])
def test_an_image_is_read_with_its_levels(tmp_path: Path, version: str, axes: str) -> None:
    data = noise(*(2, 3, 4, 20, 30)[5 - len(axes) :])
    image = read(folder(tmp_path / "a.zarr", data, axes, version))
    assert (image.axes, image.unit, image.name) == (axes.upper(), "µm", "cells")
    assert isinstance(image.data, da.Array)
    assert np.array_equal(image.data.compute(), data)
    assert [level.shape[-2:] for level in image.levels] == [(10, 15)]
    assert np.array_equal(image.levels[0].compute(), data[..., ::2, ::2])
    size = {"T": 0.5, "Z": 2.0, "Y": 0.5, "X": 0.25}
    assert image.pixel_size == {a: s for a, s in size.items() if a in axes.upper()}


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", ">u2", "bool"])
def test_every_dtype_is_read(tmp_path: Path, dtype: str) -> None:
    data = noise(20, 30).astype(dtype)
    image = read(folder(tmp_path / "a.zarr", data, "yx", "0.4"))
    assert image.data.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(image.data[::-1, 3].compute(), data[::-1, 3])


@pytest.mark.parametrize(
    ("stored", "unit", "size"),
    [("nanometer", "µm", 2.5e-4), ("millimeter", "mm", 0.25), ("meter", "m", 0.25)],
)
def test_units_are_converted(tmp_path: Path, stored: str, unit: str, size: float) -> None:
    image = read(folder(tmp_path / "a.zarr", noise(20, 30), "yx", "0.5", unit=stored))
    assert image.unit == unit
    assert image.pixel_size["X"] == pytest.approx(size)


def test_a_missing_unit_is_taken_as_micrometres_and_said(tmp_path: Path) -> None:
    image = read(folder(tmp_path / "a.zarr", noise(20, 30), "yx", "0.5", unit=None))
    assert (image.unit, image.pixel_size) == ("µm", {"Y": 0.5, "X": 0.25})
    assert image.metadata["unit_assumed"]


def test_no_unit_and_no_scale_is_no_pixel_size(tmp_path: Path) -> None:
    path = folder(tmp_path / "a.zarr", noise(20, 30), "yx", "0.5", unit=None)

    def edit(ome: Document) -> None:
        del ome["multiscales"][0]["datasets"][0]["coordinateTransformations"]

    image = read(change(path, edit))
    assert (image.pixel_size, image.affine) == ({}, None)


def test_a_translation_is_in_the_affine(tmp_path: Path) -> None:
    path = folder(tmp_path / "a.zarr", noise(4, 20, 30), "zyx", "0.5")

    def edit(ome: Document) -> None:
        steps = ome["multiscales"][0]["datasets"][0]["coordinateTransformations"]
        steps.append({"type": "translation", "translation": [10, 20, 30]})
        ome["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [1, 2, 2]}]

    image = read(change(path, edit))
    assert image.affine is not None
    assert image.affine[:3].tolist() == [[2, 0, 0, 10], [0, 1, 0, 40], [0, 0, 0.5, 60]]
    assert image.pixel_size == {"Z": 2, "Y": 1, "X": 0.5}


def test_channels_have_names_colours_and_windows(tmp_path: Path) -> None:
    channels = [
        {"label": "DAPI", "color": "0000FF", "window": {"start": 10, "end": 99}},
        {"label": "GFP", "color": "#00ff00"},
        {"color": "nonsense"},
    ]
    path = folder(tmp_path / "a.zarr", noise(3, 20, 30), "cyx", "0.4", omero={"channels": channels})
    assert read(path).channels == (
        Channel("DAPI", (0, 0, 255), (10, 99)),
        Channel("GFP", (0, 255, 0)),
        Channel(),
    )


def test_the_images_of_bioformats2raw_are_all_read(tmp_path: Path) -> None:
    group = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=3)
    group.update_attributes({"ome": {"version": "0.5", "bioformats2raw.layout": 3}})
    for i in range(2):
        folder(tmp_path / "a.zarr" / f"{i}", noise(20 + i, 30), "yx", "0.5")
    shapes = [image.data.shape for image in read_ome_zarr(tmp_path / "a.zarr")]
    assert shapes == [(20, 30), (21, 30)]


def test_old_axes_are_read(tmp_path: Path) -> None:
    path = folder(tmp_path / "a.zarr", noise(1, 3, 1, 20, 30), "tczyx", "0.5")
    for axes in (list("tczyx"), None):

        def edit(ome: Document, axes: Any = axes) -> None:
            ome["multiscales"][0]["axes"] = axes

        assert read(change(path, edit)).axes == "TCZYX"


def test_axes_that_are_not_known_are_left_open(tmp_path: Path) -> None:
    path = folder(tmp_path / "a.zarr", noise(3, 20, 30), "zyx", "0.5")

    def edit(ome: Document) -> None:
        ome["multiscales"][0]["axes"][0] = {"name": "angle"}

    image = read(change(path, edit))
    assert image.axes is None
    assert image.data.shape == (3, 20, 30)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part", ["../b.zarr/0", "/etc", "0/../../b.zarr/0", "C:/x", "C:\\x", "..\\b", "\\\\host\\x", ""]
)
def test_levels_must_lie_in_the_folder(tmp_path: Path, part: str) -> None:
    folder(tmp_path / "b.zarr", noise(20, 30), "yx", "0.5")
    path = folder(tmp_path / "a.zarr", noise(20, 30), "yx", "0.5")

    def edit(ome: Document) -> None:
        ome["multiscales"][0]["datasets"][0]["path"] = part

    with pytest.raises(ValueError, match="leads out of its folder"):
        read(change(path, edit))


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_links_do_not_lead_out(tmp_path: Path) -> None:
    folder(tmp_path / "b.zarr", noise(20, 30), "yx", "0.5")
    path = folder(tmp_path / "a.zarr", noise(20, 30), "yx", "0.5")
    (path / "0").rename(path / "x")
    (path / "0").symlink_to(tmp_path / "b.zarr" / "0")
    with pytest.raises(ValueError, match="leads out of its folder"):
        read(path)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        read_ome_zarr(tmp_path / "a.zarr")
    with pytest.raises(ValueError, match=r"there is no zarr\.json or \.zattrs in it"):
        read_ome_zarr(tmp_path)
    group = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=3)
    with pytest.raises(ValueError, match="there is no image"):
        read_ome_zarr(tmp_path / "a.zarr")
    group.update_attributes({"ome": {"version": "0.5", "plate": {}}})
    with pytest.raises(ValueError, match="a plate or a well"):
        read_ome_zarr(tmp_path / "a.zarr")


def test_pickled_chunks_are_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "a.zarr", noise(20, 30), "yx", "0.4")
    place = path / "0" / ".zarray"
    found = json.loads(place.read_text()) | {"filters": [{"id": "pickle"}]}
    place.write_text(json.dumps(found))
    with pytest.raises(ValueError, match="coded with pickle"):
        read(path)


@pytest.mark.parametrize(
    "shape", [[10**9, 10**9], [10**18, 30], [0, 30], [-3, 30], [20, 30, 40], "text"]
)
def test_absurd_shapes_are_refused(tmp_path: Path, shape: Any) -> None:
    path = folder(tmp_path / "a.zarr", noise(20, 30), "yx", "0.5")
    place = path / "0" / "zarr.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"shape": shape}))
    with pytest.raises(ValueError, match=r"a\.zarr: cannot be read"):
        read(path)


def test_absurd_chunks_are_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "a.zarr", noise(20, 30), "yx", "0.4")
    place = path / "0" / ".zarray"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"chunks": [10**6, 10**6]}))
    with pytest.raises(ValueError, match="has chunks of"):
        read(path)


def test_damaged_chunks_are_refused_when_they_are_read(tmp_path: Path) -> None:
    path = folder(tmp_path / "a.zarr", noise(20, 30), "yx", "0.5")
    (path / "0" / "c" / "0" / "0").write_bytes(b"nothing")
    image = read(path)
    with pytest.raises(ValueError, match="cannot be read"):
        image.data.compute()


# --- writing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "shape", "stored"),
    [
        ("YX", (20, 30), "YX"),
        ("ZYX", (4, 20, 30), "ZYX"),
        ("TCZYX", (2, 3, 4, 20, 30), "TCZYX"),
        ("YXS", (20, 30, 3), "CYX"),
        ("ZYXS", (4, 20, 30, 4), "CZYX"),
        ("XYC", (30, 20, 3), "CYX"),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "bool"])
def test_an_image_comes_back_as_it_was(
    tmp_path: Path, axes: str, shape: tuple[int, ...], stored: str, dtype: str
) -> None:
    data, size = noise(*shape, dtype=dtype), {"X": 0.25, "Y": 0.5}
    if "Z" in axes:
        size["Z"] = 2.0
    image = ImageFile(data, axes, size, name="cells")
    got = read(write_ome_zarr(tmp_path / "a.ome.zarr", image, "made by a test"))
    assert (got.axes, got.unit, got.name, got.pixel_size) == (stored, "µm", "cells", size)
    expected = data.transpose([axes.replace("S", "C").index(a) for a in stored])
    assert got.data.dtype == dtype
    assert np.array_equal(got.data.compute(), expected)
    assert [item.name for item in tmp_path.iterdir()] == ["a.ome.zarr"]
    if "S" in axes:
        assert [c.name for c in got.channels[:3]] == ["red", "green", "blue"]


@pytest.mark.parametrize("unit", ["µm", "mm", "m"])
def test_units_and_channels_come_back(tmp_path: Path, unit: str) -> None:
    channels = (Channel("DAPI", (0, 0, 255), (10, 99)), Channel("GFP", (0, 255, 0), (0, 150)))
    size = {"T": 3.0, "Y": 0.5, "X": 0.25}
    image = ImageFile(noise(2, 2, 20, 30), "TCYX", size, unit, channels=channels)
    got = read(write_ome_zarr(tmp_path / "a.zarr", image))
    assert (got.unit, got.pixel_size, got.channels) == (unit, size, channels)


def test_a_lazy_image_is_written_as_a_whole_one(tmp_path: Path) -> None:
    data = noise(2, 700, 1100)
    for chunks in [(1, 128, 200), (2, 700, 1100), (1, 700, 513)]:
        image = ImageFile(da.from_array(data, chunks=chunks), "ZYX", {"X": 1.0, "Y": 1.0})
        got = read(write_ome_zarr(tmp_path / "a.zarr", image))
        assert np.array_equal(got.data.compute(), data)


def test_levels_are_centred_on_the_first_pixel(tmp_path: Path) -> None:
    y, x = np.mgrid[:1101, :700]
    data = (3.0 * y + 2.0 * x).astype("float32")
    data[400:402, 300] = np.nan
    image = ImageFile(data, "YX", {"X": 0.25, "Y": 0.5})
    got = read(write_ome_zarr(tmp_path / "a.zarr", image))
    assert [level.shape for level in got.levels] == [(551, 350), (276, 175)]
    for k, level in enumerate(got.levels):
        step = 2 ** (k + 1)
        inner = level.compute()[2:-2, 2:-2]
        plain = (3.0 * y + 2.0 * x)[::step, ::step][2:-2, 2:-2]
        holes = np.isnan(inner)
        assert holes.sum() == 1
        assert np.abs(inner - plain)[~holes].max() < 2 * step
    steps = got.metadata["attributes"]["multiscales"][0]["datasets"][2]["coordinateTransformations"]
    assert steps == [{"type": "scale", "scale": [2.0, 1.0]}]


def test_a_level_is_the_same_however_it_is_cut_into_bands(tmp_path: Path, monkeypatch: Any) -> None:
    image = ImageFile(noise(601, 300), "YX")
    whole = read(write_ome_zarr(tmp_path / "a.zarr", image)).levels[0].compute()
    monkeypatch.setattr("napari_srgan.io.ome_zarr.writer.CHUNK", 37)
    bands = read(write_ome_zarr(tmp_path / "b.zarr", image)).levels[0].compute()
    assert np.array_equal(whole, bands)


def test_a_finer_result_fills_the_box_of_its_source(tmp_path: Path) -> None:
    source = read(folder(tmp_path / "a.zarr", noise(4, 20, 30), "zyx", "0.5"))
    finer = finer_image(source, noise(4, 80, 120), "ZYX", 4)
    again = read(write_ome_zarr(tmp_path / "b.zarr", finer))
    assert source.affine is not None
    assert again.affine is not None
    for axis, (n, fine) in enumerate(zip((4, 20, 30), (4, 80, 120), strict=True)):
        for end, own in ((-0.5, -0.5), (n - 0.5, fine - 0.5)):
            expected = source.affine[axis, axis] * end + source.affine[axis, 3]
            assert again.affine[axis, axis] * own + again.affine[axis, 3] == pytest.approx(expected)


def test_a_turned_image_keeps_its_affine(tmp_path: Path) -> None:
    affine = np.array([[2, 0, 0, 5], [0, 0.3, -0.4, 6], [0, 0.4, 0.3, 7], [0, 0, 0, 1.0]])
    image = ImageFile(noise(4, 20, 30), "ZYX", unit="mm", affine=affine)
    got = read(write_ome_zarr(tmp_path / "a.zarr", image))
    assert got.affine is not None
    assert np.array_equal(got.affine, affine)
    assert got.pixel_size == pytest.approx({"Z": 2, "Y": 0.5, "X": 0.5})


def test_ome_zarr_reads_what_is_written(tmp_path: Path) -> None:
    reader = pytest.importorskip("ome_zarr_models.v05")
    image = ImageFile(
        noise(3, 600, 700), "CYX", {"X": 0.25, "Y": 0.5}, channels=(Channel("a"),) * 3
    )
    path = write_ome_zarr(tmp_path / "a.zarr", image, "made by a test")
    found = reader.Image.from_zarr(zarr.open_group(str(path), mode="r"))
    assert [axis.name for axis in found.ome_attributes.multiscales[0].axes] == ["c", "y", "x"]
    assert len(found.datasets[0]) == 3


def test_what_it_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"allowed is \.zarr"):
        write_ome_zarr(tmp_path / "a.tif", ImageFile(noise(9, 9), "YX"))
    with pytest.raises(ValueError, match="channels and RGB samples"):
        write_ome_zarr(tmp_path / "a.zarr", ImageFile(noise(2, 9, 9, 3), "CYXS"))
    with pytest.raises(ValueError, match="does not hold complex64"):
        write_ome_zarr(tmp_path / "a.zarr", ImageFile(noise(9, 9, dtype="complex64"), "YX"))
    with pytest.raises(ValueError, match="axes='YX' for an image of shape"):
        write_ome_zarr(tmp_path / "a.zarr", ImageFile(noise(3, 9, 9), "YX"))
    assert list(tmp_path.iterdir()) == []


def test_another_folder_of_that_name_stays(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.txt").write_text("a text")
    with pytest.raises(FileExistsError, match="which is no Zarr"):
        write_ome_zarr(tmp_path / "a.zarr", ImageFile(noise(9, 9), "YX"))
    assert (tmp_path / "a.zarr" / "thesis.txt").read_text() == "a text"


def test_an_old_image_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    data = noise(9, 9)
    path = write_ome_zarr(tmp_path / "a.zarr", ImageFile(noise(5, 5), "YX"))
    write_ome_zarr(path, ImageFile(data, "YX"))

    def fails(block: npt.NDArray[Any]) -> npt.NDArray[Any]:
        raise RuntimeError("no more tiles")

    lazy = da.from_array(noise(9, 9)).map_blocks(fails, dtype="uint16", meta=np.empty(0, "uint16"))
    with pytest.raises(RuntimeError, match="no more tiles"):
        write_ome_zarr(path, ImageFile(lazy, "YX"))
    assert np.array_equal(read(path).data.compute(), data)
    assert [item.name for item in tmp_path.iterdir()] == ["a.zarr"]
