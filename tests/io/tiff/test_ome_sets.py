"""One image in several files is one image, whichever of them are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

import napari_srgan as ns
from napari_srgan import io
from napari_srgan.batch_paths import find_jobs

rng = np.random.default_rng(0)
DATA = rng.integers(1, 4000, (2, 3, 20, 30)).astype("uint16")
NAMES = ("c0 & a.ome.tif", "c1.ome.tif")


def sources(text: str) -> list[Path]:
    """Return the images that the command line reads."""
    jobs, failures = find_jobs([text], "results/")
    assert not failures
    return [job.source for job in jobs]


def header(own: int) -> str:
    parts = ""
    for c, name in enumerate(NAMES):
        for z in range(3):
            file = f'<UUID FileName="{name.replace("&", "&amp;")}">urn:uuid:{c}</UUID>'
            parts += (
                f'<TiffData FirstC="{c}" FirstZ="{z}" IFD="{z}" PlaneCount="1">{file}</TiffData>'
            )
    sizes = 'SizeX="30" SizeY="20" SizeZ="3" SizeC="2" SizeT="1" PhysicalSizeX="0.2"'
    channels = "".join(f'<Channel ID="Channel:0:{c}" Name="{c}"/>' for c in "RG")
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'UUID="urn:uuid:{own}"><Image ID="Image:0" Name="two"><Pixels ID="Pixels:0" '
        f'DimensionOrder="XYZCT" Type="uint16" {sizes} PhysicalSizeY="0.2">{channels}{parts}'
        "</Pixels></Image></OME>"
    )


def binary_only() -> str:
    name = NAMES[0].replace("&", "&amp;")
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'UUID="urn:uuid:1"><BinaryOnly MetadataFile="{name}" UUID="urn:uuid:0"/></OME>'
    )


@pytest.fixture(params=["each", "first"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a folder with a set whose header is in each of its files, or in the first."""
    (tmp_path / "set").mkdir()
    for own, name in enumerate(NAMES):
        text = header(own) if own == 0 or request.param == "each" else binary_only()
        with tifffile.TiffWriter(tmp_path / "set" / name, ome=False) as file:
            for z, plane in enumerate(DATA[own]):
                description = text if z == 0 else None
                file.write(plane, description=description, metadata=None, contiguous=False)
    return tmp_path / "set"


def given(folder: Path) -> list[Any]:
    """Return all ways to name the set."""
    paths = [folder / name for name in NAMES]
    return [*paths, folder, paths, paths[::-1]]


@pytest.mark.parametrize("limit", [None, 0])
def test_a_set_is_one_image_however_it_is_named(folder: Path, limit: int | None) -> None:
    for path in given(folder):
        (image,) = io.read(path, limit)
        assert image.axes == "CZYX"
        assert np.array_equal(np.asarray(image.data), DATA)
        assert [channel.name for channel in image.channels] == ["R", "G"]
        assert image.pixel_size == pytest.approx({"X": 0.2, "Y": 0.2})


def test_a_set_is_a_layer_for_each_channel(folder: Path) -> None:
    for path in given(folder):
        layers = ns.read(path if isinstance(path, Path) else [str(p) for p in path])
        assert len(layers) == 2
        for (data, options, _), planes in zip(layers, DATA, strict=True):
            assert np.array_equal(data, planes)
            assert options["axis_labels"] == ("z", "y", "x")


def test_the_command_line_takes_a_set_once(folder: Path) -> None:
    assert sources(str(folder)) == [folder / NAMES[0]]
    assert sources(str(folder / "*.tif")) == [folder / NAMES[0]]
    alone: npt.NDArray[Any] = DATA[0, 0]
    tifffile.imwrite(folder / "d.tif", alone)
    assert sources(str(folder)) == [folder / NAMES[0], folder / "d.tif"]


def test_files_that_are_no_set_are_images_each(tmp_path: Path) -> None:
    for name in ("a.ome.tif", "b.ome.tif"):
        tifffile.imwrite(tmp_path / name, DATA[0, 0], metadata={"axes": "YX"})
    # A copy says the same of itself as what it is a copy of.
    (tmp_path / "c.ome.tif").write_bytes((tmp_path / "a.ome.tif").read_bytes())
    (tmp_path / "d.ome.tif").write_bytes(b"II*\0" + bytes(9))
    assert len(sources(str(tmp_path))) == 4
    (tmp_path / "d.ome.tif").unlink()
    (stack,) = io.read(tmp_path)
    assert stack.data.shape == (3, 20, 30)


# --- DICOM ---------------------------------------------------------------------------------------


def test_slices_that_are_named_one_by_one_are_one_image(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    sitk = pytest.importorskip("SimpleITK")
    from ..dicom.test_reader import noise, series

    folder = series(tmp_path / "ct", noise(3, 20, 30))
    series(tmp_path / "ct", noise(1, 20, 30), SeriesInstanceUID="1.2.9")
    paths = sorted(str(path) for path in folder.iterdir())
    jobs, failures = find_jobs(paths, "results/")
    assert not failures
    assert [1 + len(job.others) for job in jobs] == [3, 1]
    (whole,) = io.read([jobs[0].source, *jobs[0].others])
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), "1.2.3"))
    assert np.array_equal(whole.data, sitk.GetArrayFromImage(reader.Execute()))
    assert sources(str(folder)) == [folder]


def test_a_copy_of_a_slice_is_no_slice(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    from ..dicom.test_reader import noise, series

    data = noise(3, 20, 30)
    folder = series(tmp_path / "ct", data)
    paths = sorted(folder.iterdir())
    copy = tmp_path / "copy.dcm"
    copy.write_bytes(paths[1].read_bytes())
    (image,) = io.read([*paths, copy])
    assert (image.axes, image.data.shape) == ("ZYX", data.shape)


def test_files_of_several_folders_are_series_each(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    from ..dicom.test_reader import noise, series

    for name in ("a", "b"):
        series(tmp_path / name, noise(2, 20, 30))
    jobs, _ = find_jobs([str(tmp_path / "*" / "*.dcm")], "results/")
    assert [len(job.others) for job in jobs] == [1, 1]
    assert [job.target.parent for job in jobs] == [Path("results/a"), Path("results/b")]
