from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from napari_srgan.io.finer_image import finer_image
from napari_srgan.io.image_file import Channel, GeoReference, ImageFile
from napari_srgan.io.tiff.reader import read_image, read_images, write_image

rng = np.random.default_rng(0)
UTM33 = {
    34735: (1, 1, 0, 4, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633, 3076, 0, 1, 9001),
}
NORTH_UP = np.array([[30.0, 0, 500_000], [0, -30, 5_200_000], [0, 0, 1]])
ROTATED = np.array([[17.3, 5.1, 500_000.5], [10.2, -8.7, 5_200_000.25], [0, 0, 1]])
SOUTH_UP = np.array([[30.0, 0, 500_000], [0, 30, 5_200_000], [0, 0, 1]])
SCALE = (33550, 12, 3, (30.0, 30.0, 0.0), True)
TIE = (33922, 12, 6, (0.0, 0.0, 0.0, 500_000.0, 5_200_000.0, 0.0), True)
NOISE = rng.integers(1, 100, (20, 30)).astype("uint16")


def keys(*entries: tuple[int, int]) -> tuple[int, int, int, Any, bool]:
    """Return a directory of keys that are numbers."""
    directory = (1, 1, 0, len(entries), *(n for k, v in entries for n in (k, 0, 1, v)))
    return (34735, 3, len(directory), directory, True)


def located(path: Path, *tags: Any, data: Any = NOISE, **options: Any) -> ImageFile:
    """Write a TIFF with some tags and read it."""
    tifffile.imwrite(path, data, metadata=None, extratags=tags, **options)
    return read_image(path)


def test_scale_and_tiepoint_place_the_corner(tmp_path: Path) -> None:
    image = located(tmp_path / "a.tif", SCALE, TIE, keys((1024, 1), (3072, 32633)))
    assert image.geo is not None
    assert np.array_equal(image.geo.transform, NORTH_UP)  # type: ignore[arg-type]
    assert image.geo.crs == "EPSG:32633"
    assert (image.pixel_size, image.unit) == ({"X": 30, "Y": 30}, "m")
    assert image.axes == "YX"


def test_a_tiepoint_may_be_any_pixel(tmp_path: Path) -> None:
    tie = (33922, 12, 6, (10.0, 4.0, 0.0, 500_300.0, 5_199_880.0, 0.0), True)
    image = located(tmp_path / "a.tif", SCALE, tie)
    assert np.array_equal(image.geo.transform, NORTH_UP)  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize("matrix", [NORTH_UP, ROTATED, SOUTH_UP])
def test_a_pixel_that_is_a_point_begins_half_a_pixel_before(
    tmp_path: Path, matrix: npt.NDArray[Any]
) -> None:
    rasterio = pytest.importorskip("rasterio")
    (a, b, x), (d, e, y) = matrix[:2].tolist()
    rows = (a, b, 0.0, x, d, e, 0.0, y, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    tag = (34264, 12, 16, rows, True)
    image = located(tmp_path / "a.tif", tag, keys((1024, 1), (1025, 2), (3072, 32633)))
    shift = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    assert image.geo is not None
    assert image.geo.transform == pytest.approx(matrix @ shift, rel=1e-12)
    with rasterio.open(tmp_path / "a.tif") as file:
        assert np.reshape(file.transform, (3, 3)) == pytest.approx(image.geo.transform, rel=1e-12)


@pytest.mark.parametrize(
    ("entries", "size", "unit"),
    [
        ([(1024, 2), (2048, 4326)], 30.0, "degree"),
        ([(1024, 2), (2048, 4807), (2054, 9105)], 27.0, "degree"),
        ([(1024, 1), (3072, 32767), (3076, 9002)], 9.144, "m"),
        ([(1024, 1), (3072, 32767), (3076, 9003)], 36000 / 3937, "m"),
        ([(3072, 32633)], 30.0, "m"),
        ([(1024, 1), (3072, 32767), (3076, 9999)], None, "m"),
        ([], None, "m"),
    ],
)
def test_units_are_metres_or_degrees(
    tmp_path: Path, entries: list[tuple[int, int]], size: float | None, unit: str
) -> None:
    image = located(tmp_path / "a.tif", SCALE, TIE, keys(*entries))
    assert image.pixel_size == pytest.approx({} if size is None else {"X": size, "Y": size})
    assert image.unit == unit


def test_feet_are_known_by_the_code_alone(tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    image = located(tmp_path / "a.tif", SCALE, TIE, keys((1024, 1), (3072, 2263)))
    assert image.pixel_size == pytest.approx({"X": 30 * 1200 / 3937, "Y": 30 * 1200 / 3937})


def test_control_points_are_kept_without_a_transform(tmp_path: Path) -> None:
    points = (0.0, 0.0, 0.0, 10.0, 50.0, 0.0, 20.0, 10.0, 0.0, 11.0, 49.0, 0.0)
    tag = (33922, 12, 12, points, True)
    image = located(tmp_path / "a.tif", tag, keys((1024, 2), (2048, 4326)))
    assert image.geo is not None
    assert image.geo.transform is None
    assert image.geo.tags[33922] == points
    finer = finer_image(image, np.zeros((80, 120), "uint16"), "YX", 4)
    again = read_image(write_image(tmp_path / "b.tif", finer)).geo
    assert again is not None
    assert again.tags[33922][6:8] == (80, 40)
    assert again.tags[33922][9:11] == (11, 49)


def test_nodata_and_bands_are_said(tmp_path: Path) -> None:
    xml = (
        '<GDALMetadata><Item name="DESCRIPTION" sample="1" role="description">NIR &amp; é</Item>'
        '<Item name="SCALE" sample="0" role="scale">0.01</Item><Item name="DAY">1</Item>'
        "</GDALMetadata>"
    )
    tags = [(42112, 2, 0, xml.encode(), True), (42113, 2, 0, "-9999", True)]
    data = np.stack([NOISE, NOISE]).astype("int16")
    image = located(tmp_path / "a.tif", *tags, data=data, planarconfig="separate")
    assert image.nodata == -9999
    assert image.axes == "CYX"
    assert image.channels[0] == Channel()
    assert image.channels[1].name.startswith("NIR & ")
    assert image.metadata["scale"] == (0.01, 1.0)
    assert image.metadata["gdal"] == {"DAY": "1"}


def test_infrared_is_no_opacity(tmp_path: Path) -> None:
    data = rng.integers(1, 99, (20, 30, 4)).astype("uint8")
    image = located(tmp_path / "a.tif", data=data, photometric="rgb", extrasamples=["unspecified"])
    assert image.axes == "YXC"
    image = located(tmp_path / "a.tif", data=data, photometric="rgb", extrasamples=["unassalpha"])
    assert image.axes == "YXS"


def test_the_colours_of_a_palette_are_read(tmp_path: Path) -> None:
    table = rng.integers(0, 256, (3, 256)).astype("uint8")
    data = NOISE.astype("uint8")
    colours = table.astype("uint16") * 257
    image = located(tmp_path / "a.tif", SCALE, data=data, photometric="palette", colormap=colours)
    assert image.axes == "YXS"
    assert np.array_equal(image.data, table.T[data])
    lazy = read_image(tmp_path / "a.tif", 0)
    assert np.array_equal(lazy.data.compute(), table.T[data])


def test_a_palette_that_is_a_ramp_shows_intensities(tmp_path: Path) -> None:
    ramp = np.zeros((3, 256), "uint16")
    ramp[1] = np.arange(256) * 257
    data = NOISE.astype("uint8")
    image = located(tmp_path / "a.tif", data=data, photometric="palette", colormap=ramp)
    assert np.array_equal(image.data, data)
    assert image.channels == (Channel(colour=(0, 255, 0)),)


def test_masks_and_overviews_are_no_images(tmp_path: Path) -> None:
    data = rng.integers(1, 99, (512, 512)).astype("uint8")
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(data, tile=(256, 256), metadata=None, extratags=[SCALE, TIE])
        file.write(data > 9, subfiletype=4, photometric="mask", metadata=None)
        file.write(data[::2, ::2], tile=(256, 256), subfiletype=1, metadata=None)
    (image,) = read_images(tmp_path / "a.tif")
    assert np.array_equal(image.data, data)
    assert [level.shape for level in image.levels] == [(256, 256)]


# --- writing -------------------------------------------------------------------------------------


# rasterio multiplies affine's matrices in a way that affine is about to give up.
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("transform", [NORTH_UP, ROTATED, SOUTH_UP])
@pytest.mark.parametrize("point", [False, True])
@pytest.mark.parametrize(("axes", "shape"), [("YX", ()), ("CYX", (5,)), ("YXS", (3,))])
def test_a_result_covers_what_its_source_covers(
    tmp_path: Path, transform: npt.NDArray[Any], point: bool, axes: str, shape: tuple[int, ...]
) -> None:
    rasterio = pytest.importorskip("rasterio")
    tags = {34735: (*UTM33[34735][:8], 1025, 0, 1, 2 if point else 1, *UTM33[34735][12:])}
    full = (*shape, 20, 30) if axes == "CYX" else (20, 30, *shape)
    names = tuple(Channel(f"B{i} <ü>") for i in range(5)) if axes == "CYX" else ()
    source = write_image(
        tmp_path / "a.tif",
        ImageFile(
            np.ones(full, "uint16"),
            axes,
            channels=names,
            geo=GeoReference(transform, tags),
            nodata=7,
            metadata={"scale": (0.5,) * 5} if names else {},
        ),
    )
    image = read_image(source)
    repeat = [4 if a in "YX" else 1 for a in image.axes or ""]
    finer = finer_image(image, np.kron(image.data, np.ones(repeat, "uint16")), image.axes or "", 4)
    path = write_image(tmp_path / "b.tif", finer, "finer")
    again = read_image(path)
    assert image.geo is not None
    assert again.geo is not None
    assert again.geo.tags == image.geo.tags
    assert (again.geo.crs, again.nodata) == ("EPSG:32633", 7)
    assert again.channels == names
    assert again.metadata["description"] == "finer"
    assert again.pixel_size == pytest.approx({k: v / 4 for k, v in image.pixel_size.items()})
    assert again.geo.transform is not None
    corner = np.array([30, 20, 1])
    grid = again.geo.transform @ np.array([120, 80, 1])
    assert grid == pytest.approx(transform @ corner, rel=1e-9)
    with rasterio.open(source) as a, rasterio.open(path) as b:
        assert tuple(b.bounds) == pytest.approx(tuple(a.bounds), rel=1e-9)
        ends = [np.reshape(f.transform, (3, 3)) @ (f.width, f.height, 1) for f in (a, b)]
        assert ends[1] == pytest.approx(ends[0], rel=1e-9)
        assert a.crs == b.crs == rasterio.crs.CRS.from_epsg(32633)
        assert b.nodata == 7
        assert b.scales == a.scales
        assert b.descriptions == (tuple(c.name for c in names) or a.descriptions)
        assert b.count == max(1, *shape, 1)
        bands = b.read()
    if axes == "YX":
        assert np.array_equal(bands[0], finer.data)


def test_a_reference_by_its_code_alone_is_written(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    for code in (4326, 32633, 7844):
        geo = GeoReference(NORTH_UP, crs=f"EPSG:{code}")
        path = write_image(tmp_path / "a.tif", ImageFile(NOISE, "YX", geo=geo))
        with rasterio.open(path) as file:
            assert file.crs.to_epsg() == code
            assert file.nodata is None


@pytest.mark.parametrize("nodata", [float("nan"), -9999.0, -3.4028234663852886e38])
def test_nodata_comes_back(tmp_path: Path, nodata: float) -> None:
    rasterio = pytest.importorskip("rasterio")
    geo = GeoReference(NORTH_UP, UTM33)
    image = ImageFile(NOISE.astype("float32"), "YX", geo=geo, nodata=nodata)
    path = write_image(tmp_path / "a.tif", image)
    assert read_image(path).nodata == pytest.approx(nodata, rel=0, nan_ok=True)
    with rasterio.open(path) as file:
        assert file.nodata == pytest.approx(nodata, rel=0, nan_ok=True)


def test_a_series_of_maps_keeps_its_place(tmp_path: Path) -> None:
    data = rng.integers(1, 99, (3, 2, 20, 30)).astype("uint16")
    geo = GeoReference(NORTH_UP, UTM33)
    image = ImageFile(data, "TCYX", {"Y": 30, "X": 30}, "m", geo=geo, nodata=0)
    again = read_image(write_image(tmp_path / "a.tif", image))
    assert again.axes == "TCYX"
    assert np.array_equal(again.data, data)
    assert again.geo is not None
    assert np.array_equal(again.geo.transform, NORTH_UP)  # type: ignore[arg-type]
    assert (again.pixel_size, again.unit, again.nodata) == ({"Y": 30, "X": 30}, "m", 0)


def test_a_large_geotiff_has_overviews(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    data = rng.integers(1, 99, (2, 300, 2500)).astype("uint8")
    geo = GeoReference(NORTH_UP, UTM33)
    path = write_image(tmp_path / "a.tif", ImageFile(data, "CYX", geo=geo))
    image = read_image(path)
    assert np.array_equal(image.data, np.moveaxis(data, 0, -1))
    for k, level in enumerate(image.levels, 1):
        assert np.array_equal(level, image.data[:: 2**k, :: 2**k])
    with rasterio.open(path) as file:
        assert file.overviews(1) == [2, 4]
        assert np.array_equal(file.read(), data)
