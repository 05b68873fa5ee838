"""OME headers in a file of their own are read with the TIFFs that they describe."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_srgan as ns
from napari_srgan import io
from napari_srgan.batch_paths import find_jobs

from .test_ome_sets import DATA, header

HEADER = "set.companion.ome"
NAMES = ("c0.tif", "c1.tif")


@pytest.fixture(params=["refers", "silent"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a folder of two TIFFs, which refer to their header or do not, and the header."""
    text = header(7).replace("c0 &amp; a.ome.tif", NAMES[0]).replace("c1.ome.tif", NAMES[1])
    (tmp_path / HEADER).write_text(text, encoding="utf-8")
    only = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<BinaryOnly MetadataFile="{HEADER}" UUID="urn:uuid:7"/></OME>'
    )
    for name, planes in zip(NAMES, DATA, strict=True):
        with tifffile.TiffWriter(tmp_path / name, ome=False) as file:
            for z, plane in enumerate(planes):
                said = only if z == 0 and request.param == "refers" else None
                file.write(plane, description=said, metadata=None, contiguous=False)
    return tmp_path


def is_whole(image: io.ImageFile) -> None:
    assert image.axes == "CZYX"
    assert np.array_equal(np.asarray(image.data), DATA)
    assert [channel.name for channel in image.channels] == ["R", "G"]
    assert image.pixel_size == pytest.approx({"X": 0.2, "Y": 0.2})


@pytest.mark.parametrize("limit", [None, 0])
def test_a_header_of_its_own_stands_for_its_image(folder: Path, limit: int | None) -> None:
    assert io.kind(folder / HEADER) == "TIFF"
    for path in (folder / HEADER, [folder / HEADER, folder / NAMES[0], folder / NAMES[1]]):
        (image,) = io.read(path, limit)
        is_whole(image)
    assert len(ns.read(folder / HEADER)) == 2
    jobs, _ = find_jobs([str(folder / HEADER), str(folder / "*.tif")], "results/")
    assert [job.source for job in jobs] == [folder / HEADER]
    assert jobs[0].target == Path("results/set.tif")


@pytest.mark.parametrize("limit", [None, 0])
def test_a_tiff_is_read_with_the_header_that_it_refers_to(folder: Path, limit: int | None) -> None:
    if b"BinaryOnly" not in (folder / NAMES[1]).read_bytes():
        (image,) = io.read(folder / NAMES[1], limit)
        assert np.array_equal(np.asarray(image.data), DATA[1])
        return
    for path in (folder / NAMES[0], folder / NAMES[1], [folder / name for name in NAMES]):
        (image,) = io.read(path, limit)
        is_whole(image)
    (folder / HEADER).unlink()
    (image,) = io.read(folder / NAMES[1], limit)
    assert np.array_equal(np.asarray(image.data), DATA[1])


@pytest.mark.parametrize("limit", [None, 0])
def test_a_header_of_one_tiff_in_one_piece(tmp_path: Path, limit: int | None) -> None:
    sizes = 'SizeX="30" SizeY="20" SizeZ="3" SizeC="1" SizeT="1" PhysicalSizeX="0.2"'
    (tmp_path / HEADER).write_text(
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" {sizes}>'
        '<TiffData IFD="0" PlaneCount="3"><UUID FileName="c.tif">urn:uuid:1</UUID></TiffData>'
        "</Pixels></Image></OME>"
    )
    tifffile.imwrite(tmp_path / "c.tif", DATA[0], metadata=None, photometric="minisblack")
    (image,) = io.read(tmp_path / HEADER, limit)
    assert image.axes == "ZYX"
    assert np.array_equal(np.asarray(image.data), DATA[0])
    copied = pickle.loads(pickle.dumps(image.data))
    assert np.array_equal(np.asarray(copied), DATA[0])


def test_a_header_without_its_tiffs_is_refused(folder: Path) -> None:
    for name in NAMES:
        (folder / name).unlink()
    with pytest.raises(ValueError, match=r"none of the TIFFs that it names is beside it: c0\.tif"):
        io.read(folder / HEADER)
    (folder / HEADER).write_text("<OME")
    with pytest.raises(ValueError, match=r"set\.companion\.ome: cannot be read \(set\.companion"):
        io.read(folder / HEADER)
