from __future__ import annotations

import gc
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_srgan.io.image_file import Channel, ImageFile
from napari_srgan.io.tiff import writer as tiff_writer
from napari_srgan.io.tiff.reader import read_image, read_images, write_image

rng = np.random.default_rng(0)


def noise(*shape: int, dtype: str = "uint16") -> Any:
    return rng.integers(1, 100, shape).astype(dtype)


# --- what a file says of its images --------------------------------------------------------------


def test_each_image_of_an_ome_tiff_has_its_own_facts(tmp_path: Path) -> None:
    first, second = noise(2, 3, 20, 30), noise(16, 18, 3, dtype="uint8")
    channels = {"Name": ["DAPI", "01"], "Color": [65535, -16776961]}
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        file.write(
            first,
            metadata={
                "axes": "CTYX",
                "Name": "cells",
                "Channel": channels,
                "PhysicalSizeX": 250,
                "PhysicalSizeXUnit": "nm",
                "PhysicalSizeY": 0.5,
                "TimeIncrement": 20,
                "TimeIncrementUnit": "ms",
                "Description": "a < b",
            },
        )
        file.write(second, photometric="rgb", metadata={"axes": "YXS", "Name": "label"})
    cells, label = read_images(tmp_path / "a.ome.tif")
    assert (cells.name, label.name) == ("cells", "label")
    assert (cells.axes, label.axes) == ("CTYX", "YXS")
    assert np.array_equal(cells.data, first)
    assert np.array_equal(label.data, second)
    assert cells.channels == (Channel("DAPI", (0, 0, 255)), Channel("01", (255, 0, 0)))
    assert cells.pixel_size == pytest.approx({"X": 0.25, "Y": 0.5, "T": 0.02})
    assert cells.metadata["description"] == "a < b"
    assert label.pixel_size == {}
    assert label.channels == ()


def test_imagej_channels_have_colours_windows_and_names(tmp_path: Path) -> None:
    ramp, none = np.arange(256, dtype="uint8"), np.zeros(256, "uint8")
    fire = rng.integers(0, 256, (3, 256)).astype("uint8")
    tifffile.imwrite(
        tmp_path / "a.tif",
        noise(2, 20, 30),
        imagej=True,
        metadata={
            "axes": "CYX",
            "mode": "composite",
            "LUTs": [np.stack([none, ramp, none]), fire],
            "Ranges": (10.0, 400.0, 3.0, 99.0),
            "Labels": ["GFP", "actin"],
            "finterval": 0.5,
        },
    )
    image = read_image(tmp_path / "a.tif")
    assert image.channels == (
        Channel("GFP", (0, 255, 0), (10, 400)),
        Channel("actin", None, (3, 99)),
    )
    assert "T" not in image.pixel_size


def test_imagej_says_the_time_between_frames(tmp_path: Path) -> None:
    metadata = {"axes": "TYX", "finterval": 0.5, "min": 5.0, "max": 50.0}
    tifffile.imwrite(tmp_path / "a.tif", noise(3, 20, 30), imagej=True, metadata=metadata)
    image = read_image(tmp_path / "a.tif")
    assert image.pixel_size == {"T": 0.5}
    assert image.channels == (Channel(window=(5, 50)),)


def test_pages_of_different_sizes_are_several_images(tmp_path: Path) -> None:
    pages = [noise(20, 30), noise(25, 10), noise(8, 9, 3, dtype="uint8")]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in pages:
            photometric = "rgb" if page.ndim == 3 else "minisblack"
            file.write(page, metadata=None, photometric=photometric)
    images = read_images(tmp_path / "a.tif")
    assert [i.axes for i in images] == ["YX", "YX", "YXS"]
    assert all(np.array_equal(i.data, p) for i, p in zip(images, pages, strict=True))


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
def test_a_pyramid_has_its_levels(tmp_path: Path, options: dict[str, Any], lazy: bool) -> None:
    data = noise(3, 512, 640)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True, **options) as file:
        common: dict[str, Any] = {"tile": (128, 128), "compression": "lzw"}
        file.write(data, subifds=2, metadata={"axes": "CYX"}, **common)
        file.write(data[:, ::2, ::2], subfiletype=1, **common)
        file.write(data[:, ::4, ::4], subfiletype=1, **common)
    image = read_image(tmp_path / "a.ome.tif", 0 if lazy else None)
    assert image.axes == "CYX"
    assert len(image.levels) == 2
    assert isinstance(image.levels[0], da.Array) == lazy
    for k, level in enumerate((image.data, *image.levels)):
        assert np.array_equal(np.asarray(level), data[:, :: 2**k, :: 2**k])


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(9, 9).astype("complex64"))
    with pytest.raises(ValueError, match="the image has dtype complex64; allowed are integers"):
        read_image(tmp_path / "a.tif")


def test_a_file_is_read_by_what_it_is(tmp_path: Path) -> None:
    data = noise(9, 9, dtype="uint8")
    Image.fromarray(data).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    assert np.array_equal(read_image(tmp_path / "a.tif").data, data)


# --- lazy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"compression": "zlib", "tile": (64, 64), "predictor": True},
        {"rowsperstrip": 7, "compression": "lzw"},
        {"byteorder": ">"},
        {"planarconfig": "separate", "photometric": "rgb"},
    ],
)
def test_lazy_pixels_are_those_read_at_once(tmp_path: Path, options: dict[str, Any]) -> None:
    shape = (3, 200, 150) if "planarconfig" in options else (4, 200, 150)
    options = {"photometric": "minisblack"} | options
    tifffile.imwrite(tmp_path / "a.tif", noise(*shape), **options)
    now, lazy = read_image(tmp_path / "a.tif"), read_image(tmp_path / "a.tif", 0)
    assert isinstance(lazy.data, da.Array)
    assert isinstance(now.data, np.ndarray)
    assert (lazy.axes, lazy.data.dtype) == (now.axes, now.data.dtype)
    assert np.array_equal(lazy.data.compute(), now.data)
    assert np.array_equal(lazy.data[..., 5:50:3, -9:].compute(), now.data[..., 5:50:3, -9:])
    assert np.array_equal(pickle.loads(pickle.dumps(lazy.data)).compute(), now.data)
    assert isinstance(read_image(tmp_path / "a.tif", 10**9).data, np.ndarray)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_a_file_is_open_as_long_as_its_array_lives(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(200, 200), compression="zlib")

    def open_files() -> int:
        links = (link.resolve() for link in Path("/proc/self/fd").iterdir())
        return sum(link == path.resolve() for link in links)

    image = read_image(path, 0)
    part = image.data[:9]
    assert open_files() == 1
    del image
    gc.collect()
    assert open_files() == 1
    assert part.compute().shape == (9, 200)
    del part
    gc.collect()
    assert open_files() == 0


OPENING = """
import resource, sys, time
import dask.array, zarr, tifffile, psutil
from napari_srgan.io.tiff.reader import read_image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
since = time.process_time()
image = read_image(sys.argv[1], 1 << 30)
seconds = time.process_time() - since
corner = image.data[-9:, -9:].compute()
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(image.data.nbytes, seconds, (after - before) / 1024, int(corner.max()))
"""


@pytest.mark.timing
@pytest.mark.skipif(sys.platform == "win32", reason="needs files with holes")
@pytest.mark.parametrize("kind", ["strips", "one strip", "holes"])
def test_a_huge_file_opens_at_once(tmp_path: Path, kind: str) -> None:
    path, side = tmp_path / "a.tif", 51_200
    if kind == "holes":
        tiles = (
            np.ones((512, 512), "uint16") if i == 0 else None for i in range((side // 512) ** 2)
        )
        tifffile.imwrite(
            path, tiles, shape=(side, side), dtype="uint16", tile=(512, 512), compression="zlib"
        )
    else:
        rows = 16 if kind == "strips" else side
        tifffile.imwrite(path, shape=(side, side), dtype="uint16", bigtiff=True, rowsperstrip=rows)
    done = subprocess.run(
        [sys.executable, "-c", OPENING, str(path)], capture_output=True, text=True, check=True
    )
    size, seconds, megabytes, corner = (float(v) for v in done.stdout.split())
    assert size == 2 * side**2
    assert seconds < 1
    assert megabytes < 200
    assert corner == 0


# --- writing -------------------------------------------------------------------------------------


def test_channels_names_and_times_come_back(tmp_path: Path) -> None:
    image = ImageFile(
        noise(2, 3, 20, 30),
        "TCYX",
        {"X": 0.1, "Y": 0.2, "T": 1.5},
        name="cells & more",
        channels=(Channel("DAPI", (0, 0, 255)), Channel("é", (255, 0, 0)), Channel("3")),
    )
    path = write_image(tmp_path / "a.ome.tif", image)
    again = read_image(path)
    assert again.name == image.name
    assert again.pixel_size == image.pixel_size
    assert again.channels == (*image.channels[:2], Channel("3", (255, 255, 255)))
    with tifffile.TiffFile(path) as file:
        assert file.ome_metadata is not None
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert [c["Name"] for c in pixels["Channel"]] == ["DAPI", "é", 3]
    assert pixels["Channel"][0]["Color"] == 65535
    assert pixels["TimeIncrement"] == 1.5


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1e3), ("m", 1e6)])
def test_sizes_in_other_units_are_written_in_them(tmp_path: Path, unit: str, factor: float) -> None:
    image = ImageFile(noise(9, 9), "YX", {"X": 0.5, "Y": 2}, unit)
    again = read_image(write_image(tmp_path / "a.tif", image))
    assert again.pixel_size == pytest.approx({"X": 0.5 * factor, "Y": 2 * factor})
    assert again.unit == "µm"


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
@pytest.mark.parametrize(("axes", "shape"), [("CYX", (2, 300, 2501)), ("YXS", (2100, 130, 3))])
def test_a_large_image_is_a_pyramid_on_its_first_pixel(
    tmp_path: Path, kind: str, axes: str, shape: tuple[int, ...]
) -> None:
    data = noise(*shape, dtype="uint8")
    given: Any = data
    if kind == "dask":
        given = da.from_array(data, chunks=(1, 100, 999) if axes == "CYX" else (333, 100, 3))
    elif kind == "zarr":
        given = zarr.array(data, chunks=(1, 128, 128) if axes == "CYX" else (64, 64, 3))
    path = write_image(tmp_path / "a.ome.tif", ImageFile(given, axes))
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert len(file.series) == 1
        assert file.pages.first.is_tiled
    image = read_image(path)
    assert image.axes == axes
    assert np.array_equal(image.data, data)
    assert len(image.levels) == 2
    for k, level in enumerate(image.levels, 1):
        skip = slice(None, None, 2**k)
        part = (slice(None), skip, skip) if axes == "CYX" else (skip, skip)
        assert np.array_equal(level, data[part])
    assert list(tmp_path.iterdir()) == [path]


def test_each_part_of_a_lazy_image_is_computed_once(tmp_path: Path) -> None:
    computed: list[tuple[int, int]] = []

    def block(block_info: Any = None) -> Any:
        (first, _), (column, _) = block_info[None]["array-location"]
        computed.append((first, column))
        return np.full(block_info[None]["chunk-shape"], first, "uint16")

    data = da.map_blocks(
        block, chunks=((300,) * 8, (700, 700)), dtype="uint16", meta=np.empty((0, 0), "uint16")
    )
    path = write_image(tmp_path / "a.tif", ImageFile(data, "YX"))
    assert len(computed) == len(set(computed)) == 16
    image = read_image(path)
    assert (image.data[:, 0] == np.arange(2400) // 300 * 300).all()
    assert np.array_equal(image.levels[0], image.data[::2, ::2])


WRITING = """
import resource, sys
import dask.array as da
from napari_srgan.io.tiff import writer as tiff_writer
from napari_srgan.io.image_file import ImageFile
from napari_srgan.io.tiff.reader import write_image
data = da.full((12_000, 12_000), 7, dtype="uint16", chunks=(500, 12_000))
write_image(sys.argv[1], ImageFile(data[:600], "YX"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write_image(sys.argv[1], ImageFile(data, "YX"))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a measure of memory")
def test_a_lazy_image_is_never_whole_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    done = subprocess.run(
        [sys.executable, "-c", WRITING, str(path)], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 130  # of 275 MB, and 92 of its coarser levels
    assert read_image(path, 0).data.shape == (12_000, 12_000)


def test_what_a_tiff_cannot_hold_is_a_bigtiff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff_writer, "MOST_CLASSIC", 1000)
    data = noise(30, 40)
    path = write_image(tmp_path / "a.tif", ImageFile(data, "YX"))
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
    assert np.array_equal(read_image(path).data, data)
