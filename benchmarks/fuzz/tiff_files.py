"""Valid TIFFs without a place on the Earth: plain ones, of ImageJ and of OME."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_srgan.io.image_file import Channel, ImageFile
from napari_srgan.io.tiff.reader import write_image

from .pixels import COLUMNS, ROWS, colours, noise


def plain(folder: Path) -> Path:
    """Write two pages with a resolution."""
    path = folder / "a.tif"
    options: dict[str, Any] = {"resolution": (400, 400), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, noise(2), metadata=None, photometric="minisblack", **options)
    return path


def big(folder: Path) -> Path:
    """Write a BigTIFF of floats with a predictor."""
    path = folder / "a.tif"
    options: dict[str, Any] = {"bigtiff": True, "compression": "zlib", "predictor": True}
    tifffile.imwrite(path, noise(dtype="float32"), metadata=None, **options)
    return path


def pyramid(folder: Path) -> Path:
    """Write tiles and a coarser level of them."""
    path = folder / "a.tif"
    data = noise().repeat(4, 0).repeat(4, 1)
    with tifffile.TiffWriter(path) as file:
        tiles: dict[str, Any] = {"tile": (16, 16), "compression": "lzw", "metadata": None}
        file.write(data, subifds=1, **tiles)
        file.write(data[::2, ::2], subfiletype=1, **tiles)
    return path


def imagej(folder: Path) -> Path:
    """Write times and channels with names, colours, sizes and an origin."""
    path = folder / "a.tif"
    said: dict[str, Any] = {"axes": "TCYX", "unit": "um", "finterval": 2.5, "mode": "composite"}
    said |= {"Ranges": (0.0, 100.0, 0.0, 200.0), "xorigin": 3.0, "spacing": 2.0}
    tifffile.imwrite(path, noise(2, 2), imagej=True, resolution=(4, 4), metadata=said)
    return path


def calibrated(folder: Path) -> Path:
    """Write values that ImageJ calibrates."""
    path = folder / "a.tif"
    text = "ImageJ=1.54f\nimages=2\nslices=2\ncf=1\nc0=-5\nc1=0.5\nc2=0.1\nvunit=OD\nmin=0\nmax=9\n"
    options: dict[str, Any] = {"metadata": None, "photometric": "minisblack"}
    tifffile.imwrite(path, noise(2, dtype="uint8"), description=text, **options)
    return path


def ome(folder: Path) -> Path:
    """Write channels with all that OME says of them, and a position."""
    path = folder / "a.ome.tif"
    channels = (
        Channel("DAPI", (0, 0, 255), (0.0, 100.0), 461.0, 358.0, 0.1),
        Channel("GFP", (0, 255, 0), None, 509.0, 488.0, 0.02),
    )
    affine = np.diag([2.0, 0.5, 0.25, 1])
    affine[:3, 3] = 3, 200, 100
    size = {"T": 1.5, "Z": 2.0, "Y": 0.5, "X": 0.25}
    image = ImageFile(noise(2, 2), "CZYX", size, channels=channels, affine=affine)
    return write_image(path, image, "made")


def ome_set(folder: Path) -> Path:
    """Write a set of two files, either of which names the other."""
    names = [f"c{i}.ome.tif" for i in range(2)]
    parts = "".join(
        f'<TiffData FirstC="{i}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{i}'
        "</UUID></TiffData>"
        for i, name in enumerate(names)
    )
    for i, name in enumerate(names):
        text = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{i}"><Image ID="Image:0"><Pixels ID="Pixels:0" Type="uint16" '
            f'DimensionOrder="XYCZT" SizeX="{COLUMNS}" SizeY="{ROWS}" SizeC="2" SizeZ="1" '
            'SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.5"><Channel ID="Channel:0:0" '
            f'Name="a"/><Channel ID="Channel:0:1" Name="b"/>{parts}</Pixels></Image></OME>'
        )
        tifffile.imwrite(folder / name, noise(), description=text, metadata=None)
    return folder / names[0]


def palette(folder: Path) -> Path:
    """Write indices of a palette, with a nodata value."""
    path = folder / "a.tif"
    table = np.random.default_rng(1).integers(0, 65535, (3, 256)).astype("uint16")
    tags: Any = [(42113, 2, 0, "9", True)]
    data = noise(dtype="uint8")
    tifffile.imwrite(path, data, photometric="palette", colormap=table, extratags=tags)
    return path


def profiled(folder: Path) -> Path:
    """Write planar colours with a colour profile, turned by their orientation."""
    path = folder / "a.tif"
    tags: Any = [(274, 3, 1, 6, True)]
    options: dict[str, Any] = {"photometric": "rgb", "planarconfig": "separate", "metadata": None}
    data = noise(3, dtype="uint8")
    tifffile.imwrite(path, data, iccprofile=bytes(200), extratags=tags, **options)
    return path


def jpeg_tiff(folder: Path) -> Path:
    """Write tiles of JPEG."""
    path = folder / "a.tif"
    data = colours().repeat(2, 0).repeat(2, 1)
    options: dict[str, Any] = {"compression": "jpeg", "tile": (16, 16), "metadata": None}
    tifffile.imwrite(path, data, photometric="rgb", **options)
    return path
