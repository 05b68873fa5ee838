"""Where an OME-TIFF says that its pixels lie, when they were taken, and in which light."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from napari_srgan.io.image_file import Channel, ImageFile
from napari_srgan.io.tiff.reader import read_image, read_images, write_image
from tests.io.tiff.repeated import repeated

rng = np.random.default_rng(0)


def noise(*shape: int, dtype: str = "uint16") -> Any:
    return rng.integers(1, 100, shape).astype(dtype)


def elements(path: Path, kind: str) -> list[ElementTree.Element]:
    """Return the elements of a kind in an OME header."""
    with tifffile.TiffFile(path) as file:
        root = ElementTree.fromstring(file.ome_metadata or "")
    return [e for e in root.iter() if e.tag.rpartition("}")[2] == kind]


def planes(count: int, **said: Any) -> dict[str, list[Any]]:
    """Return what is said of planes as tifffile takes it: one value for all, or one for each."""
    return {k: list(v) if isinstance(v, list) else [v] * count for k, v in said.items()}


def at(x: Any, y: Any, z: Any, unit: str | None = "µm") -> dict[str, Any]:
    said = {"PositionX": x, "PositionY": y, "PositionZ": z}
    return said | ({f"Position{a}Unit": unit for a in "XYZ"} if unit else {})


SIZE = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}


def tripled(path: Path, image: ImageFile) -> Path:
    """Write an image three times finer."""
    return write_image(path, repeated(image, 3))


def test_two_fields_lie_where_the_stage_was(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        for x in (1000.0, 1015.0):
            said = planes(2, **at(x, 2000.0, 5.0))
            file.write(noise(2, 20, 30), metadata={"axes": "TYX", **SIZE, "Plane": said})
    for number, image in enumerate(read_images(tmp_path / "a.ome.tif")):
        assert image.affine is not None
        assert np.allclose(image.affine @ [0, 0, 0, 1], [5, 2000, 1000 + 15 * number, 1])
        path = tripled(tmp_path / "b.ome.tif", image)
        (first, second) = elements(path, "Plane")
        # The outer edges of the first pixels agree.
        for plane in (first, second):
            assert plane.get("PositionXUnit") == "µm"
            assert float(plane.get("PositionX", 0)) - 0.125 / 3 == (
                pytest.approx(1000 + 15 * number - 0.125)
            )
            assert float(plane.get("PositionY", 0)) - 0.25 / 3 == pytest.approx(2000 - 0.25)
            assert float(plane.get("PositionZ", 0)) == 5


@pytest.mark.parametrize(
    ("unit", "factor"), [("mm", 1e3), ("nm", 1e-3), (None, 1), ("reference frame", None)]
)
def test_positions_have_units(tmp_path: Path, unit: str | None, factor: float | None) -> None:
    metadata = {"axes": "YX", **SIZE, "Plane": planes(1, **at(8.0, 6.0, 4.0, unit))}
    tifffile.imwrite(tmp_path / "a.ome.tif", noise(20, 30), metadata=metadata)
    affine = read_image(tmp_path / "a.ome.tif").affine
    if factor is None:
        assert affine is None
    else:
        assert affine is not None
        assert np.allclose(affine[:3, 3], np.multiply([4, 6, 8], factor))


@pytest.mark.parametrize("x", ["nan", "INF", "1e999", "1e300", "wide", ""])
def test_what_is_no_position_gives_no_place(tmp_path: Path, x: str) -> None:
    metadata = {"axes": "YX", **SIZE, "Plane": planes(1, **at(x, 6.0, 4.0))}
    tifffile.imwrite(tmp_path / "a.ome.tif", noise(20, 30), metadata=metadata)
    image = read_image(tmp_path / "a.ome.tif")
    assert image.affine is None
    assert image.pixel_size == {"X": 0.25, "Y": 0.5}


@pytest.mark.parametrize("step", [2.0, -2.0])
def test_a_stack_lies_where_its_planes_do(tmp_path: Path, step: float) -> None:
    heights = [7 + step * z for z in range(4)]
    metadata = {"axes": "ZYX", **SIZE, "Plane": planes(4, **at(8.0, 6.0, heights))}
    tifffile.imwrite(tmp_path / "a.ome.tif", noise(4, 20, 30), metadata=metadata)
    image = read_image(tmp_path / "a.ome.tif")
    assert image.pixel_size["Z"] == 2
    assert image.affine is not None
    for z in range(4):
        assert np.allclose((image.affine @ [z, 0, 0, 1])[:3], [7 + step * z, 6, 8])
    path = tripled(tmp_path / "b.ome.tif", image)
    assert [float(p.get("PositionZ", 0)) for p in elements(path, "Plane")] == heights
    again = read_image(path)
    assert again.affine is not None
    assert np.allclose(again.affine[0], image.affine[0])


def test_times_of_planes_are_the_time_between_frames(tmp_path: Path) -> None:
    times = [1000 * n + 10 * c for n in range(3) for c in range(2)]
    plane = planes(6, DeltaT=times, DeltaTUnit="ms")
    metadata = {"axes": "TCYX", **SIZE, "Plane": plane}
    tifffile.imwrite(tmp_path / "a.ome.tif", noise(3, 2, 20, 30), metadata=metadata)
    image = read_image(tmp_path / "a.ome.tif")
    assert image.pixel_size["T"] == pytest.approx(1)
    (pixels,) = elements(tripled(tmp_path / "b.ome.tif", image), "Pixels")
    assert (pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit")) == ("1.0", "s")


def test_light_and_exposure_of_channels_are_kept(tmp_path: Path) -> None:
    channels = {
        "Name": ["DAPI", "GFP"],
        "EmissionWavelength": [461, 0.509],
        "EmissionWavelengthUnit": ["nm", "µm"],
        "ExcitationWavelength": [358, None],
        "ExcitationWavelengthUnit": ["nm", None],
    }
    plane = planes(4, ExposureTime=[100, 100, 20, 20], ExposureTimeUnit="ms")
    metadata = {"axes": "CZYX", **SIZE, "Channel": channels, "Plane": plane}
    tifffile.imwrite(tmp_path / "a.ome.tif", noise(2, 2, 20, 30), metadata=metadata)
    image = read_image(tmp_path / "a.ome.tif")
    assert [c.emission for c in image.channels] == pytest.approx([461, 509])
    assert [c.excitation for c in image.channels] == [358, None]
    assert [c.exposure for c in image.channels] == pytest.approx([0.1, 0.02])
    path = tripled(tmp_path / "b.ome.tif", image)
    first, second = elements(path, "Channel")
    assert (first.get("Name"), first.get("ExcitationWavelength")) == ("DAPI", "358.0")
    assert second.get("ExcitationWavelength") is None
    assert float(second.get("EmissionWavelength", 0)) == pytest.approx(509)
    assert [float(p.get("ExposureTime", 0)) for p in elements(path, "Plane")] == (
        pytest.approx([0.1, 0.1, 0.02, 0.02])
    )
    assert read_image(path).channels == image.channels


def test_a_straight_volume_keeps_its_place(tmp_path: Path) -> None:
    affine = np.diag([3.0, 0.5, 0.5, 1])
    affine[:3, 3] = -600, -170, -160
    size = {"Z": 3.0, "Y": 0.5, "X": 0.5}
    image = ImageFile(noise(3, 9, 8), "ZYX", size, "mm", affine=affine)
    again = read_image(write_image(tmp_path / "a.tif", image))
    assert again.affine is not None
    assert np.allclose(again.affine[:3] / 1e3, affine[:3])


def test_a_turned_volume_is_laid_straight_about_its_centre_and_said(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[1:3, 1:3] = [[0, -0.5], [0.5, 0]]
    affine[:3, 3] = 5, 6, 7
    size = {"Z": 1.0, "Y": 0.5, "X": 0.5}
    image = ImageFile(noise(3, 9, 7), "ZYX", size, affine=affine)
    with pytest.warns(UserWarning, match="OME-TIFF does not hold how an image is turned"):
        path = write_image(tmp_path / "a.tif", image)
    again = read_image(path)
    assert again.affine is not None
    assert np.allclose(again.affine @ [1, 4, 3, 1], affine @ [1, 4, 3, 1])
    assert np.allclose(again.affine[:3, :3], np.diag([1, 0.5, 0.5]))


def test_an_unknown_depth_stays_unknown(tmp_path: Path) -> None:
    image = ImageFile(noise(3, 9, 7), "ZYX", {"Y": 0.5, "X": 0.5}, channels=(Channel("a"),))
    again = read_image(tripled(tmp_path / "a.tif", image))
    assert again.pixel_size == pytest.approx({"Y": 0.5 / 3, "X": 0.5 / 3})
