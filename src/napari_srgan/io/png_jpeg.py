"""Images from PNG, JPEG, WebP and BMP, and into PNG."""

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
"""tag of EXIF"""
LONGEST_PROFILE = 16 << 20
"""bytes of a colour profile that are kept"""


def read_photograph(path: Path) -> ImageFile:
    """Read a PNG, JPEG, WebP or BMP, the right way up.

    Opacity is the last sample of RGBA, and ``alpha`` of a grey image. ``metadata`` has the colour
    profile, if there is one, under ``icc_profile``.

    Raises
    ------
    ValueError
        If its header promises more than its bytes can hold.
    """
    from PIL import Image

    with warnings.catch_warnings():
        # What Pillow finds suspiciously large is judged below, by the size of the file.
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
            # A profile of other colours than RGB would be one of none that are left.
            own = image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I")
            profile = image.info.get("icc_profile") if own else None
            if fine:
                data = _sixteen_bits(path)  # Pillow would make 8 of them
            else:
                image = _plain(image)
                data = np.asarray(image)
            orientation = _orientation(image)
    if image.mode == "I" and not fine:
        data = data.astype(np.uint16)  # what older versions of Pillow make of 16-bit grey
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
    """Return an image of Pillow as grey or RGB, with its opacity if it has one."""
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
    except Exception:  # what Pillow makes of a broken one
        return 1
    return value if isinstance(value, int) else 1


def write_png(path: Path, image: ImageFile) -> None:
    """Write one grey or RGB(A) image as a PNG, with its opacity and its colour profile."""
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
    """Return a PNG with a colour profile behind its header, which is its first 33 bytes."""
    body = b"iCCP" + b"ICC Profile\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return content[:33] + chunk + content[33:]
