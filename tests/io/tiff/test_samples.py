"""How the samples of TIFF, PNG and JPEG are to be shown: kept from a file into its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

import napari_srgan as ns
from napari_srgan import io
from napari_srgan.io.image_file import ImageFile
from napari_srgan.io.tiff.reader import read_image, write_image
from tests.io.tiff.repeated import repeated

rng = np.random.default_rng(0)
SCALE = (33550, 12, 3, (30.0, 30.0, 0.0), True)
TIE = (33922, 12, 6, (0.0, 0.0, 0.0, 500_000.0, 5_200_000.0, 0.0), True)


def noise(*shape: int, dtype: str = "uint8") -> npt.NDArray[Any]:
    return rng.integers(1, 100, shape).astype(dtype)


def doubled(path: Path, image: ImageFile) -> Path:
    """Write an image twice as fine."""
    return io.write(path, repeated(image, 2))


# --- which way up --------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [None, 0])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("samples", [1, 3])
def test_a_tiff_is_the_right_way_up(
    tmp_path: Path, orientation: int, samples: int, limit: int | None
) -> None:
    data = noise(20, 30, samples).squeeze()
    tags = [(274, 3, 1, orientation, True)]
    tifffile.imwrite(
        tmp_path / "a.tif",
        data,
        metadata=None,
        extratags=tags,
        photometric="rgb" if samples == 3 else "minisblack",
        resolution=(50, 70),
        resolutionunit="CENTIMETER",
        compression="zlib",
    )
    image = read_image(tmp_path / "a.tif", limit)
    with Image.open(tmp_path / "a.tif") as file:
        # Pillow turns a TIFF itself.
        assert np.array_equal(np.asarray(image.data), np.asarray(file))
    turned = orientation > 4
    across, down = (1e4 / 70, 1e4 / 50) if turned else (1e4 / 50, 1e4 / 70)
    assert image.pixel_size == pytest.approx({"X": across, "Y": down})
    with Image.open(doubled(tmp_path / "b.tif", image)) as file:
        assert np.array_equal(np.asarray(file)[::2, ::2], np.asarray(image.data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_the_right_way_up(tmp_path: Path, orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "a"
    Image.fromarray(noise(20, 30, 3)).save(path, kind, exif=exif)
    image = read_image(path)
    with Image.open(path) as file:
        assert np.array_equal(image.data, np.asarray(ImageOps.exif_transpose(file)))


def test_a_map_is_taken_as_it_is_stored(tmp_path: Path) -> None:
    data = noise(20, 30)
    tags = [SCALE, TIE, (274, 3, 1, 6, True)]
    tifffile.imwrite(tmp_path / "a.tif", data, metadata=None, extratags=tags)
    assert np.array_equal(read_image(tmp_path / "a.tif").data, data)


# --- white and black -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_what_is_white_stays_white(tmp_path: Path, dtype: str) -> None:
    data = noise(20, 30, dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", data, metadata=None, photometric="miniswhite")
    image = read_image(tmp_path / "a.tif")
    assert np.array_equal(image.data, data)
    ((_, options, _),) = ns.read(tmp_path / "a.tif")
    assert options["colormap"] == "gray_r"
    ns.write(tmp_path / "c.tif", ns.read(tmp_path / "a.tif"))
    for path in (doubled(tmp_path / "b.tif", image), tmp_path / "c.tif"):
        with tifffile.TiffFile(path) as file:
            assert file.pages.first.photometric == tifffile.PHOTOMETRIC.MINISWHITE
    ((_, options, _),) = ns.read(tmp_path / "c.tif")
    assert options["colormap"] == "gray_r"
    # A PNG has no such tag.
    with Image.open(doubled(tmp_path / "b.png", image)) as shown:
        most = np.iinfo(dtype).max
        assert np.array_equal(np.asarray(shown)[::2, ::2], most - data)
    (again,) = io.read(doubled(tmp_path / "b.zarr", image))
    assert np.array_equal(np.asarray(again.data)[::2, ::2], most - data)


# --- bands ---------------------------------------------------------------------------------------


def written_by_gdal(path: Path, count: int, dtype: str = "uint16", **facts: Any) -> Path:
    rasterio = pytest.importorskip("rasterio")
    data = noise(count, 20, 30, dtype=dtype)
    transform = rasterio.Affine(30, 0, 500_000, 0, -30, 5_200_000)
    options = {"driver": "GTiff", "count": count, "height": 20, "width": 30, "dtype": dtype}
    place = {"crs": "EPSG:32633", "transform": transform}
    with rasterio.open(path, "w", **options, **place, **facts.pop("profile", {})) as file:
        file.write(data)
        for name, value in facts.items():
            setattr(file, name, value)
        file.update_tags(ACQUISITION="2024 <May> é")
        file.update_tags(count, WAVELENGTH="842")
    return path


def test_what_gdal_says_of_bands_is_kept(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    kinds = rasterio.enums.ColorInterp
    source = written_by_gdal(
        tmp_path / "a.tif",
        4,
        colorinterp=[kinds.red, kinds.green, kinds.blue, kinds.undefined],
        units=("DN", "DN", "DN", "W"),
        descriptions=("B04", "B03", "B02", "B08"),
        scales=(1e-4,) * 4,
        offsets=(-0.1, 0, 0, 0.5),
    )
    image = read_image(source)
    assert image.axes == "YXC"
    ns.write(tmp_path / "c.tif", ns.read(source))
    for path in (doubled(tmp_path / "b.tif", image), tmp_path / "c.tif"):
        with rasterio.open(source) as before, rasterio.open(path) as after:
            for name in ("colorinterp", "units", "descriptions", "scales", "offsets"):
                assert getattr(after, name) == getattr(before, name)
            assert after.tags()["ACQUISITION"] == before.tags()["ACQUISITION"]
            assert after.tags(4)["WAVELENGTH"] == "842"


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_infrared_beside_colours_is_no_opacity_and_they_stay_colours(
    tmp_path: Path, interleave: str
) -> None:
    rasterio = pytest.importorskip("rasterio")
    profile = {"photometric": "RGB", "alpha": "NO", "interleave": interleave}
    source = written_by_gdal(tmp_path / "a.tif", 4, profile=profile)
    image = read_image(source)
    assert image.missing is None
    assert [c.colour for c in image.channels] == [(255, 0, 0), (0, 255, 0), (0, 0, 255), None]
    ns.write(tmp_path / "c.tif", ns.read(source))
    for path in (doubled(tmp_path / "b.tif", image), tmp_path / "c.tif"):
        with rasterio.open(path) as file:
            colours = [c.name for c in file.colorinterp]
            assert colours == ["red", "green", "blue", "undefined"]
            assert file.descriptions == (None,) * 4


def test_one_band_of_several_keeps_its_own(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    source = written_by_gdal(
        tmp_path / "a.tif", 4, units=("a", "b", "c", "d"), descriptions=("w", "x", "y", "z")
    )
    ns.write(tmp_path / "b.tif", ns.read(source)[3])
    with rasterio.open(tmp_path / "b.tif") as file:
        assert (file.units, file.descriptions) == (("d",), ("z",))
        assert file.tags(1)["WAVELENGTH"] == "842"


def test_names_of_colours_are_kept(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    names = ("B04", "B03", "B02")
    profile = {"photometric": "RGB"}
    source = written_by_gdal(tmp_path / "a.tif", 3, descriptions=names, profile=profile)
    image = read_image(source)
    assert (image.axes, image.data.dtype) == ("YXS", np.uint16)
    ((_, options, _),) = ns.read(source)
    assert options["rgb"]
    ns.write(tmp_path / "c.tif", ns.read(source))
    for path in (doubled(tmp_path / "b.tif", image), tmp_path / "c.tif"):
        with rasterio.open(path) as file:
            assert file.descriptions == names
            assert [c.name for c in file.colorinterp] == ["red", "green", "blue"]
            assert set(file.dtypes) == {"uint16"}


def test_statistics_of_the_source_are_not_the_results(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    source = written_by_gdal(tmp_path / "a.tif", 2)
    with rasterio.open(source, "r+") as file:
        file.update_tags(1, STATISTICS_MAXIMUM="99")
    with rasterio.open(doubled(tmp_path / "b.tif", read_image(source))) as file:
        assert "STATISTICS_MAXIMUM" not in file.tags(1)


# --- colour profiles -----------------------------------------------------------------------------


@pytest.mark.parametrize("given", [".tif", ".png", ".jpg"])
@pytest.mark.parametrize("wanted", [".tif", ".png"])
@pytest.mark.parametrize("how", ["image", "layer"])
def test_a_colour_profile_is_kept(tmp_path: Path, given: str, wanted: str, how: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = tmp_path / f"a{given}"
    Image.fromarray(noise(20, 30, 3)).save(source, icc_profile=profile)
    path = tmp_path / f"b{wanted}"
    if how == "layer":
        ns.write(path, ns.read(source))
    else:
        doubled(path, read_image(source))
    with Image.open(path) as file:
        assert file.info["icc_profile"] == profile


def test_a_profile_of_printers_colours_is_not_that_of_rgb(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(noise(20, 30, 4), "CMYK")
    image.save(tmp_path / "a.jpg", icc_profile=profile)
    assert "icc_profile" not in read_image(tmp_path / "a.jpg").metadata


def test_a_profile_of_16_bit_colours_is_kept(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = ImageFile(noise(9, 8, 3, dtype="uint16"), "YXS", metadata={"icc_profile": profile})
    path = write_image(tmp_path / "a.png", image)
    with Image.open(path) as file:
        file.load()
        assert file.info["icc_profile"] == profile
    assert np.array_equal(read_image(path).data, image.data)
