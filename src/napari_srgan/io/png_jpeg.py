"""Read PNG, JPEG, WebP and BMP, and write PNG."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .image_file import ImageFile
from .orientation import upright
from .sanity import check_expansion

ORIENTATION = 274
"""EXIF tag"""
LONGEST_PROFILE = 16 << 20
"""maximal bytes of a colour profile"""


def read_photograph(path: Path) -> ImageFile:
    """Read a PNG, JPEG, WebP or BMP in upright orientation.

    Alpha is the last sample of RGBA, and ``alpha`` of a grey image. ``metadata`` holds the colour
    profile in ``icc_profile``, if there is one.

    Raises
    ------
    ValueError
        If the header claims more pixels than the file can hold.
    """
    from PIL import Image

    with warnings.catch_warnings():
        # check_expansion below replaces Pillow's limit, relative to the size of the file.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "BMP")) as opened:
            image: Image.Image = opened
            fine = False
            if opened.format == "PNG":
                with path.open("rb") as file:
                    depth, kind = file.read(26)[24:]
                fine = depth == 16 and kind != 0
            samples = max(len(opened.getbands()), 4) * (2 if fine else 1)
            check_expansion(opened.width * opened.height * samples, path.stat().st_size)
            # A profile of a colour space that is converted to RGB does not apply any more.
            own = image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I")
            profile = image.info.get("icc_profile") if own else None
            if fine:
                data = _sixteen_bits(path)  # Pillow converts these to 8 bits
            else:
                image = _plain(image)
                data = np.asarray(image)
            orientation = _orientation(image)
    if image.mode == "I" and not fine:
        data = data.astype(np.uint16)  # older versions of Pillow read 16-bit grey as int32
    data = upright(data, "YXS"[: data.ndim], orientation)
    metadata: dict[str, Any] = {"orientation": orientation} if orientation in range(2, 9) else {}
    if isinstance(profile, bytes) and len(profile) <= LONGEST_PROFILE:
        metadata["icc_profile"] = profile
    alpha = data[..., -1] if data.ndim == 3 and data.shape[-1] in (2, 4) else None
    missing = None if alpha is None or alpha.all() else alpha == 0
    if data.ndim == 3 and data.shape[-1] == 2:
        return ImageFile(data[..., 0], "YX", metadata=metadata, missing=missing, alpha=alpha)
    return ImageFile(data, "YXS"[: data.ndim], metadata=metadata, missing=missing)


def _plain(image: Any) -> Any:
    """Convert a Pillow image to grey or RGB, with alpha if it has transparency."""
    clear = "transparency" in image.info
    if image.mode == "P":
        return image.convert("RGBA" if clear else "RGB")
    if clear and image.mode in ("L", "RGB"):
        return image.convert({"L": "LA", "RGB": "RGBA"}[image.mode])
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        return image.convert("RGB")
    return image


def _sixteen_bits(path: Path) -> npt.NDArray[Any]:
    import imagecodecs

    found: npt.NDArray[Any] = imagecodecs.png_decode(path.read_bytes())
    return found


def _orientation(image: Any) -> int:
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # Pillow raises errors of any type for damaged EXIF data
        return 1
    return value if isinstance(value, int) else 1


def write_png(path: Path, image: ImageFile) -> None:
    """Write a grey or RGB(A) image as PNG, with alpha and colour profile."""
    data = np.asarray(image.data)
    if image.alpha is not None and data.ndim == 2:
        data = np.stack([data, np.asarray(image.alpha).astype(data.dtype)], axis=-1)
    profile = image.metadata.get("icc_profile")
    if data.ndim == 3 and data.dtype == np.uint16:
        import imagecodecs

        content = bytes(imagecodecs.png_encode(np.ascontiguousarray(data)))
        path.write_bytes(_with_profile(content, profile) if profile else content)
        return
    from PIL import Image

    Image.fromarray(data).save(path, "PNG", icc_profile=profile)


def _with_profile(content: bytes, profile: bytes) -> bytes:
    """Insert a colour profile after the header of a PNG, its first 33 bytes."""
    body = b"iCCP" + b"ICC Profile\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return content[:33] + chunk + content[33:]
