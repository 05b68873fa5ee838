from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from napari_srgan.io.finer_image import finer_image
from napari_srgan.io.tiff.reader import ImageFile, check_writable, read_image, write_image
from tests.conftest import a_disk_with_room_for

rng = np.random.default_rng(0)


def noise(*shape: int, dtype: str = "uint16") -> npt.NDArray[Any]:
    """Return random pixels, none of them 0."""
    if dtype.startswith("float"):
        return rng.normal(1, 3, shape).astype(dtype)
    return rng.integers(1, 100, shape).astype(dtype)


def planes(path: Path, **options: Any) -> npt.NDArray[Any]:
    """Write a stack of pages that do not follow each other directly."""
    data = noise(6, 32, 32)
    with tifffile.TiffWriter(path) as file:
        for plane in data:
            file.write(plane, contiguous=False, metadata=None, **options)
    return data


def write_png(path: Path, header: bytes, pixels: bytes) -> None:
    """Write a PNG of any header."""
    content = b"\x89PNG\r\n\x1a\n"
    for name, part in ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")):
        check = struct.pack(">I", zlib.crc32(name + part))
        content += struct.pack(">I", len(part)) + name + part + check
    path.write_bytes(content)


# --- reading -------------------------------------------------------------------------------------


def test_ome_tiff_has_axes_and_pixel_size(tmp_path: Path) -> None:
    data = noise(2, 3, 4, 20, 30)
    sizes = {"PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5}
    sizes |= {"PhysicalSizeZ": 0.002, "PhysicalSizeZUnit": "mm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata={"axes": "TCZYX", **sizes})
    image = read_image(tmp_path / "a.ome.tif")
    assert np.array_equal(image.data, data)
    assert image.axes == "TCZYX"
    assert image.pixel_size == pytest.approx({"X": 0.25, "Y": 0.5, "Z": 2})


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("µm", 1), ("nm", 1e-3), ("mm", 1e3), ("m", 1e6), ("Å", 1e-4), ("pm", 1e-6), ("in", 25400)],
)
def test_ome_units_become_micrometres(tmp_path: Path, unit: str, factor: float) -> None:
    sizes = {f"PhysicalSize{a}": 2 for a in "XY"} | {f"PhysicalSize{a}Unit": unit for a in "XY"}
    tifffile.imwrite(tmp_path / "a.ome.tif", noise(9, 9), metadata={"axes": "YX", **sizes})
    size = read_image(tmp_path / "a.ome.tif").pixel_size
    assert size == pytest.approx({"X": 2 * factor, "Y": 2 * factor})


@pytest.mark.parametrize(
    "attributes",
    [
        'PhysicalSizeX="2" PhysicalSizeXUnit="pixel"',
        'PhysicalSizeX="2" PhysicalSizeXUnit="reference frame"',
        'PhysicalSizeX="-2"',
        'PhysicalSizeX="0"',
        'PhysicalSizeX="nan"',
        'PhysicalSizeX="INF"',
        'PhysicalSizeX="wide"',
        "",
    ],
)
def test_what_is_no_length_gives_no_pixel_size(tmp_path: Path, attributes: str) -> None:
    pixels = 'DimensionOrder="XYCZT" Type="uint16" SizeX="9" SizeY="8" SizeC="1" SizeZ="1"'
    xml = (
        '<?xml version="1.0"?><OME><Image ID="Image:0"><Pixels ID="Pixels:0" '
        f'{pixels} SizeT="1" {attributes}><TiffData/></Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "a.tif", noise(8, 9), description=xml, metadata=None)
    image = read_image(tmp_path / "a.tif")
    assert image.pixel_size == {}
    assert image.axes == "YX"


def test_an_ome_header_in_another_file_leaves_the_pixels(tmp_path: Path) -> None:
    xml = '<?xml version="1.0"?><OME><BinaryOnly MetadataFile="a.companion.ome" UUID="1"/></OME>'
    data = noise(8, 9)
    tifffile.imwrite(tmp_path / "a.tif", data, description=xml, metadata=None)
    image = read_image(tmp_path / "a.tif")
    assert np.array_equal(image.data, data)
    assert image.pixel_size == {}


def test_imagej_hyperstack_has_axes_and_pixel_size(tmp_path: Path) -> None:
    data = noise(2, 3, 4, 20, 30)
    tifffile.imwrite(
        tmp_path / "a.tif",
        data,
        imagej=True,
        resolution=(5, 4),
        metadata={"axes": "TZCYX", "spacing": 3.0, "unit": "um"},
    )
    image = read_image(tmp_path / "a.tif")
    assert np.array_equal(image.data, data)
    assert image.axes == "TZCYX"
    assert image.pixel_size == pytest.approx({"X": 0.2, "Y": 0.25, "Z": 3})


@pytest.mark.parametrize(
    ("unit", "factor"), [("micron", 1), (r"\u00B5m", 1), ("nm", 1e-3), ("mm", 1e3), ("inch", 25400)]
)
def test_imagej_units_become_micrometres(tmp_path: Path, unit: str, factor: float) -> None:
    metadata = {"axes": "YX", "unit": unit}
    tifffile.imwrite(
        tmp_path / "a.tif", noise(9, 9), imagej=True, resolution=(2, 2), metadata=metadata
    )
    size = read_image(tmp_path / "a.tif").pixel_size
    assert size == pytest.approx({"X": factor / 2, "Y": factor / 2})


@pytest.mark.parametrize("metadata", [{"unit": "pixel"}, {}])
def test_imagej_without_a_unit_of_length_has_no_pixel_size(
    tmp_path: Path, metadata: dict[str, str]
) -> None:
    metadata = {"axes": "ZYX", "spacing": "2", **metadata}
    tifffile.imwrite(
        tmp_path / "a.tif", noise(3, 9, 9), imagej=True, resolution=(2, 2), metadata=metadata
    )
    assert read_image(tmp_path / "a.tif").pixel_size == {}


@pytest.mark.parametrize(
    ("resolution", "unit"),
    [(1, "INCH"), (72, "INCH"), (96.012, "INCH"), (300, "INCH"), (28.35, "CENTIMETER"), (1, 3)],
)
def test_a_resolution_for_printing_is_no_pixel_size(
    tmp_path: Path, resolution: float, unit: Any
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", noise(9, 9), resolution=(resolution,) * 2, resolutionunit=unit
    )
    assert read_image(tmp_path / "a.tif").pixel_size == {}


@pytest.mark.parametrize(("unit", "length"), [("INCH", 25400), ("CENTIMETER", 10000)])
def test_resolution_tags_give_the_pixel_size(tmp_path: Path, unit: str, length: float) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", noise(9, 9), resolution=(3000, 1500), resolutionunit=unit, metadata=None
    )
    size = read_image(tmp_path / "a.tif").pixel_size
    assert size == pytest.approx({"X": length / 3000, "Y": length / 1500})


@pytest.mark.parametrize(
    "options", [{}, {"resolution": (3, 3), "resolutionunit": "NONE"}, {"resolution": (0, 0)}]
)
def test_without_a_unit_there_is_no_pixel_size(tmp_path: Path, options: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(9, 9), metadata=None, **options)
    assert read_image(tmp_path / "a.tif").pixel_size == {}


def test_a_stack_that_does_not_say_its_axes_has_none(tmp_path: Path) -> None:
    data = noise(5, 9, 9)
    tifffile.imwrite(tmp_path / "a.tif", data, metadata=None)
    image = read_image(tmp_path / "a.tif")
    assert image.axes is None
    assert np.array_equal(image.data, data)


@pytest.mark.parametrize("samples", [3, 4])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_samples_are_the_last_axis(tmp_path: Path, samples: int, planar: str) -> None:
    data = noise(16, 18, samples, dtype="uint8")
    stored = data if planar == "contig" else np.moveaxis(data, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    image = read_image(tmp_path / "a.tif")
    assert image.axes == "YXS"
    assert np.array_equal(image.data, data)


@pytest.mark.parametrize("samples", [2, 5])
def test_samples_that_are_no_colours_are_channels(tmp_path: Path, samples: int) -> None:
    data = noise(16, 18, samples)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", planarconfig="contig")
    image = read_image(tmp_path / "a.tif")
    assert image.axes == "YXC"
    assert np.array_equal(image.data, data)


@pytest.mark.parametrize(
    ("mode", "axes", "shape"),
    [
        ("L", "YX", (8, 9)),
        ("RGB", "YXS", (8, 9, 3)),
        ("RGBA", "YXS", (8, 9, 4)),
        ("P", "YXS", (8, 9, 3)),
        ("LA", "YX", (8, 9)),
        ("I;16", "YX", (8, 9)),
    ],
)
def test_png_has_its_axes(tmp_path: Path, mode: str, axes: str, shape: tuple[int, ...]) -> None:
    Image.new(mode, (9, 8), 0).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.axes == axes
    assert image.data.shape == shape
    assert image.data.dtype == ("uint16" if mode == "I;16" else "uint8")


def test_the_colours_of_a_palette_are_read(tmp_path: Path) -> None:
    colours = Image.new("RGB", (9, 8), (200, 100, 50))
    colours.quantize().save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png").data, np.asarray(colours))


@pytest.mark.parametrize("samples", [3, 4])
def test_16_bit_colours_are_not_rounded(tmp_path: Path, samples: int) -> None:
    data = rng.integers(0, 2**16, (8, 9, samples)).astype("uint16")
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in data)
    header = struct.pack(">IIBBBBB", 9, 8, 16, 2 if samples == 3 else 6, 0, 0, 0)
    write_png(tmp_path / "a.png", header, rows)
    image = read_image(tmp_path / "a.png")
    assert image.axes == "YXS"
    assert np.array_equal(image.data, data)
    again = read_image(write_image(tmp_path / "b.png", image))
    assert np.array_equal(again.data, data)
    assert (tmp_path / "b.png").read_bytes()[24] == 16


def test_printers_colours_become_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (9, 8), (0, 0, 0, 0)).save(tmp_path / "a.jpg")
    image = read_image(tmp_path / "a.jpg")
    assert image.axes == "YXS"
    assert image.data.shape == (8, 9, 3)
    assert (image.data > 250).all()


def test_jpeg_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (9, 8), (200, 100, 50)).save(tmp_path / "a.jpg")
    image = read_image(tmp_path / "a.jpg")
    assert image.axes == "YXS"
    assert np.abs(image.data.astype(int) - (200, 100, 50)).max() < 10


# --- what is not an image ------------------------------------------------------------------------


def refusal(path: Path) -> str:
    """Return what is said of a file that must be refused, in one line that names it."""
    with pytest.raises(ValueError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: cannot be read")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["a.gif", "a", "a.czi", "a.npy"])
def test_other_formats_are_refused_with_those_allowed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    _, allowed = refusal(tmp_path / name).split("allowed are ")
    assert {".tif", ".tiff", ".png", ".jpg", ".jpeg"} <= set(allowed.split(", "))


@pytest.mark.parametrize("name", ["absent.tif", "folder.tif"])
def test_no_file_is_said_to_be_absent(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(FileNotFoundError, match=f"{name}: there is no such file"):
        read_image(tmp_path / name)


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".png", ".jpg"])
@pytest.mark.parametrize("content", [b"", b"just a text\n" * 99, b"II*\0" + bytes(99), bytes(999)])
def test_a_file_that_only_bears_the_name_is_refused(
    tmp_path: Path, suffix: str, content: bytes
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    refusal(path)


@pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.8, 0.98, 0.999])
@pytest.mark.parametrize("kind", ["own", "plain", "stack", "pages", "deflated", "ome", "imagej"])
def test_a_truncated_tiff_is_refused_unless_nothing_is_lost(
    tmp_path: Path, kind: str, part: float
) -> None:
    path = tmp_path / "a.tif"
    if kind == "own":
        write_image(path, ImageFile(noise(6, 32, 32), "ZYX", {"X": 0.5, "Y": 0.5}))
    elif kind == "plain":
        tifffile.imwrite(path, noise(32, 32))
    elif kind == "stack":
        tifffile.imwrite(path, noise(6, 32, 32), metadata=None)
    elif kind == "pages":
        planes(path)
    elif kind == "deflated":
        planes(path, compression="zlib")
    elif kind == "ome":
        tifffile.imwrite(path, noise(6, 32, 32), ome=True, metadata={"axes": "ZYX"})
    else:
        tifffile.imwrite(path, noise(6, 32, 32), imagej=True, metadata={"axes": "ZYX"})
    whole = read_image(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    try:
        image = read_image(path)
    except ValueError:
        refusal(path)
        return
    assert part > 0.99
    assert np.array_equal(image.data, whole.data)
    assert (image.axes, image.pixel_size) == (whole.axes, whole.pixel_size)


def test_an_imagej_stack_with_planes_missing_is_refused(tmp_path: Path) -> None:
    # As Fiji writes large stacks: one page, its planes behind it.
    path = tmp_path / "a.tif"
    description = "ImageJ=1.54f\nimages=6\nslices=6\n"
    data = noise(32, 32)
    tifffile.imwrite(path, data, description=description, metadata=None)
    refusal(path)
    path.write_bytes(path.read_bytes() + noise(5, 32, 32).tobytes())
    image = read_image(path)
    assert image.data.shape == (6, 32, 32)
    assert np.array_equal(image.data[0], data)


def test_ome_planes_in_absent_files_are_not_read_as_zeros(tmp_path: Path) -> None:
    pixels = 'DimensionOrder="XYZCT" Type="uint16" SizeX="9" SizeY="8" SizeC="1" SizeZ="2"'
    parts = "".join(
        f'<TiffData FirstZ="{i}" IFD="0" PlaneCount="1"><UUID FileName="{name}.ome.tif">'
        f"urn:uuid:{name}</UUID></TiffData>"
        for i, name in enumerate("ab")
    )
    xml = (
        '<?xml version="1.0"?><OME UUID="urn:uuid:a"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        f'{pixels} SizeT="1">{parts}</Pixels></Image></OME>'
    )
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, noise(8, 9), description=xml, metadata=None)
    assert "1 of its planes are in other files, which are not there" in refusal(path)
    second = noise(8, 9)
    tifffile.imwrite(
        tmp_path / "b.ome.tif",
        second,
        description=xml.replace('"urn:uuid:a"', '"urn:uuid:b"'),
        metadata=None,
    )
    assert np.array_equal(read_image(path).data[1], second)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_truncated_photograph_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(64, 64, 3, dtype="uint8")).save(path)
    content = path.read_bytes()
    for part in (0.01, 0.2, 0.6, 0.9):
        path.write_bytes(content[: int(len(content) * part)])
        refusal(path)


def test_damaged_compressed_pixels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(64, 64), compression="zlib", metadata=None)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = bytes(100)
    path.write_bytes(content)
    refusal(path)


def test_a_png_that_claims_to_be_huge_is_refused_unread(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0), b"")
    assert "10000000000 pixels" in refusal(tmp_path / "a.png")


# --- writing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ("YX", (20, 30)),
        ("YXS", (20, 30, 3)),
        ("YXS", (20, 30, 4)),
        ("YX", (300, 280)),
        ("YXS", (300, 280, 3)),
        ("ZYX", (4, 20, 30)),
        ("CYX", (3, 20, 30)),
        ("TCZYX", (2, 3, 4, 20, 30)),
        ("ZTCYX", (2, 3, 4, 20, 30)),
        ("TZYXS", (2, 3, 20, 30, 3)),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_an_image_comes_back_as_it_was(
    tmp_path: Path, axes: str, shape: tuple[int, ...], dtype: str
) -> None:
    data, size = noise(*shape, dtype=dtype), {"X": 0.1, "Y": 0.3}
    if "Z" in axes:
        size["Z"] = 1.5
    path = write_image(tmp_path / "a.tif", ImageFile(data, axes, size))
    image = read_image(path)
    assert image.axes == axes
    assert image.data.dtype == dtype
    assert np.array_equal(image.data, data)
    assert image.pixel_size == size


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint32", "float64", ">u2"])
def test_other_numbers_come_back_as_they_were(tmp_path: Path, dtype: str) -> None:
    data = noise(20, 30).astype(dtype)
    image = read_image(write_image(tmp_path / "a.tif", ImageFile(data, "YX")))
    assert image.data.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(image.data, data)


def test_float16_comes_back_as_float32(tmp_path: Path) -> None:
    data = noise(20, 30, dtype="float16")
    image = read_image(write_image(tmp_path / "a.tif", ImageFile(data, "YX")))
    assert image.data.dtype == np.float32
    assert np.array_equal(image.data, data)


@pytest.mark.parametrize(
    ("axes", "stored"), [("YXC", "CYX"), ("XY", "YX"), ("YXZ", "ZYX"), ("YTXS", "TYXS")]
)
def test_other_orders_are_written_with_y_and_x_last(tmp_path: Path, axes: str, stored: str) -> None:
    data = noise(*(20, 30, 4, 3)[: len(axes)])
    image = read_image(write_image(tmp_path / "a.tif", ImageFile(data, axes, {"X": 2, "Y": 3})))
    assert image.axes == stored
    assert np.array_equal(image.data, data.transpose([axes.index(a) for a in stored]))
    assert image.pixel_size == {"X": 2, "Y": 3}


def test_the_header_says_size_scale_and_origin(tmp_path: Path) -> None:
    size = {"X": 0.1, "Y": 0.3, "Z": 1.5}
    data = noise(2, 3, 4, 20, 30)
    path = write_image(tmp_path / "a.tif", ImageFile(data, "TCZYX", size), "made by a test, ×4")
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert file.ome_metadata is not None
        image = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
        page = file.pages.first
        below = [page.tags[f"{a}Resolution"].value for a in "XY"]
        assert page.tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
    assert image["Description"] == "made by a test, ×4"
    pixels = image["Pixels"]
    assert {a: pixels[f"Size{a}"] for a in "TCZYX"} == dict(zip("TCZYX", data.shape, strict=True))
    assert {a: pixels[f"PhysicalSize{a}"] for a in "XYZ"} == size
    assert {pixels[f"PhysicalSize{a}Unit"] for a in "XYZ"} == {"µm"}
    assert [n / d for n, d in below] == pytest.approx([1e5, 1e4 / 0.3])


def test_a_written_ome_tiff_is_valid(tmp_path: Path) -> None:
    data = noise(3, 20, 30)
    path = write_image(tmp_path / "a.tif", ImageFile(data, "CYX", {"X": 0.1, "Y": 0.3}), "x < y")
    with tifffile.TiffFile(path) as file:
        assert file.ome_metadata is not None
        assert "x &lt; y" in file.ome_metadata
        assert file.series[0].axes == "CYX"


def test_a_result_has_finer_pixels_along_y_and_x_only() -> None:
    source = ImageFile(noise(2, 5, 6), "ZYX", {"X": 0.4, "Y": 0.8, "Z": 2})
    finer = finer_image(source, noise(2, 20, 24), "ZYX", 4)
    assert finer.pixel_size == {"X": 0.1, "Y": 0.2, "Z": 2}
    assert finer.axes == "ZYX"


def test_a_pixel_size_may_be_a_number_of_numpys(tmp_path: Path) -> None:
    image = ImageFile(noise(9, 9), "YX", {"X": np.float32(0.5), "Y": np.float64(2)})  # type: ignore[dict-item]
    assert read_image(write_image(tmp_path / "a.tif", image)).pixel_size == {"X": 0.5, "Y": 2}


@pytest.mark.parametrize("size", [1e-9, 1e-4, 1e4, 1e12])
def test_sizes_that_the_tags_cannot_hold_are_in_the_header(tmp_path: Path, size: float) -> None:
    image = ImageFile(noise(9, 9), "YX", {"X": size, "Y": size})
    assert read_image(write_image(tmp_path / "a.tif", image)).pixel_size == {"X": size, "Y": size}


@pytest.mark.parametrize(
    ("axes", "shape", "dtype"),
    [
        ("YX", (20, 30), "uint8"),
        ("YX", (20, 30), "uint16"),
        ("YXS", (20, 30, 3), "uint8"),
        ("YXS", (20, 30, 4), "uint8"),
    ],
)
def test_png_comes_back_as_it_was(
    tmp_path: Path, axes: str, shape: tuple[int, ...], dtype: str
) -> None:
    data = noise(*shape, dtype=dtype)
    image = read_image(write_image(tmp_path / "a.png", ImageFile(data, axes)))
    assert image.axes == axes
    assert np.array_equal(image.data, data)


@pytest.mark.parametrize(
    ("axes", "shape", "dtype"),
    [
        ("YX", (9, 9), "float32"),
        ("YX", (9, 9), "int16"),
        ("YX", (9, 9), "uint32"),
        ("YXS", (9, 9, 3), "float32"),
        ("CYX", (3, 9, 9), "uint8"),
        ("ZYX", (9, 9, 3), "uint8"),
        ("XY", (9, 9), "uint8"),
        ("TZYX", (2, 3, 9, 9), "uint8"),
    ],
)
def test_what_a_png_cannot_hold_is_refused(
    tmp_path: Path, axes: str, shape: tuple[int, ...], dtype: str
) -> None:
    with pytest.raises(ValueError, match=f"not {dtype} with axes {axes}; write a .tif"):
        write_image(tmp_path / "a.png", ImageFile(noise(*shape, dtype=dtype), axes))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["int64", "uint64", "complex64", "bool"])
def test_numbers_that_ome_tiff_lacks_are_refused(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(ValueError, match=f"OME-TIFF does not hold {dtype}; convert the image to"):
        check_writable(tmp_path / "a.tif", np.dtype(dtype), "YX")
    with pytest.raises(ValueError, match="OME-TIFF does not hold"):
        write_image(tmp_path / "a.tif", ImageFile(np.ones((9, 9), dtype), "YX"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.jpg", "a.bmp", "a", "a.zarr"])
def test_other_suffixes_are_refused_with_those_allowed(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: cannot be written; allowed are .tif, .tiff"):
        write_image(tmp_path / name, ImageFile(noise(9, 9), "YX"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("axes", [None, "YX", "TZYX"])
def test_axes_must_be_those_of_the_image(tmp_path: Path, axes: str | None) -> None:
    with pytest.raises(ValueError, match=r"a\.tif: axes=.* for an image of shape \(3, 9, 9\)"):
        write_image(tmp_path / "a.tif", ImageFile(noise(3, 9, 9), axes))


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf")])
def test_a_pixel_size_must_be_a_length(tmp_path: Path, size: float) -> None:
    with pytest.raises(ValueError, match=r"the pixel size is X .*; it must be a length above 0"):
        write_image(tmp_path / "a.tif", ImageFile(noise(9, 9), "YX", {"X": size, "Y": 1}))


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_failed_write_leaves_no_half_file(tmp_path: Path, suffix: str) -> None:
    image = ImageFile(rng.integers(0, 255, (200, 200), "uint8"), "YX")
    with a_disk_with_room_for(20_000), pytest.raises(OSError):
        write_image(tmp_path / f"a{suffix}", image)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_failed_write_leaves_the_old_file_whole(tmp_path: Path, suffix: str) -> None:
    path = write_image(tmp_path / f"a{suffix}", ImageFile(noise(9, 9, dtype="uint8"), "YX"))
    before = path.read_bytes()
    image = ImageFile(rng.integers(0, 255, (200, 200), "uint8"), "YX")
    with a_disk_with_room_for(20_000), pytest.raises(OSError):
        write_image(path, image)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_place_of_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "a.tif").mkdir()
    with pytest.raises(OSError):
        write_image(tmp_path / "a.tif", ImageFile(noise(9, 9), "YX"))
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        write_image(tmp_path / "absent" / "a.tif", ImageFile(noise(9, 9), "YX"))
