"""What an OME-Zarr says beside its pixels is read, shown and written again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import napari_srgan as ns
from napari_srgan.io.finer_image import finer_image
from napari_srgan.io.nifti.volume import read_nifti, write_nifti
from napari_srgan.io.ome_zarr.reader import write_ome_zarr

from .test_reader import Document, change, document, folder, noise, read


def with_labels(path: Path, version: str, *names: str, dtype: str = "uint16") -> Path:
    """Write an image of two channels with label images of one channel less."""
    folder(path, noise(2, 4, 20, 30), "czyx", version)
    form: Any = 3 if version == "0.5" else 2
    group = zarr.create_group(str(path / "labels"), zarr_format=form)
    found: Document = {"labels": list(names)}
    group.update_attributes({"ome": found} if version == "0.5" else found)
    for name in names:
        place = folder(path / "labels" / name, noise(4, 20, 30, dtype=dtype), "zyx", version)
        told: Document = {"version": version, "image-label": {"version": version}}
        told["multiscales"] = [document("zyx")]
        part = zarr.open_group(str(place), zarr_format=form)
        part.update_attributes({"ome": told} if version == "0.5" else told)
    return path


# --- labels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_are_read_with_their_image(tmp_path: Path, version: str) -> None:
    image = read(with_labels(tmp_path / "a.zarr", version, "cells", "nuclei"))
    assert [label.name for label in image.labels] == ["cells", "nuclei"]
    for label in image.labels:
        assert label.axes == "ZYX"
        assert label.data.shape == (4, 20, 30)
        assert label.pixel_size == image.pixel_size
    assert finer_image(image, None, "CZYX", 4).labels == ()


def described(path: Path, version: str, **said: Any) -> Path:
    """Write an image with labels of which something is said."""
    with_labels(path, version, "cells")
    form: Any = 3 if version == "0.5" else 2
    group = zarr.open_group(str(path / "labels" / "cells"), zarr_format=form)
    told = dict(group.attrs)
    inner: Any = told["ome"] if version == "0.5" else told
    inner["image-label"] = {"version": version, **said}
    group.update_attributes(told)
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_keep_their_colours_and_properties(tmp_path: Path, version: str) -> None:
    viewer = pytest.importorskip("napari.components").ViewerModel()
    path = described(
        tmp_path / "a.zarr",
        version,
        colors=[
            {"label-value": 1, "rgba": [255, 0, 51, 255]},
            {"label-value": 2, "rgba": [0, 102, 255, 0]},
            {"label-value": 3, "rgba": [0, 0, 999, 0]},
            {"label-value": "x", "rgba": [0, 0, 0, 0]},
            "none",
        ],
        properties=[
            {"label-value": 2, "class": "nucleus", "area": 3.5},
            {"label-value": 1, "class": "cell"},
        ],
    )
    for data, options, kind in ns.read(path):
        getattr(viewer, f"add_{kind}")(data, **options)
    labels = viewer.layers["a: cells"]
    assert labels.get_color(1) == pytest.approx((1, 0, 0.2, 1))
    assert labels.get_color(2) == pytest.approx((0, 0.4, 1, 0))
    assert labels.get_color(9) == pytest.approx((0.5, 0.5, 0.5, 1))
    assert list(labels.features["class"]) == ["nucleus", "cell"]
    assert labels.features["area"][0] == 3.5
    assert labels._label_index == {2: 0, 1: 1}


@pytest.mark.parametrize("said", [{}, {"colors": 7, "properties": "x"}, {"colors": [{}]}])
def test_labels_of_which_nothing_can_be_used_are_plain(tmp_path: Path, said: Any) -> None:
    *_, (_, options, kind) = ns.read(described(tmp_path / "a.zarr", "0.4", **said))
    assert kind == "labels"
    assert not {"colormap", "features"} & options.keys()


def test_labels_alone_are_not_super_resolved(tmp_path: Path) -> None:
    from tests.test_cli import refusal, upscale

    path = with_labels(tmp_path / "a.zarr", "0.4", "cells") / "labels" / "cells"
    said = refusal(upscale(path, tmp_path / "out.zarr"))
    assert said == (
        f"napari-srgan: {path}: holds labels, whose numbers stand for objects; they are not "
        "super-resolved. Name the image that they belong to"
    )
    assert not (tmp_path / "out.zarr").exists()


def test_a_labels_layer_is_not_written_and_that_is_said(tmp_path: Path) -> None:
    *_, labels = ns.read(with_labels(tmp_path / "a.zarr", "0.4", "cells"))
    with pytest.raises(ValueError, match="a: cells: a labels layer cannot be written here, only"):
        ns.write(tmp_path / "b.tif", labels)


def test_labels_are_layers_that_lie_on_their_image(tmp_path: Path) -> None:
    viewer = pytest.importorskip("napari.components").ViewerModel()
    path = with_labels(tmp_path / "a.zarr", "0.4", "cells")
    for data, options, kind in ns.read(path):
        getattr(viewer, f"add_{kind}")(data, **options)
    assert [layer.name for layer in viewer.layers][2:] == ["a: cells"]
    image, labels = viewer.layers[0], viewer.layers[2]
    assert type(labels).__name__ == "Labels"
    assert np.array_equal(labels.extent.world, image.extent.world)
    assert labels.axis_labels == image.axis_labels
    assert labels.units == image.units


def test_a_label_image_alone_is_a_layer_of_labels(tmp_path: Path) -> None:
    path = with_labels(tmp_path / "a.zarr", "0.5", "cells")
    ((_, options, kind),) = ns.read(path / "labels" / "cells")
    assert kind == "labels"
    assert options["scale"].tolist() == [2, 0.5, 0.25]


def test_damaged_labels_are_left_out(tmp_path: Path) -> None:
    path = with_labels(tmp_path / "a.zarr", "0.5", "cells", "nuclei")
    (path / "labels" / "cells" / "0" / "zarr.json").write_text("{")
    with pytest.warns(UserWarning, match=r"a\.zarr: damaged labels are left out: cells"):
        image = read(path)
    assert [label.name for label in image.labels] == ["nuclei"]
    path = with_labels(tmp_path / "b.zarr", "0.5", "heat", dtype="float32")
    with pytest.warns(UserWarning, match="damaged labels are left out: heat"):
        assert read(path).labels == ()


@pytest.mark.parametrize("name", ["../..", "/tmp", "..\\.."])
def test_labels_must_lie_in_the_folder(tmp_path: Path, name: str) -> None:
    path = with_labels(tmp_path / "a.zarr", "0.4", "cells")
    group = zarr.open_group(str(path / "labels"), zarr_format=2)
    group.update_attributes({"labels": [name]})
    with pytest.warns(UserWarning, match="damaged labels are left out"):
        assert read(path).labels == ()


# --- channels, places and units ------------------------------------------------------------------

CHANNELS = [
    {
        "label": "DAPI",
        "color": "0000FF",
        "active": False,
        "inverted": True,
        "family": "linear",
        "coefficient": 1.5,
        "window": {"min": 0, "max": 4095, "start": 10, "end": 99},
    },
    {
        "label": "GFP",
        "color": "00FF00",
        "active": True,
        "window": {"min": 0, "max": 4095, "start": 20, "end": 150},
    },
]


def test_what_is_said_of_channels_and_axes_comes_back(tmp_path: Path) -> None:
    models = pytest.importorskip("ome_zarr_models.v05")
    omero = {"channels": CHANNELS, "rdefs": {"model": "color", "defaultZ": 2}}
    path = folder(tmp_path / "a.zarr", noise(3, 2, 4, 20, 30), "tczyx", "0.5", omero=omero)

    def edit(ome: Document) -> None:
        ome["multiscales"][0]["datasets"][0]["coordinateTransformations"].append(
            {"type": "translation", "translation": [1500, 0, 10, 20, 30]}
        )

    image = read(change(path, edit))
    assert image.metadata["time_start"] == 1.5
    finer = finer_image(image, noise(3, 2, 4, 40, 60), "TCZYX", 2)
    written = write_ome_zarr(tmp_path / "b.zarr", finer)
    found = models.Image.from_zarr(zarr.open_group(str(written), mode="r")).ome_attributes
    (multiscale,) = found.multiscales
    assert [(axis.name, axis.type, axis.unit) for axis in multiscale.axes] == [
        ("t", "time", "second"),
        ("c", "channel", None),
        *((name, "space", "micrometer") for name in "zyx"),
    ]
    scale, shift = multiscale.datasets[0].coordinateTransformations
    assert scale.scale == [0.5, 1, 2, 0.25, 0.125]
    # The outer edges stay: half a pixel before the first centre.
    assert shift.translation == pytest.approx([1.5, 0, 10, 19.875, 29.9375])
    assert found.omero is not None
    for told, before in zip(found.omero["channels"], CHANNELS, strict=True):
        for name in ("label", "color", "active", "inverted", "family", "coefficient"):
            assert told.get(name) == before.get(name), name
        assert (told["window"]["start"], told["window"]["end"]) == (
            before["window"]["start"],  # type: ignore[index]
            before["window"]["end"],  # type: ignore[index]
        )
    own = zarr.open_group(str(written), mode="r").attrs["ome"]
    assert own["omero"]["rdefs"] == omero["rdefs"]  # type: ignore[index,call-overload]
    again = read(written)
    assert again.channels == image.channels
    assert again.metadata["time_start"] == 1.5


def test_ome_zarr_sees_the_place_of_a_result(tmp_path: Path) -> None:
    pytest.importorskip("ome_zarr")
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    path = folder(tmp_path / "a.zarr", noise(4, 20, 30), "zyx", "0.5")
    written = write_ome_zarr(
        tmp_path / "b.zarr", finer_image(read(path), noise(4, 40, 60), "ZYX", 2)
    )
    location = parse_url(str(written))
    (node,) = list(Reader(location)())
    (scale, shift) = node.metadata["coordinateTransformations"][0]
    assert scale["scale"] == [2, 0.25, 0.125]
    assert shift["translation"] == pytest.approx([0, -0.125, -0.0625])
    assert [axis["name"] for axis in node.metadata["axes"]] == ["z", "y", "x"]


def test_other_channels_do_not_take_over_what_is_said(tmp_path: Path) -> None:
    path = folder(tmp_path / "a.zarr", noise(2, 20, 30), "cyx", "0.5", omero={"channels": CHANNELS})
    layers = ns.read(path)
    ns.write(tmp_path / "b.zarr", layers[1])
    own: Any = zarr.open_group(str(tmp_path / "b.zarr"), mode="r").attrs["ome"]
    (channel,) = own["omero"]["channels"]
    assert (channel["label"], channel["active"]) == ("GFP", True)
    assert "coefficient" not in channel


def test_the_start_of_time_goes_from_format_to_format(tmp_path: Path) -> None:
    path = folder(tmp_path / "a.zarr", noise(3, 4, 20, 30), "tzyx", "0.5")

    def edit(ome: Document) -> None:
        ome["multiscales"][0]["datasets"][0]["coordinateTransformations"].append(
            {"type": "translation", "translation": [1500, 0, 0, 0]}
        )

    nib = pytest.importorskip("nibabel")
    written = write_nifti(tmp_path / "b.nii", read(change(path, edit)))
    assert nib.load(written).header["toffset"] == 1.5
    (image,) = read_nifti(written)
    again = read(write_ome_zarr(tmp_path / "c.zarr", image))
    assert again.metadata["time_start"] == 1.5
