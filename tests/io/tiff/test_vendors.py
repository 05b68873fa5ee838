"""Sizes, times and values in the words of microscopes, slide scanners and ImageJ."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

import napari_srgan as ns
from napari_srgan import io
from napari_srgan.io.tiff.reader import read_image, read_images, write_image
from napari_srgan.io.tiff.vendors import vendor_facts
from tests.io.tiff.repeated import repeated

rng = np.random.default_rng(0)


def noise(*shape: int, dtype: str = "uint16") -> npt.NDArray[Any]:
    return rng.integers(1, 4000, shape).astype(dtype)


def imagej(path: Path, data: Any, said: str, **options: Any) -> Path:
    """Write a file of ImageJ with a header of one's own."""
    resolution: Any = options.pop("resolution", (4, 4))
    tifffile.imwrite(
        path,
        data,
        description=f"ImageJ=1.54f\nimages={len(data) if data.ndim > 2 else 1}\n{said}",
        metadata=None,
        resolution=resolution,
        resolutionunit="NONE",
        photometric="minisblack",
        **options,
    )
    return path


# --- microscopes and scanners --------------------------------------------------------------------


def _aperio(path: Path) -> dict[str, float]:
    said = "Aperio Image Library v12.0.15\n256x256 [0,0 256x256] |AppMag = 20|MPP = 0.4990|Left = 3"
    with tifffile.TiffWriter(path) as file:
        common: dict[str, Any] = {"metadata": None, "photometric": "rgb"}
        slide = noise(256, 256, 3, dtype="uint8")
        file.write(slide, tile=(128, 128), description=said, **common)
        for kind, side in ((0, 64), (1, 50), (9, 40)):
            aside = noise(side, 2 * side, 3, dtype="uint8")
            text = f"Aperio Image Library v12.0.15\n{side}"
            file.write(aside, subfiletype=kind, description=text, **common)
    return {"Y": 0.499, "X": 0.499}


def _lsm(path: Path) -> dict[str, float]:
    header = np.zeros((), np.dtype(tifffile.TIFF.CZ_LSMINFO).newbyteorder("<"))
    facts = {"MagicNumber": 67127628, "StructureSize": header.nbytes}
    facts |= {"DimensionX": 48, "DimensionY": 40, "DimensionZ": 3, "DimensionChannels": 1}
    facts |= {"DimensionTime": 1, "DataType": 2, "ThumbnailX": 16, "ThumbnailY": 16}
    for name, value in facts.items():
        header[name] = value
    for axis, size in (("X", 2e-7), ("Y", 3e-7), ("Z", 1e-6)):
        header[f"VoxelSize{axis}"] = size
    tags: Any = [(34412, 1, header.nbytes, header.tobytes(), True)]
    with tifffile.TiffWriter(path, byteorder="<") as file:
        for number in range(3):
            tag = tags if number == 0 else []
            file.write(noise(40, 48), metadata=None, extratags=tag)
            small = noise(16, 16, 3, dtype="uint8")
            file.write(small, metadata=None, photometric="rgb", subfiletype=1)
    return {"Z": 1, "Y": 0.3, "X": 0.2}


def _fluoview(path: Path) -> dict[str, float]:
    header = np.zeros((), np.dtype(tifffile.TIFF.MM_HEADER).newbyteorder("<"))
    sizes = (("X", 48, 0.2, "um"), ("Y", 40, 300, "nm"), ("Z", 3, 1.5, "um"))
    for i, (name, length, step, unit) in enumerate(sizes):
        header["Dimensions"][i] = (name.encode(), length, 0.0, step, unit.encode())
    for i in range(len(sizes), len(header["Dimensions"])):
        header["Dimensions"][i] = (b"", 1, 0.0, 0.0, b"")
    tags: Any = [(34361, 1, header.nbytes, header.tobytes(), True)]
    tags.append((34362, 12, 8, (0.0,) * 8, True))
    with tifffile.TiffWriter(path, byteorder="<") as file:
        for number in range(3):
            tag = tags if number == 0 else []
            file.write(noise(40, 48), metadata=None, extratags=tag, contiguous=False)
    return {"Z": 1.5, "Y": 0.3, "X": 0.2}


def _metamorph(path: Path) -> dict[str, float]:
    data = noise(3, 40, 48)

    def write(end: int) -> bytes:
        # Sizes along X and Y, and their unit; then what each plane says.
        pairs = struct.pack("<6I", 4, end, 5, end + 8, 6, end + 16)
        planes = struct.pack("<6I", 3, 2, 2_450_000, 0, 2_450_000, 0) * 3
        tags: Any = [(33628, 4, 6, pairs, True), (33629, 5, 9, planes, True)]
        tifffile.imwrite(path, data[0], byteorder="<", metadata=None, extratags=tags)
        content = path.read_bytes()
        # Their counts are of pairs and of planes, not of numbers.
        for code, kind in ((33628, 4), (33629, 5)):
            at = content.index(struct.pack("<HH", code, kind)) + 4
            content = content[:at] + struct.pack("<I", 3) + content[at + 4 :]
        return content

    end = len(write(8))
    content = write(end + 2 * data[0].nbytes)
    behind = struct.pack("<4I", 1, 5, 3, 10) + struct.pack("<I", 3) + b"um\0"
    # Planes follow each other, as the first is the last of the file.
    assert content.endswith(data[0].tobytes())
    path.write_bytes(content + data[1:].tobytes() + behind)
    return {"Z": 1.5, "Y": 0.3, "X": 0.2}


def _metaseries(path: Path) -> dict[str, float]:
    said = [("spatial-calibration-x", "float", 200), ("spatial-calibration-y", "float", 300)]
    said.append(("spatial-calibration-units", "string", "nm"))  # type: ignore[arg-type]
    items = "".join(f'<prop id="{i}" type="{t}" value="{v}"/>' for i, t, v in said)
    text = f"<MetaData><PlaneInfo>{items}</PlaneInfo></MetaData>"
    tifffile.imwrite(path, noise(40, 48), metadata=None, description=text, software="MetaSeries")
    return {"Y": 0.3, "X": 0.2}


def _fei(path: Path) -> dict[str, float]:
    text = "[Scan]\r\nPixelWidth=2e-009\r\nPixelHeight=3e-009\r\n"
    tag = (34682, 2, 0, text, True)
    tifffile.imwrite(path, noise(40, 48), metadata=None, extratags=[tag])
    return {"Y": 0.003, "X": 0.002}


def _zeiss_sem(path: Path) -> dict[str, float]:
    text = "0\r\n1\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 5.6 nm\r\n"
    tag = (34118, 2, 0, text, True)
    tifffile.imwrite(path, noise(40, 48), metadata=None, extratags=[tag])
    return {"Y": 0.0056, "X": 0.0056}


def _olympus(path: Path) -> dict[str, float]:
    def write(end: int) -> int:
        head = struct.pack("<4s6xhhhhh6x32sH", b"SIS0", 0, 0, 1, 0, 100, b"a", 1)
        block = head + struct.pack("<hhI", 1, 1, end)
        tag = (33560, 1, len(block), block, True)
        tifffile.imwrite(path, noise(40, 48), byteorder="<", metadata=None, extratags=[tag])
        return len(path.read_bytes())

    end = write(8)
    write(end)
    behind = struct.pack("<10xhdd8xd2x34s32s", -9, 200.0, 300.0, 20.0, b"camera", b"picture")
    path.write_bytes(path.read_bytes() + behind)
    return {"Y": 0.3, "X": 0.2}


def _ventana(path: Path) -> dict[str, float]:
    tag = (700, 1, 0, b'<EncodeInfo><iScan ScanRes="0.25" Magnification="40"/></EncodeInfo>', True)
    tifffile.imwrite(
        path,
        noise(256, 256, 3, dtype="uint8"),
        tile=(128, 128),
        metadata=None,
        photometric="rgb",
        description="level=0 mag=40 quality=90",
        software="ScanOutputManager 1.1",
        extratags=[(*tag[:2], len(tag[3]), *tag[3:])],
    )
    return {"Y": 0.25, "X": 0.25}


def _philips(path: Path) -> dict[str, float]:
    items = "".join(
        '<DataObject ObjectType="PixelDataRepresentation"><Attribute Name="DICOM_PIXEL_SPACING">'
        f"&quot;{n * 0.0003}&quot; &quot;{n * 0.0002}&quot;</Attribute></DataObject>"
        for n in (1, 2)
    )
    text = f'<?xml version="1.0"?><DataObject ObjectType="DPUfsImport"><A>{items}</A></DataObject>'
    with tifffile.TiffWriter(path) as file:
        common: dict[str, Any] = {"metadata": None, "photometric": "rgb", "tile": (128, 128)}
        first = noise(256, 256, 3, dtype="uint8")
        file.write(first, description=text, software="Philips DP v1.0", **common)
        file.write(first[::2, ::2], description="level=1", **common)
        file.write(first[:50], description="Macro", metadata=None, photometric="rgb")
    return {"Y": 0.3, "X": 0.2}


MAKERS = [
    *(
        _aperio,
        _lsm,
        _fluoview,
        _metamorph,
        _metaseries,
        _fei,
        _zeiss_sem,
        _olympus,
        _ventana,
        _philips,
    ),
]


@pytest.mark.parametrize("make", MAKERS, ids=[m.__name__[1:] for m in MAKERS])
def test_the_size_that_a_vendor_writes_is_read_and_kept(tmp_path: Path, make: Any) -> None:
    size = make(tmp_path / "a.tif")
    (image,) = read_images(tmp_path / "a.tif")
    assert image.pixel_size == pytest.approx(size)
    path = write_image(tmp_path / "b.ome.tif", repeated(image, 2))
    with tifffile.TiffFile(path) as file:
        pixels = tifffile.xml2dict(file.ome_metadata or "")["OME"]["Image"]["Pixels"]
    for axis, length in size.items():
        written = length if axis == "Z" else length / 2
        assert pixels[f"PhysicalSize{axis}"] == pytest.approx(written)
        assert pixels[f"PhysicalSize{axis}Unit"] == "µm"


def test_a_slide_is_one_image_without_its_label(tmp_path: Path) -> None:
    _aperio(tmp_path / "a.svs")
    (image,) = io.read(tmp_path / "a.svs")
    assert image.data.shape == (256, 256, 3)
    assert {".lsm", ".stk", ".svs"} <= set(io.READABLE)


@pytest.mark.parametrize("header", [{}, {"MPP": "wide"}, None])
def test_what_a_vendor_does_not_say_gives_no_size(header: Any) -> None:
    class Broken:
        is_svs = is_lsm = True
        lsm_metadata = header

    assert vendor_facts(Broken(), None, "YX") == {}


# --- ImageJ --------------------------------------------------------------------------------------


def test_frames_per_second_are_a_time(tmp_path: Path) -> None:
    data = noise(5, 20, 30)
    path = imagej(tmp_path / "a.tif", data, "frames=5\nfps=10.0\nunit=um\n")
    assert read_image(path).pixel_size == pytest.approx({"T": 0.1, "Y": 0.25, "X": 0.25})
    path = imagej(tmp_path / "b.tif", data, "frames=5\nfps=10.0\nfinterval=3.0\nunit=um\n")
    assert read_image(path).pixel_size["T"] == 3
    path = imagej(tmp_path / "c.tif", data, "slices=5\nfps=10.0\nunit=um\n")
    assert "T" not in read_image(path).pixel_size


def test_the_origin_is_in_pixels(tmp_path: Path) -> None:
    said = "slices=5\nunit=micron\nspacing=2.0\nxorigin=-40\nyorigin=-20\nzorigin=1\n"
    path = imagej(tmp_path / "a.tif", noise(5, 20, 30), said)
    image = read_image(path)
    assert image.affine is not None
    assert np.allclose(image.affine[:3, :3], np.diag([2, 0.25, 0.25]))
    assert np.allclose(image.affine[:3, 3], [-2, 5, 10])
    ((_, options, _),) = ns.read(path)
    assert np.allclose(options["translate"], [-2, 5, 10])


@pytest.mark.parametrize("x", ["nan", "1e999", "1e300", "far"])
def test_what_is_no_origin_gives_no_place(tmp_path: Path, x: str) -> None:
    path = imagej(tmp_path / "a.tif", noise(20, 30), f"unit=um\nxorigin={x}\n")
    assert read_image(path).affine is None


@pytest.mark.parametrize("limit", [None, 0])
def test_signed_integers_are_what_imagej_shows(tmp_path: Path, limit: int | None) -> None:
    shown = rng.integers(-32768, 32768, (20, 30)).astype("int16")
    stored = (shown.astype(int) + 32768).astype("uint16")
    said = "unit=um\ncf=0\nc0=-32768.0\nc1=1.0\nvunit=gray value\nmin=31768.0\nmax=34268.0\n"
    path = imagej(tmp_path / "a.tif", stored, said)
    image = read_image(path, limit)
    assert image.data.dtype == np.int16
    assert np.array_equal(np.asarray(image.data), shown)
    assert image.channels[0].window == (-1000, 1500)
    ((data, options, _),) = ns.read(path)
    assert options["contrast_limits"] == (-1000, 1500)
    assert np.array_equal(data, shown)
    written = tifffile.imread(write_image(tmp_path / "b.tif", image))
    assert written.dtype == np.int16
    assert np.array_equal(written, shown)


@pytest.mark.parametrize("limit", [None, 0])
@pytest.mark.parametrize(
    ("said", "function"),
    [
        ("cf=0\nc0=5.0\nc1=0.5\n", lambda v: 5 + 0.5 * v),
        ("cf=1\nc0=5.0\nc1=-0.5\nc2=0.01\n", lambda v: 5 - 0.5 * v + 0.01 * v**2),
        ("cf=0\nc0=0.0\nc1=1.0\n", None),
        ("cf=4\nc0=5.0\nc1=0.5\n", None),
        ("cf=0\nc0=five\nc1=0.5\n", None),
        ("cf=0\nc0=5.0\n", None),
        ("cf=-1\nc0=5.0\nc1=0.5\n", None),
    ],
)
def test_calibrated_values_are_applied(
    tmp_path: Path, said: str, function: Any, limit: int | None
) -> None:
    data = noise(3, 20, 30, dtype="uint8")
    path = imagej(tmp_path / "a.tif", data, f"slices=3\n{said}")
    image = read_image(path, limit)
    if function is None:
        assert np.array_equal(np.asarray(image.data), data)
        assert image.data.dtype == np.uint8
    else:
        assert image.data.dtype == np.float32
        assert np.allclose(np.asarray(image.data), function(data.astype(float)), rtol=1e-6)
