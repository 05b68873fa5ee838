"""Valid TIFFs of microscopes and slide scanners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from .pixels import COLUMNS, ROWS, colours, noise


def svs(folder: Path) -> Path:
    """Write what a slide scanner of Aperio writes."""
    path = folder / "a.svs"
    said = "Aperio Image Library v12.0.15\n64x48 [0,0 64x48] |AppMag = 20|MPP = 0.4990|Left = 3"
    slide = colours().repeat(4, 0).repeat(4, 1)
    with tifffile.TiffWriter(path) as file:
        common: dict[str, Any] = {"metadata": None, "photometric": "rgb"}
        file.write(slide, tile=(32, 32), description=said, **common)
        for kind, step in ((0, 4), (1, 3), (9, 2)):
            text = f"Aperio Image Library v12.0.15\n{step}"
            file.write(slide[::step, ::step], subfiletype=kind, description=text, **common)
    return path


def lsm(folder: Path) -> Path:
    """Write what a microscope of Zeiss writes, with thumbnails."""
    path = folder / "a.lsm"
    header = np.zeros((), np.dtype(tifffile.TIFF.CZ_LSMINFO).newbyteorder("<"))
    facts = {"MagicNumber": 67127628, "StructureSize": header.nbytes, "DimensionX": COLUMNS}
    facts |= {"DimensionY": ROWS, "DimensionZ": 2, "DimensionChannels": 1, "DimensionTime": 1}
    facts |= {"DataType": 2, "ThumbnailX": COLUMNS, "ThumbnailY": ROWS}
    for name, value in facts.items():
        header[name] = value
    for axis, size in (("X", 2e-7), ("Y", 3e-7), ("Z", 1e-6)):
        header[f"VoxelSize{axis}"] = size
    tags: Any = [(34412, 1, header.nbytes, header.tobytes(), True)]
    with tifffile.TiffWriter(path, byteorder="<") as file:
        for number in range(2):
            file.write(noise(), metadata=None, extratags=tags if number == 0 else [])
            file.write(colours(), metadata=None, photometric="rgb", subfiletype=1)
    return path


def fluoview(folder: Path) -> Path:
    """Write what a microscope of Olympus writes."""
    path = folder / "a.tif"
    header = np.zeros((), np.dtype(tifffile.TIFF.MM_HEADER).newbyteorder("<"))
    sizes = (("X", COLUMNS, 0.2, "um"), ("Y", ROWS, 300, "nm"), ("Z", 2, 1.5, "um"))
    for i in range(len(header["Dimensions"])):
        name, length, step, unit = sizes[i] if i < len(sizes) else ("", 1, 0.0, "")
        header["Dimensions"][i] = (name.encode(), length, 0.0, step, unit.encode())
    tags: Any = [(34361, 1, header.nbytes, header.tobytes(), True)]
    tags.append((34362, 12, 8, (0.0,) * 8, True))
    with tifffile.TiffWriter(path, byteorder="<") as file:
        for number in range(2):
            tag = tags if number == 0 else []
            file.write(noise(), metadata=None, extratags=tag, contiguous=False)
    return path
