"""Images from PNG, JPEG, WebP and BMP, and into PNG."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .plausible import check_expansion
from .record import ImageFile


def read_photograph(path: Path) -> ImageFile:
    """Read a PNG, JPEG, WebP or BMP.

    Raises
    ------
    ValueError
        If it has 16-bit colours, or its header promises more than its bytes can hold.
    """
    from PIL import Image

    with warnings.catch_warnings():
        # What Pillow finds suspiciously large is judged below, by the size of the file.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "BMP")) as opened:
            image: Image.Image = opened
            if opened.format == "PNG":
                with path.open("rb") as file:
                    depth, kind = file.read(26)[24:]
                if depth == 16 and kind != 0:
                    raise ValueError("Pillow reads 16-bit colours as 8-bit ones; save it as a TIFF")
            claimed = opened.width * opened.height * max(len(opened.getbands()), 4)
            check_expansion(claimed, path.stat().st_size)
            if image.mode == "P":
                image = image.convert("RGBA" if "transparency" in image.info else "RGB")
            elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
                image = image.convert("RGB")
            data = np.asarray(image)
    if image.mode == "I":
        data = data.astype(np.uint16)  # what older versions of Pillow make of 16-bit grey
    if data.ndim == 2:
        return ImageFile(data, "YX")
    return ImageFile(data, "YXS" if data.shape[-1] in (3, 4) else "YXC")


def write_png(path: Path, data: npt.NDArray[Any]) -> None:
    """Write one grey or RGB(A) image as a PNG."""
    from PIL import Image

    Image.fromarray(np.asarray(data)).save(path, "PNG")
