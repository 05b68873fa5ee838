"""Faults that damaged files brought to light are refused in a sentence, or left out and said."""

from __future__ import annotations

import json
import struct
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_srgan import io
from napari_srgan.io.image_file import TIEPOINTS, GeoReference, ImageFile
from napari_srgan.io.ome_zarr.writer import write_ome_zarr
from napari_srgan.io.tiff.reader import read_images

from .tiff.test_hostile import claims


@pytest.mark.parametrize("pages", [1, 2, 5])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_directories_in_a_circle_are_refused(tmp_path: Path, pages: int, bigtiff: bool) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=bigtiff) as file:
        for _ in range(pages):
            file.write(np.ones((12, 16), "uint8"), metadata=None, contiguous=False)
    with tifffile.TiffFile(path) as file:
        last, first = file.pages[pages - 1].offset, file.pages[0].offset
        form = file.tiff
        count = struct.unpack_from(form.tagnoformat, path.read_bytes(), last)[0]
        after = last + form.tagnosize + count * form.tagsize
    content = bytearray(path.read_bytes())
    struct.pack_into(form.offsetformat, content, after, first)
    path.write_bytes(content)
    since = time.process_time()
    with pytest.raises(ValueError, match=rf"after page {pages}, its pages begin anew"):
        read_images(path)
    assert time.process_time() - since < 2


def test_a_directory_of_nothing_that_is_its_own_next_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    content = bytearray(claims(10, offset=120, count=100)[:110] + bytes(10) + bytes(range(100)))
    # The next one has no tags and is followed by itself.
    struct.pack_into("<I", content, 8 + 2 + 8 * 12, len(content))
    path.write_bytes(content + struct.pack("<HI", 0, len(content)))
    with pytest.raises(ValueError, match="after page 2, its pages begin anew"):
        read_images(path)


@pytest.mark.parametrize("limit", [None, 10])
def test_samples_without_tiles_of_their_own_are_refused(tmp_path: Path, limit: int | None) -> None:
    path = tmp_path / "a.tif"
    options: dict[str, Any] = {"photometric": "rgb", "tile": (16, 16), "byteorder": "<"}
    tifffile.imwrite(path, np.ones((32, 32, 3), "uint8"), metadata=None, **options)
    assert read_images(path, limit)[0].data.shape == (32, 32, 3)
    content = path.read_bytes()
    for before, after in (((284, 3, 1, 1), (284, 2, 1, 1)), ((277, 3, 1, 3), (277, 3, 1, 65535))):
        assert struct.pack("<HHII", *before) in content
        content = content.replace(struct.pack("<HHII", *before), struct.pack("<HHII", *after))
    path.write_bytes(content)
    with pytest.raises(ValueError, match="67107840 numbers in its header, 4 strips or tiles"):
        read_images(path, limit)


def test_more_planes_than_pages_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    header = np.zeros((), np.dtype(tifffile.TIFF.MM_HEADER).newbyteorder("<"))
    for i, (name, length) in enumerate([("X", 16), ("Y", 12), *[("Z", 2**24)] * 8]):
        header["Dimensions"][i] = (name.encode(), length, 0.0, 1.0, b"um")
    tags: list[Any] = [(34361, 1, header.nbytes, header.tobytes(), True)]
    tags.append((34362, 12, 8, (0.0,) * 8, True))
    with tifffile.TiffWriter(path, byteorder="<") as file:
        for number in range(2):
            tag = tags if number == 0 else []
            data = np.ones((12, 16), "uint16")
            file.write(data, metadata=None, extratags=tag, contiguous=False)
    for limit in (None, 10):
        with pytest.raises(ValueError, match="its header promises"):
            read_images(path, limit)


@pytest.mark.parametrize("attributes", ["text", 7, 0.5, [1]])
def test_attributes_of_an_array_that_are_no_object_are_refused(
    tmp_path: Path, attributes: object
) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), shape=(12, 16), chunks=(12, 16), dtype="uint8")
    place = path / "zarr.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"attributes": attributes}))
    with pytest.raises(ValueError, match=r"a\.zarr: cannot be read \(its attributes are no obj"):
        io.read(path)


def test_more_chunks_than_there_can_be_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), shape=(3, 12, 16), chunks=(1, 8, 8), dtype="uint8")
    place = path / "zarr.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"shape": [2**31, 12, 16]}))
    with pytest.raises(ValueError, match=r"claims a shape of \(2147483648, 12, 16\) in chunks of"):
        io.read(path)


def test_a_large_array_stays_quick_to_look_at(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), shape=(2**20, 64, 64), chunks=(1, 64, 64), dtype="uint8")
    (image,) = io.read(path)
    assert image.data.npartitions <= 2**16
    assert not np.asarray(image.data[5, :8, :8]).any()


def test_more_chunks_than_any_store_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), shape=(2**31, 16), chunks=(8, 4), dtype="uint8")
    with pytest.raises(ValueError, match="claims a shape"):
        io.read(path)


def test_control_points_too_far_for_numbers_have_no_step() -> None:
    points = (0.0, 0, 0, 1e308, 50, 0, 5e-324, 0, 0, -1e308, 50, 0)
    assert GeoReference(None, {TIEPOINTS: points}).steps() == (1.0, 1.0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tfw", "-inf\n0\n0\n-30\n5\n5"),
        ("a.tfw", "1\n0\n0\n-1\n1e400\n5"),
        ("a.tfw", "1e308\n0\n0\n-1e308\n5\n5"),
        ("a.tif.aux.xml", "<PAMDataset><GeoTransform>0,1,0,0,0,inf</GeoTransform></PAMDataset>"),
    ],
)
def test_places_at_infinity_are_left_out_in_one_sentence(
    tmp_path: Path, name: str, text: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((12, 16), "uint8"))
    (tmp_path / name).write_text(text)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        (image,) = io.read(tmp_path / "a.tif")
    assert image.geo is None
    (remark,) = said
    assert remark.category is UserWarning
    assert "its numbers map no pixel to a place" in str(remark.message)


def ome_set(folder: Path) -> tuple[Path, Path]:
    """Write an OME-TIFF whose two channels are in two files."""
    paths = folder / "c0.ome.tif", folder / "c1.ome.tif"
    parts = "".join(
        f'<TiffData FirstC="{i}" IFD="0" PlaneCount="1"><UUID FileName="{path.name}">urn:uuid:{i}'
        "</UUID></TiffData>"
        for i, path in enumerate(paths)
    )
    for i, path in enumerate(paths):
        text = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{i}"><Image ID="Image:0"><Pixels ID="Pixels:0" Type="uint16" '
            'DimensionOrder="XYCZT" SizeX="16" SizeY="12" SizeC="2" SizeZ="1" SizeT="1">'
            f'<Channel ID="Channel:0:0"/><Channel ID="Channel:0:1"/>{parts}</Pixels></Image></OME>'
        )
        data = np.full((12, 16), i + 1, "uint16")
        tifffile.imwrite(path, data, description=text, metadata=None, byteorder="<")
    return paths


@pytest.mark.parametrize("limit", [None, 10])
def test_pixels_before_the_start_of_a_file_of_a_set_are_refused(
    tmp_path: Path, limit: int | None
) -> None:
    first, second = ome_set(tmp_path)
    assert np.asarray(io.read(first, limit)[0].data).max() == 2
    with tifffile.TiffFile(second) as file:
        entry = file.pages.first.tags[273].offset
    content = bytearray(second.read_bytes())
    struct.pack_into("<HHIi", content, entry, 273, 9, 1, -7)
    second.write_bytes(content)
    with pytest.raises(ValueError, match=r"c0\.ome\.tif: .*cannot be read \("):
        np.asarray(io.read(first, limit)[0].data)


@pytest.mark.parametrize("length", [1e308, 1e200, 1e-200, 0.0])
def test_steps_without_a_square_are_refused(tmp_path: Path, length: float) -> None:
    path = tmp_path / "a.zarr"
    size = {"Z": 2.0, "Y": 0.5, "X": 0.25}
    affine = np.diag([2.0, 0.5, 0.25, 1])
    affine[1, 2] = 0.1
    write_ome_zarr(path, ImageFile(np.ones((2, 12, 16), "uint8"), "ZYX", size, affine=affine))
    assert io.read(path)[0].affine is not None
    place = path / "zarr.json"
    document = json.loads(place.read_text())
    (own,) = (v for v in document["attributes"].values() if "affine" in v)
    own["affine"][1][1] = own["affine"][2][1] = length
    place.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"a\.zarr: cannot be read \(pixels \[2\.0, .* apart"):
        io.read(path)


@pytest.mark.parametrize("kind", ["scale", "translation"])
def test_pixels_at_infinity_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.zarr"
    data = np.ones((2, 12, 16), "uint8")
    write_ome_zarr(path, ImageFile(data, "ZYX", {"Z": 2.0, "Y": 0.5, "X": 0.25}))
    place = path / "zarr.json"
    document = json.loads(place.read_text())
    (image,) = document["attributes"]["ome"]["multiscales"]
    steps = [{"type": "scale", "scale": [1e308, 1.0, 1.0]}]
    if kind == "translation":
        steps = [{"type": "scale", "scale": [1.0] * 3}, {"type": kind, kind: [1e308, 0.0, 0.0]}]
    image["datasets"][0]["coordinateTransformations"] = steps
    image["axes"][0]["unit"] = "kilometer"
    place.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"a\.zarr: cannot be read \(pixels \[.* apart"):
        io.read(path)


@pytest.mark.parametrize("keys", [(12, (1, 1, 0, 1, 3072, 0, 1, 1.5)), (4, (1, 1, 0, 1, 2**17))])
def test_keys_that_are_no_short_integers_are_left_out(tmp_path: Path, keys: Any) -> None:
    form, numbers = keys
    tags: list[Any] = [(33550, 12, 3, (30.0, 30.0, 0.0), True), (33922, 12, 6, (0.0,) * 6, True)]
    tags.append((34735, form, len(numbers), numbers, True))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((12, 16), "uint8"), metadata=None, extratags=tags)
    (image,) = io.read(path)
    assert image.geo is not None
    assert image.geo.steps() == (30, 30)
    io.write(tmp_path / "b.tif", image)
    (again,) = io.read(tmp_path / "b.tif")
    assert again.geo is not None
    assert again.geo.steps() == (30, 30)


def test_a_system_that_gdal_cannot_write_is_left_out_in_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    tifffile.imwrite(tmp_path / "a.tif", np.ones((12, 16), "uint8"))
    (tmp_path / "a.tfw").write_text("30\n0\n0\n-30\n500015\n5199985")
    datum = 'DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.25]],PRIMEM["Greenwich",0]'
    (tmp_path / "a.prj").write_text(
        f'PROJCS["UTM 33N",GEOGCS["WGS 84",{datum},UNIT["degree",1e308]],'
        'PROJECTION["Transverse_Mercator"],PARAMETER["central_meridian",15],UNIT["metre",1]]'
    )
    with pytest.warns(UserWarning, match=r"a\.tfw: left out, .*no reference system") as said:
        (image,) = io.read(tmp_path / "a.tif")
    assert len(said) == 1
    assert image.geo is None
