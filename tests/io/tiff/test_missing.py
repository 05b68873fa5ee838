"""Pixels without a value that a TIFF or PNG tells by a mask, an opacity or an index."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from napari_srgan import io
from napari_srgan.io.image_file import GeoReference, ImageFile
from napari_srgan.io.resampling import Grid, regridded
from napari_srgan.io.tiff.reader import read_image, read_images, write_image
from tests.io.tiff.repeated import repeated

rng = np.random.default_rng(0)
GEO = GeoReference(np.array([[30.0, 0, 500_000], [0, -30, 5_200_000], [0, 0, 1]]), crs="EPSG:32633")
VALID = rng.random((20, 30)) < 0.7
SCALE = (33550, 12, 3, (30.0, 30.0, 0.0), True)
TIE = (33922, 12, 6, (0.0, 0.0, 0.0, 500_000.0, 5_200_000.0, 0.0), True)


def noise(*shape: int, dtype: str = "uint8") -> npt.NDArray[Any]:
    return rng.integers(1, 100, shape).astype(dtype)


def tripled(path: Path, image: ImageFile) -> Path:
    """Write an image three times finer."""
    return write_image(path, repeated(image, 3))


def blocks(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values.repeat(3, 0).repeat(3, 1)


def masked(path: Path, data: Any, valid: Any = VALID, **options: Any) -> Path:
    """Write an image with GDAL's mask of all bands."""
    with tifffile.TiffWriter(path) as file:
        file.write(data, metadata=None, **options)
        file.write(valid, metadata=None, photometric="mask", subfiletype=4)
    return path


@pytest.mark.parametrize("place", [(SCALE, TIE), ()], ids=["map", "no map"])
@pytest.mark.parametrize("limit", [None, 0])
def test_a_mask_says_what_is_missing(tmp_path: Path, limit: int | None, place: Any) -> None:
    rasterio = pytest.importorskip("rasterio")
    data = noise(20, 30, 3)
    path = masked(tmp_path / "a.tif", data, photometric="rgb", extratags=place)
    (image,) = read_images(path, limit)
    assert isinstance(image.missing, da.Array) == (limit == 0)
    assert np.array_equal(np.asarray(image.missing), ~VALID)
    assert np.array_equal(np.asarray(image.data), data)
    path = tripled(tmp_path / "b.tif", image)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        file = rasterio.open(path)
    with file:
        assert file.count == 3
        assert "per_dataset" in [flag.name for flag in file.mask_flag_enums[0]]
        assert np.array_equal(file.dataset_mask() != 0, blocks(VALID))


@pytest.mark.parametrize("kind", ["numpy", "dask"])
def test_a_large_mask_has_levels(tmp_path: Path, kind: str) -> None:
    rasterio = pytest.importorskip("rasterio")
    missing = np.zeros((300, 2500), bool)
    missing[40:90, 100:1700] = True
    metadata = {"mask": True}
    given: Any = missing if kind == "numpy" else da.from_array(missing, chunks=(100, 900))
    image = ImageFile(noise(300, 2500), "YX", geo=GEO, missing=given, metadata=metadata)
    path = write_image(tmp_path / "a.tif", image)
    assert np.array_equal(read_image(path).missing, missing)
    with rasterio.open(path) as file:
        assert file.overviews(1) == [2, 4]
        assert np.array_equal(file.dataset_mask() == 0, missing)
    with rasterio.open(path, overview_level=0) as file:
        assert np.array_equal(file.dataset_mask() == 0, missing[::2, ::2])


@pytest.mark.parametrize("limit", [None, 0])
def test_an_index_of_a_palette_is_missing(tmp_path: Path, limit: int | None) -> None:
    rasterio = pytest.importorskip("rasterio")
    colours = rng.integers(0, 2**16, (3, 256)).astype("uint16")
    colours[:, 7] = 65535  # a class that is white, as 255 would be taken for
    index = np.where(VALID, noise(20, 30) % 50, 255).astype("uint8")
    path = tmp_path / "a.tif"
    tags = [SCALE, TIE, (42113, 2, 0, "255", True)]
    tifffile.imwrite(
        path, index, photometric="palette", colormap=colours, metadata=None, extratags=tags
    )
    image = read_image(path, limit)
    assert image.axes == "YXS"
    assert image.nodata is None
    assert np.array_equal(np.asarray(image.missing), ~VALID)
    with rasterio.open(path) as before, rasterio.open(tripled(tmp_path / "b.tif", image)) as after:
        assert np.array_equal(after.dataset_mask() != 0, blocks(before.dataset_mask() != 0))


@pytest.mark.parametrize("limit", [None, 0])
@pytest.mark.parametrize(
    ("samples", "photometric", "axes", "associated"),
    [
        (2, "minisblack", "YX", False),
        (4, "rgb", "YXS", False),
        (4, "rgb", "YXS", True),
        (5, "rgb", "YXC", False),
        (6, "minisblack", "YXC", True),
    ],
)
def test_an_opacity_keeps_its_role(
    tmp_path: Path, samples: int, photometric: Any, axes: str, associated: bool, limit: int | None
) -> None:
    rasterio = pytest.importorskip("rasterio")
    data = noise(20, 30, samples, dtype="uint16")
    data[..., -1] = np.where(VALID, 65535, 0)
    extra = [0] * (samples - (3 if photometric == "rgb" else 1))
    extra[-1] = 1 if associated else 2
    options: dict[str, Any] = {"photometric": photometric, "extrasamples": extra}
    options["planarconfig"] = "contig"
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, data, metadata=None, extratags=[SCALE, TIE], **options)
    image = read_image(path, limit)
    assert image.axes == axes
    assert np.array_equal(np.asarray(image.missing), ~VALID)
    if axes != "YXS":
        assert image.alpha is not None
        assert np.array_equal(np.squeeze(data[..., :-1]), np.asarray(image.data))
    path = tripled(tmp_path / "b.tif", image)
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        assert [int(role) for role in page.extrasamples] == extra
        assert page.photometric == {"rgb": 2, "minisblack": 1}[photometric]
        written = page.asarray()
    assert written.shape == (60, 90, samples)
    # What is opaque all around stays so.
    inner = np.ones_like(VALID)
    for dy, dx in ((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)):
        inner &= np.roll(VALID, (dy, dx), (0, 1))
    inner[[0, -1]] = inner[:, [0, -1]] = False
    assert (written[..., -1][blocks(inner)] == 65535).all()
    again = read_image(path)
    assert again.axes == axes
    with rasterio.open(path) as file:
        assert file.colorinterp[-1].name == "alpha"


def test_an_opacity_that_gdal_alone_tells_is_one(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    data = noise(20, 30, 3, dtype="uint16")
    data[..., 1] = np.where(VALID, 65535, 0)
    item = '<Item name="COLORINTERP" sample="1" role="colorinterp">Alpha</Item>'
    name = '<Item name="DESCRIPTION" sample="2" role="description">NIR</Item>'
    text = f"<GDALMetadata>{item}{name}</GDALMetadata>"
    tags = [SCALE, TIE, (42112, 2, 0, text, True)]
    path = tmp_path / "a.tif"
    options: dict[str, Any] = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(path, data, metadata=None, extratags=tags, **options)
    image = read_image(path)
    assert np.array_equal(image.missing, ~VALID)
    assert np.array_equal(image.data, data[..., [0, 2]])
    assert [channel.name for channel in image.channels] == ["", "NIR"]
    with rasterio.open(tripled(tmp_path / "b.tif", image)) as file:
        assert [c.name for c in file.colorinterp] == ["gray", "alpha", "undefined"]
        assert file.descriptions == (None, None, "NIR")


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_an_opacity_of_a_png_comes_back(tmp_path: Path, mode: str) -> None:
    data = noise(20, 30, len(mode))
    data[..., -1] = np.where(VALID, 255, 0)
    Image.fromarray(data, mode).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert np.array_equal(image.missing, ~VALID)
    for end in (".png", ".tif"):
        with Image.open(write_image(tmp_path / f"b{end}", image)) as file:
            assert file.mode == mode
            assert np.array_equal(np.asarray(file), data)


def test_a_colour_of_a_png_that_is_transparent_is_missing(tmp_path: Path) -> None:
    data = np.where(VALID, 50, 7).astype("uint8")
    Image.fromarray(data).save(tmp_path / "a.png", transparency=7)
    assert np.array_equal(read_image(tmp_path / "a.png").missing, ~VALID)


def test_a_stack_is_missing_what_its_images_are(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(20, 30), metadata=None)
    masked(tmp_path / "b.tif", noise(20, 30))
    (stack,) = io.read(tmp_path)
    assert stack.axes == "TYX"
    assert np.array_equal(stack.missing, [np.zeros_like(VALID), ~VALID])
    with pytest.warns(UserWarning, match="a stack in a TIFF does not hold a mask"):
        io.write(tmp_path / "c.tif", stack)


@pytest.mark.parametrize("kind", ["numpy", "dask"])
@pytest.mark.parametrize("smooth", [False, True])
def test_a_part_is_on_the_grid_of_the_whole(kind: str, smooth: bool) -> None:
    values = noise(20, 30)
    whole = regridded(values, Grid(0, 1 / 3, 60), Grid(0, 1 / 3, 90), smooth=smooth)
    given: Any = values if kind == "numpy" else da.from_array(values, chunks=7)
    part = regridded(given, Grid(4, 1 / 3, 12), Grid(9, 1 / 3, 21), smooth=smooth)
    assert np.array_equal(np.asarray(part), whole[12:24, 27:48])
    if not smooth:
        assert np.array_equal(whole, blocks(values))
    else:
        inner = values[1:-1, 1:-1]
        assert np.array_equal(whole[4:-4:3, 4:-4:3], inner)


def test_layers_keep_what_is_missing(tmp_path: Path, make_identity: Any) -> None:
    rasterio = pytest.importorskip("rasterio")
    from napari.layers import Image as Layer

    import napari_srgan as ns

    data = noise(20, 30, 5, dtype="uint16")
    data[..., -1] = np.where(VALID, 65535, 0)
    path = tmp_path / "a.tif"
    tags: Any = [SCALE, TIE]
    extra: Any = [0, 2]
    tifffile.imwrite(
        path, data, metadata=None, photometric="rgb", extrasamples=extra, extratags=tags
    )
    layers = [Layer(pixels, **options) for pixels, options, _ in ns.read(path)]
    assert len(layers) == 4
    finer = [ns.super_resolve_layer(x, make_identity(scale=2), device="cpu") for x in layers]
    ns.write(tmp_path / "b.tif", finer)
    (image,) = io.read(tmp_path / "b.tif")
    centres = image.alpha[1:-1:2, 1:-1:2]
    assert centres.shape == (19, 29)
    with rasterio.open(tmp_path / "b.tif") as file:
        colours = [c.name for c in file.colorinterp]
        assert colours[-1] == "alpha"
        assert file.read(5).min() == 0
    masked(tmp_path / "c.tif", noise(20, 30), extratags=tags)
    ((pixels, options, _),) = ns.read(tmp_path / "c.tif")
    layer = ns.super_resolve_layer(Layer(pixels, **options), make_identity(scale=2), device="cpu")
    ns.write(tmp_path / "d.tif", layer)
    with rasterio.open(tmp_path / "d.tif") as file:
        assert np.array_equal(file.dataset_mask() != 0, VALID.repeat(2, 0).repeat(2, 1))
