"""Where an image lies by the files beside it and by polynomials: read, and written finer."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

import napari_srgan as ns
from napari_srgan import io
from napari_srgan.io.image_file import RPC, ImageFile
from napari_srgan.io.rpc import COEFFICIENTS, NUMBERS
from tests.io.tiff.repeated import repeated

rasterio = pytest.importorskip("rasterio")
# rasterio multiplies affine's matrices in a way that affine is about to give up.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")

rng = np.random.default_rng(0)
WORLD = "10.0\n0.5\n0.25\n-20.0\n500005.0\n5299995.0\n"
TRANSFORM = np.array([[10.0, 0.25, 0], [0.5, -20.0, 0], [0, 0, 1]])
TRANSFORM[:2, 2] = [500005 - 5 - 0.125, 5299995 - 0.25 + 10]
UTM33 = rasterio.crs.CRS.from_epsg(32633).to_wkt()
OWN = "+proj=laea +lat_0=47 +lon_0=11 +x_0=1000 +y_0=2000 +ellps=GRS80 +units=m +no_defs"


def noise(*shape: int, dtype: str = "uint8") -> npt.NDArray[Any]:
    return rng.integers(1, 100, shape).astype(dtype)


def tripled(path: Path, image: ImageFile) -> Path:
    """Write an image three times finer."""
    return io.write(path, repeated(image, 3))


def opened(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        return rasterio.open(path)


# --- world files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "world"),
    [
        ("a.tif", "a.tfw"),
        ("a.tif", "a.TFW"),
        ("a.tif", "a.tifw"),
        ("a.tif", "a.wld"),
        ("a.tiff", "a.tfw"),
        ("a.png", "a.pgw"),
        ("a.png", "a.wld"),
        ("a.jpg", "a.jgw"),
        ("a.jpeg", "a.jgw"),
    ],
)
def test_a_world_file_places_an_image(tmp_path: Path, image: str, world: str) -> None:
    Image.fromarray(noise(20, 30)).save(tmp_path / image)
    (tmp_path / world).write_text(WORLD)
    (tmp_path / "a.prj").write_text(UTM33)
    (found,) = io.read(tmp_path / image)
    assert found.geo is not None
    assert found.geo.crs == "EPSG:32633"
    assert found.geo.transform == pytest.approx(TRANSFORM)
    assert found.unit == "m"
    assert found.pixel_size == pytest.approx({"X": np.hypot(10, 0.5), "Y": np.hypot(20, 0.25)})
    if world.endswith(("tfw", "pgw", "jgw")):
        with opened(tmp_path / image) as before:
            assert np.reshape(before.transform, (3, 3)) == pytest.approx(TRANSFORM)
    with opened(tripled(tmp_path / "b.tif", found)) as after:
        assert after.crs.to_epsg() == 32633
        corner = np.reshape(after.transform, (3, 3)) @ [90, 60, 1]
        assert corner == pytest.approx(TRANSFORM @ [30, 20, 1], rel=1e-12)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("end", ["jpg", "tif"])
def test_a_world_file_is_about_stored_pixels(tmp_path: Path, orientation: int, end: str) -> None:
    stored = np.zeros((20, 30), "uint8")
    stored[2, 5] = 255
    if end == "tif":
        tags = [(274, 3, 1, orientation, True)]
        tifffile.imwrite(tmp_path / "a.tif", stored, metadata=None, extratags=tags)
    else:
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(stored).save(tmp_path / "a.jpg", exif=exif, quality=100)
    (tmp_path / "a.wld").write_text(WORLD)
    (image,) = io.read(tmp_path / f"a.{end}")
    row, column = np.unravel_index(image.data.argmax(), image.data.shape)
    assert image.geo is not None
    assert image.geo.transform is not None
    centre = image.geo.transform @ [column + 0.5, row + 0.5, 1]
    assert centre == pytest.approx(TRANSFORM @ [5.5, 2.5, 1], rel=1e-12)
    assert "orientation" not in image.metadata


def test_a_layer_with_a_world_file_is_written_as_a_map(tmp_path: Path) -> None:
    Image.fromarray(noise(20, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text(WORLD)
    (tmp_path / "a.prj").write_text(UTM33)
    ns.write(tmp_path / "b.tif", ns.read(tmp_path / "a.png"))
    with opened(tmp_path / "b.tif") as file:
        assert np.reshape(file.transform, (3, 3)) == pytest.approx(TRANSFORM)


def test_a_system_without_a_code_is_written(tmp_path: Path) -> None:
    system = rasterio.crs.CRS.from_proj4(OWN)
    tifffile.imwrite(tmp_path / "a.tif", noise(20, 30))
    (tmp_path / "a.tfw").write_text(WORLD)
    (tmp_path / "a.prj").write_text(system.to_wkt())
    (image,) = io.read(tmp_path / "a.tif")
    assert image.unit == "m"
    with opened(tripled(tmp_path / "b.tif", image)) as file:
        assert file.crs.to_dict()["proj"] == "laea"
        assert file.crs.to_dict()["x_0"] == 1000


def test_a_place_in_the_file_is_above_a_world_file(tmp_path: Path) -> None:
    scale = (33550, 12, 3, (30.0, 30.0, 0.0), True)
    tie = (33922, 12, 6, (0.0, 0.0, 0.0, 500_000.0, 5_200_000.0, 0.0), True)
    tifffile.imwrite(tmp_path / "a.tif", noise(20, 30), metadata=None, extratags=[scale, tie])
    (tmp_path / "a.tfw").write_text(WORLD)
    (image,) = io.read(tmp_path / "a.tif")
    assert image.geo is not None
    assert image.geo.transform is not None
    assert image.geo.transform[0, 0] == 30


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tfw", ""),
        ("a.tfw", "1\n2\n3\n4\n5"),
        ("a.tfw", "one\n0\n0\n-1\n5\n5"),
        ("a.tfw", "nan\n0\n0\n-1\n5\n5"),
        ("a.tfw", "0\n0\n0\n0\n5\n5"),
        ("a.tif.aux.xml", "<PAMDataset>"),
        ("a.tif.aux.xml", "<PAMDataset><GeoTransform>1,2</GeoTransform></PAMDataset>"),
        ("a.tif.aux.xml", "<PAMDataset><SRS>no system</SRS></PAMDataset>"),
        ("a.tif.aux.xml", '<PAMDataset><Metadata domain="RPC"/></PAMDataset>'),
        ("a.tif.aux.xml", '<PAMDataset><GCPList><GCP Pixel="x"/></GCPList></PAMDataset>'),
        ("a_RPC.TXT", "LINE_OFF: 3\n"),
        ("a.RPB", "lineOffset = 3;\n"),
        ("a.tfw", "0" * (5 << 20)),
    ],
)
def test_a_broken_file_beside_an_image_is_left_out_and_said(
    tmp_path: Path, name: str, text: str
) -> None:
    data = noise(20, 30)
    tifffile.imwrite(tmp_path / "a.tif", data)
    (tmp_path / name).write_text(text)
    with pytest.warns(UserWarning, match="left out, since it cannot be read"):
        (image,) = io.read(tmp_path / "a.tif")
    assert image.geo is None
    assert np.array_equal(image.data, data)


# --- .aux.xml ------------------------------------------------------------------------------------


def test_what_gdal_keeps_beside_a_file_is_read(tmp_path: Path) -> None:
    # A JPEG has room for none of it.
    options = {"driver": "JPEG", "width": 30, "height": 20, "count": 1, "dtype": "uint8"}
    transform = rasterio.Affine(*TRANSFORM[:2].ravel())
    source = tmp_path / "a.jpg"
    with rasterio.open(source, "w", crs="EPSG:32633", transform=transform, **options) as file:
        file.write(noise(1, 20, 30))
    with rasterio.open(source, "r+") as file:
        file.nodata = 7
        file.units = ("K",)
        file.descriptions = ("heat",)
        file.scales, file.offsets = (0.5,), (3.0,)
    assert (tmp_path / "a.jpg.aux.xml").exists()
    (image,) = io.read(source)
    assert image.nodata == 7
    assert image.geo is not None
    assert image.geo.transform == pytest.approx(TRANSFORM)
    assert [channel.name for channel in image.channels] == ["heat"]
    with rasterio.open(source) as before, opened(tripled(tmp_path / "b.tif", image)) as after:
        assert after.crs == before.crs
        for name in ("nodata", "units", "descriptions", "scales", "offsets"):
            assert getattr(after, name) == getattr(before, name)
        corner = np.reshape(after.transform, (3, 3)) @ [90, 60, 1]
        assert corner == pytest.approx(TRANSFORM @ [30, 20, 1], rel=1e-12)


@pytest.mark.parametrize("place", ["none", "points", "transform"])
def test_control_points_beside_a_file_are_those_of_gdal(tmp_path: Path, place: str) -> None:
    path, result = tmp_path / "a.tif", tmp_path / "b.tif"
    tags: Any = []
    if place != "none":
        tags = [(34735, 3, 12, (1, 1, 0, 2, 1024, 0, 1, 2, 2048, 0, 1, 4326), True)]
    if place == "points":
        tags.append((33922, 12, 12, (0.0, 0, 0, 1, 2, 0, 9, 9, 0, 3, 4, 0), True))
    elif place == "transform":
        tags += [(33550, 12, 3, (1.0, 1, 0), True), (33922, 12, 6, (0.0, 0, 0, 7, 8, 0), True)]
    tifffile.imwrite(path, noise(20, 30), metadata=None, extratags=tags)
    known = [(0.5, 1.0, 11.0, 48.0, 5.0), (30, 0, 11.5, 48, 0), (0, 20, 11, 47.5, 0)]
    items = "".join(
        f'<GCP Id="{i}" Pixel="{c}" Line="{r}" X="{x}" Y="{y}" Z="{z}"/>'
        for i, (c, r, x, y, z) in enumerate(known)
    )
    system = rasterio.crs.CRS.from_epsg(4326).to_wkt().replace('"', "&quot;")
    inner = f'<GCPList Projection="{system}">{items}</GCPList>'
    (tmp_path / "a.tif.aux.xml").write_text(f"<PAMDataset>{inner}</PAMDataset>")
    (image,) = io.read(path)
    tripled(result, image)
    with opened(path) as before, opened(result) as after:
        if place == "transform":
            assert before.transform[:6] == pytest.approx((1, 0, 7, 0, -1, 8))
            assert after.transform[:6] == pytest.approx((1 / 3, 0, 7, 0, -1 / 3, 8))
            return
        points, crs = before.gcps
        finer, same = after.gcps
        assert crs == same
        assert len(points) == len(finer) == 3
        for one, other in zip(points, finer, strict=True):
            assert (other.row, other.col) == pytest.approx((3 * one.row, 3 * one.col))
            assert (other.x, other.y, other.z) == pytest.approx((one.x, one.y, one.z))


# --- rational polynomials ------------------------------------------------------------------------


def polynomials() -> dict[str, Any]:
    """Return polynomials of a map that is turned and bent a little."""
    numbers = (-1.0, -1.0, 9.3, 14.8, 48.0, 11.0, 500.0, 10.0, 15.0, 0.01, 0.02, 500.0)
    line, sample = np.zeros(20), np.zeros(20)
    line[:5] = 0.01, 0.1, -1, 0.02, 0.003
    sample[:5] = -0.02, 1, 0.15, 0.01, 0.002
    below = np.zeros(20)
    below[:2] = 1, 0.001
    values = zip(COEFFICIENTS, (line, below, sample, below), strict=True)
    return dict(zip(NUMBERS, numbers, strict=True)) | {k: v.tolist() for k, v in values}


def tag() -> tuple[float, ...]:
    said = polynomials()
    return (*(said[n] for n in NUMBERS), *(v for c in COEFFICIENTS for v in said[c]))


def with_tag(path: Path) -> None:
    extra = [(RPC, 12, 92, tag(), True)]
    tifffile.imwrite(path, noise(20, 30), metadata=None, extratags=extra)


def with_text(path: Path) -> None:
    tifffile.imwrite(path, noise(20, 30), metadata=None)
    lines = []
    for key, value in polynomials().items():
        if isinstance(value, list):
            lines += [f"{key}_{i}: {number!r}" for i, number in enumerate(value, 1)]
        else:
            lines.append(f"{key}: {value!r} pixels")
    path.with_name(f"{path.stem}_RPC.TXT").write_text("\n".join(lines))


def with_xml(path: Path) -> None:
    tifffile.imwrite(path, noise(20, 30), metadata=None)
    items = []
    for key, value in polynomials().items():
        text = " ".join(map(repr, value)) if isinstance(value, list) else repr(value)
        items.append(f'<MDI key="{key}">{text}</MDI>')
    inner = f'<Metadata domain="RPC">{"".join(items)}</Metadata>'
    path.with_name(f"{path.name}.aux.xml").write_text(f"<PAMDataset>{inner}</PAMDataset>")


def with_rpb(path: Path) -> None:
    tifffile.imwrite(path, noise(20, 30), metadata=None)
    lines = ['satId = "WV02";', 'bandId = "P";', 'SpecId = "RPC00B";', "BEGIN_GROUP = IMAGE"]
    for key, value in polynomials().items():
        first, *rest = key.lower().split("_")
        name = first + "".join(map(str.title, rest))
        name = name.removesuffix("f") if name.endswith("Coeff") else name.replace("Off", "Offset")
        if isinstance(value, list):
            lines += [f"\t{name} = ("] + [f"\t\t\t{number!r}," for number in value]
            lines[-1] = lines[-1].replace(",", ");")
        else:
            lines.append(f"\t{name} = {value!r};")
    text = "\n".join([*lines, "END_GROUP = IMAGE", "END;", ""])
    path.with_name(f"{path.stem}.RPB").write_text(text)


@pytest.mark.parametrize("make", [with_tag, with_text, with_xml, with_rpb])
@pytest.mark.parametrize("how", ["image", "layer"])
def test_polynomials_predict_the_same_ground(
    tmp_path: Path, make: Any, how: str, make_identity: Any
) -> None:
    from napari.layers import Image as Layer
    from rasterio.transform import RPCTransformer

    source, result = tmp_path / "a.tif", tmp_path / "b.tif"
    make(source)
    (image,) = io.read(source)
    if how == "image":
        tripled(result, image)
        scale = 3
    else:
        ((data, options, _),) = ns.read(source)
        finer = ns.super_resolve_layer(Layer(data, **options), make_identity(), device="cpu")
        ns.write(result, finer)
        scale = 4
    # Of places on the ground, the row and column in each, counted from the outer edge.
    ground = (11 + np.linspace(-0.02, 0.02, 5), 48 + np.linspace(-0.01, 0.008, 5), [500.0] * 5)
    found = []
    for path, factor in ((source, 1), (result, scale)):
        with opened(path) as file:
            assert file.rpcs is not None
            with RPCTransformer(file.rpcs) as there:
                found.append(np.array(there.rowcol(*ground, op=lambda x: x)) / factor)
    assert np.ptp(found[0], axis=1).min() > 5
    assert np.abs(found[0] - found[1]).max() < 1e-9


# --- files changed at random ---------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.tfw", "a.prj", "a.tif.aux.xml", "a_RPC.TXT"])
def test_a_changed_file_beside_an_image_never_stops_it(tmp_path: Path, name: str) -> None:
    with_text(tmp_path / "a.tif")
    with_xml(tmp_path / "a.tif")
    (tmp_path / "a.tfw").write_text(WORLD)
    (tmp_path / "a.prj").write_text(UTM33)
    content = (tmp_path / name).read_bytes()
    random = np.random.default_rng(1)
    for _ in range(60):
        changed = bytearray(content)
        for at in random.integers(0, len(changed), 1 + random.integers(5)):
            changed[at] = random.integers(256)
        if random.integers(3) == 0:
            del changed[random.integers(len(changed)) :]
        (tmp_path / name).write_bytes(changed)
        (image,) = io.read(tmp_path / "a.tif")
        assert image.data.shape == (20, 30)
