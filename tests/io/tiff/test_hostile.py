from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from napari_srgan.io.image_file import Channel, GeoReference, ImageFile
from napari_srgan.io.tiff import reader as tiff
from napari_srgan.io.tiff.reader import read_image, read_images, write_image

PIXELS = np.random.default_rng(0).integers(1, 100, (40, 32)).astype("uint16")
NORTH_UP = np.array([[30.0, 0, 500_000], [0, -30, 5_200_000], [0, 0, 1]])


def directory(*tags: tuple[int, int, int, int], after: int = 0, behind: bytes = b"") -> bytes:
    """Return a TIFF of one directory at its beginning."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"".join(
        (b"II*\0", struct.pack("<IH", 8, len(tags)), entries, struct.pack("<I", after), behind)
    )


def claims(side: int, compression: int = 1, offset: int = 8, count: int = 99) -> bytes:
    """Return a small TIFF whose header claims a square of bytes in one strip."""
    tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, compression)]
    tags += [(262, 3, 1, 1), (273, 4, 1, offset), (277, 3, 1, 1), (279, 4, 1, count)]
    return directory(*tags, behind=bytes(100))


@pytest.mark.parametrize("limit", [None, 1 << 20])
@pytest.mark.parametrize("compression", [1, 5, 8, 50000])
@pytest.mark.parametrize(
    ("offset", "count"), [(8, 99), (0, 0), (8, 0), (2**31, 99), (8, 2**32 - 1)]
)
def test_a_header_that_claims_a_million_squared_is_refused(
    tmp_path: Path, compression: int, offset: int, count: int, limit: int | None
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(claims(1_000_000, compression, offset, count))
    since = time.process_time()
    with pytest.raises(ValueError, match=r"a\.tif: cannot be read \((its header|the file)"):
        read_images(path, limit)
    assert time.process_time() - since < 2


def test_what_it_claims_is_read_if_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(claims(10, offset=120, count=100)[:110] + bytes(10) + bytes(range(100)))
    assert np.array_equal(read_image(path).data.ravel(), np.arange(100))


@pytest.mark.parametrize("compression", [1, 8])
def test_a_hole_is_empty_not_the_head_of_the_file(tmp_path: Path, compression: int) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(claims(10, compression, 0, 0))
    assert not read_image(path).data.any()
    assert not read_image(path, 0).data.compute().any()


def test_a_constant_image_opens_lazily_only(tmp_path: Path) -> None:
    path, side = tmp_path / "a.tif", 20_480
    tile = np.full((512, 512), 7, "float32")
    tiles = (tile for _ in range((side // 512) ** 2))
    tifffile.imwrite(
        path, tiles, shape=(side, side), dtype="float32", tile=(512, 512), compression="zstd"
    )
    image = read_image(path, 1 << 40)
    assert image.data[-9:, -9:].compute().min() == 7
    with pytest.raises(ValueError, match=r"promises 1677721600 bytes of pixels .* with a limit"):
        read_image(path)


def test_what_memory_cannot_hold_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS)
    monkeypatch.setattr(tiff, "MOST_OF_FREE", 1e-9)
    with pytest.raises(MemoryError, match="its pixels take 2560 bytes"):
        read_image(path)
    assert read_image(path, 0).data.shape == PIXELS.shape


@pytest.mark.parametrize("after", [8, 7, 9, 2**32 - 1, 100_000])
def test_directories_that_lead_nowhere_end(tmp_path: Path, after: int) -> None:
    path = tmp_path / "a.tif"
    content = claims(10, offset=120, count=100)[:110] + bytes(10) + bytes(range(100))
    at = 8 + 2 + 8 * 12
    path.write_bytes(content[:at] + struct.pack("<I", after) + content[at + 4 :])
    since = time.process_time()
    with suppress(ValueError):
        read_images(path)
    assert time.process_time() - since < 2


@pytest.mark.parametrize(
    "change",
    [
        ('SizeT="1"', 'SizeT="999999999999"'),
        ('PlaneCount="1"', 'PlaneCount="999999999999"'),
        ('<TiffData IFD="0" PlaneCount="1"/>', '<TiffData><UUID FileName="/dev/zero"/></TiffData>'),
        ('<TiffData IFD="0" PlaneCount="1"/>', '<TiffData><UUID FileName="../b.tif"/></TiffData>'),
        ("<Image ", "<Image"),
    ],
)
def test_an_ome_header_that_cannot_be_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    path = tmp_path / "a.tif"
    pixels = 'DimensionOrder="XYCZT" Type="uint16" SizeX="32" SizeY="40" SizeC="1" SizeZ="1"'
    xml = (
        '<?xml version="1.0"?><OME><Image ID="Image:0"><Pixels ID="Pixels:0" '
        f'{pixels} SizeT="1"><TiffData IFD="0" PlaneCount="1"/></Pixels></Image></OME>'
    )
    assert change[0] in xml
    tifffile.imwrite(path, PIXELS, description=xml.replace(*change), metadata=None)
    since = time.process_time()
    with pytest.raises(ValueError, match=r"a\.tif: cannot be read"):
        read_images(path)
    assert time.process_time() - since < 2


def test_an_imagej_header_that_claims_too_many_images_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    description = "ImageJ=1.54f\nimages=999999999999\nslices=999999999999\n"
    tifffile.imwrite(path, PIXELS, description=description, metadata=None)
    with pytest.raises(ValueError, match="999999999999 images in its header"):
        read_images(path, 1000)


def test_a_part_that_is_damaged_is_said_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    data = np.random.default_rng(0).integers(0, 2**16, (512, 512)).astype("uint16")
    tifffile.imwrite(path, data, compression="zlib", tile=(256, 256))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = bytes(100)
    path.write_bytes(content)
    image = read_image(path, 0)
    with pytest.raises(ValueError, match=r"a\.tif: a part cannot be read"):
        image.data.compute()


# --- files changed at random ---------------------------------------------------------------------


def _pyramid(path: Path) -> None:
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(np.tile(PIXELS, (2, 2)), subifds=1, metadata={"axes": "YX"}, tile=(32, 32))
        file.write(PIXELS, subfiletype=1, metadata=None)


def _geotiff(path: Path) -> None:
    geo = GeoReference(NORTH_UP, crs="EPSG:32633")
    channels = (Channel("a"), Channel("b"))
    write_image(
        path, ImageFile(np.stack([PIXELS] * 2), "CYX", geo=geo, channels=channels, nodata=0)
    )


def _ome(path: Path) -> None:
    channels = {"Name": ["a", "b"], "Color": [-1, 255]}
    metadata = {"axes": "CZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "Channel": channels}
    tifffile.imwrite(path, np.tile(PIXELS, (2, 3, 1, 1)), ome=True, metadata=metadata)


def _imagej(path: Path) -> None:
    metadata = {"axes": "ZCYX", "spacing": 2, "unit": "um", "Ranges": (1.0, 2.0, 3.0, 4.0)}
    data = np.tile(PIXELS, (3, 2, 1, 1))
    tifffile.imwrite(path, data, imagej=True, resolution=(2, 2), metadata=metadata)


def _palette(path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 2**16, (3, 256)).astype("uint16")
    tifffile.imwrite(path, PIXELS.astype("uint8"), photometric="palette", colormap=colours)


def _masked(path: Path) -> None:
    facts: dict[str, Any] = {"missing": PIXELS < 20, "metadata": {"mask": True}}
    write_image(path, ImageFile(PIXELS, "YX", geo=GeoReference(NORTH_UP), **facts))


def _opacity(path: Path) -> None:
    data = np.stack([PIXELS] * 5, axis=-1)
    item = '<Item name="COLORINTERP" sample="4" role="colorinterp">Alpha</Item>'
    tags: Any = [(274, 3, 1, 6, True), (42112, 2, 0, f"<GDALMetadata>{item}</GDALMetadata>", True)]
    extra: Any = [0, 0]
    tifffile.imwrite(path, data, photometric="rgb", extrasamples=extra, extratags=tags)


def _stage(path: Path) -> None:
    plane = {f"Position{a}": [5.0, 6.0] for a in "XYZ"} | {"DeltaT": [0, 1]}
    plane |= {"ExposureTime": [1, 2]}
    channels = {"Name": ["a", "b"], "EmissionWavelength": [500, 600]}
    size = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    metadata = {"axes": "CYX", **size, "Channel": channels, "Plane": plane}
    tifffile.imwrite(path, np.tile(PIXELS, (2, 1, 1)), ome=True, metadata=metadata)


def _calibrated(path: Path) -> None:
    said = "ImageJ=1.54f\nunit=um\ncf=0\nc0=-32768\nc1=1\nfps=5\nxorigin=4\nmin=5\nmax=9\n"
    options: dict[str, Any] = {"photometric": "minisblack", "resolution": (4, 4)}
    tifffile.imwrite(path, PIXELS, metadata=None, description=said, **options)


def _slide(path: Path) -> None:
    said = "Aperio Image Library v12\n32x40 |AppMag = 20|MPP = 0.5"
    with tifffile.TiffWriter(path) as file:
        file.write(PIXELS, tile=(16, 16), description=said, metadata=None)
        file.write(PIXELS[:20], description=said, metadata=None)


def _microscope(path: Path) -> None:
    header = np.zeros((), np.dtype(tifffile.TIFF.CZ_LSMINFO).newbyteorder("<"))
    facts = {"MagicNumber": 67127628, "StructureSize": header.nbytes, "DataType": 2}
    facts |= {"DimensionX": 32, "DimensionY": 40, "DimensionZ": 1, "DimensionChannels": 1}
    facts |= {"DimensionTime": 1, "VoxelSizeX": 1, "VoxelSizeY": 1, "VoxelSizeZ": 1}
    for name, value in facts.items():
        header[name] = value
    tag = (34412, 1, header.nbytes, header.tobytes(), True)
    with tifffile.TiffWriter(path, byteorder="<") as file:
        file.write(PIXELS, metadata=None, extratags=[tag])
        file.write(PIXELS[::2, ::2], metadata=None, subfiletype=1)


def _photograph(path: Path, kind: str = "JPEG") -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = np.stack([PIXELS.astype("uint8")] * 3, axis=-1)
    Image.fromarray(data).save(path, kind, exif=exif, icc_profile=bytes(200))


def _fine_png(path: Path) -> None:
    write_image(path, ImageFile(np.stack([PIXELS] * 4, axis=-1), "YXS"))


def _big(path: Path) -> None:
    options: dict[str, Any] = {"bigtiff": True, "compression": "lzw", "predictor": True}
    tifffile.imwrite(path, np.tile(PIXELS, (2, 2)), tile=(32, 32), **options)


MAKERS: list[tuple[str, Callable[[Path], object]]] = [
    (".tif", lambda path: tifffile.imwrite(path, PIXELS)),
    (".tif", _pyramid),
    (".tif", _geotiff),
    (".tif", _ome),
    (".tif", _imagej),
    (".tif", _palette),
    (".tif", _big),
    (".tif", _masked),
    (".tif", _opacity),
    (".tif", _stage),
    (".tif", _calibrated),
    (".tif", _slide),
    (".tif", _microscope),
    (".jpg", _photograph),
    (".png", lambda path: _photograph(path, "PNG")),
    (".png", _fine_png),
    (".png", lambda path: Image.fromarray(PIXELS.astype("uint8")).save(path)),
    (".png", lambda path: Image.fromarray(PIXELS.astype("uint8")).quantize().save(path)),
]


def changed(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with bytes replaced, numbers made extreme, or a part lost or reversed."""
    out = bytearray(content)
    how = rng.integers(5)
    if how < 2:
        end = len(out) if how else min(len(out), 400)  # most of what is decided is at the start
        for at in rng.integers(0, end, 1 + rng.integers(5)):
            out[at] = rng.integers(256)
    elif how == 2:
        at = rng.integers(0, len(out) - 8)
        out[at : at + 4] = struct.pack("<I", rng.choice([0, 8, 2**31 - 1, 2**31, 2**32 - 1]))
    elif how == 3:
        del out[rng.integers(0, len(out)) :]
    else:
        start = rng.integers(0, len(out))
        part = out[start : start + 200]
        out[start : start + 200] = part[::-1] if rng.integers(2) else b""
    return bytes(out)


def variants(folder: Path, count: int) -> Iterator[Path]:
    rng: np.random.Generator = np.random.default_rng(12345)
    originals = []
    for suffix, make in MAKERS:
        path = folder / f"original{suffix}"
        make(path)
        assert computed(read_images(path, 0)[0])  # what is imported once is not timed
        originals.append((suffix, path.read_bytes()))
    for i in range(count):
        suffix, content = originals[i % len(originals)]
        path = folder / f"changed{suffix}"
        path.write_bytes(changed(content, rng))
        yield path


def computed(image: ImageFile) -> list[npt.NDArray[Any]]:
    parts = (image.data, *image.levels, image.missing, image.alpha)
    return [np.asarray(a) for a in parts if a is not None and a.nbytes < 1 << 26]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_changed_file_is_read_or_refused_in_time(tmp_path: Path) -> None:
    for number, path in enumerate(variants(tmp_path, 3000)):
        since = time.process_time()
        for limit in (None, 0):
            with suppress(ValueError, OSError, MemoryError):
                for image in read_images(path, limit):
                    computed(image)
        assert time.process_time() - since < 2, f"change {number} of {path.name}"
