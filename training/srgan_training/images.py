"""Images from disk as float32 arrays ``(C, H, W)`` on a nominal range of [0, 1]."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def find_images(folder: Path | str) -> list[Path]:
    """List the images below ``folder``, sorted by path.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or no image in it.
    """
    found = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES)
    if not found:
        raise FileNotFoundError(f"no image ({', '.join(SUFFIXES)}) below {str(folder)!r}")
    return found


def read_pixels(path: Path) -> npt.NDArray[np.generic]:
    """Read one file as it is stored: ``(H, W)``, ``(H, W, S)`` or a TIFF's planes."""
    if path.suffix.lower() in (".tif", ".tiff"):
        import tifffile

        return np.asarray(tifffile.imread(path))
    from PIL import Image as Pillow

    with Pillow.open(path) as file:
        plain = file.mode not in ("P", "CMYK", "RGBA", "LA")
        return np.asarray(file if plain else file.convert("RGB"))


def to_planes(pixels: npt.NDArray[np.generic]) -> list[Image]:
    """Split what was read into images of 1 or 3 channels on [0, 1].

    8-bit values are divided by 255. Anything deeper is mapped per image from its 0.1 and 99.9
    percentiles, since CT, MR and microscopy fill only a part of their container; what lies
    outside is kept, not clipped. Stacks give one image per plane.
    """
    if pixels.ndim == 2:
        planes = [pixels[None]]
    elif pixels.shape[-1] in (3, 4):
        planes = [np.moveaxis(p, -1, 0)[:3] for p in pixels.reshape(-1, *pixels.shape[-3:])]
    else:
        planes = [p[None] for p in pixels.reshape(-1, *pixels.shape[-2:])]
    return [to_unit_range(p) for p in planes]


def to_unit_range(pixels: npt.NDArray[np.generic]) -> Image:
    """Map stored values to float32 with a nominal range of [0, 1], see `to_planes`."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / np.float32(255)
    values = pixels.astype(np.float64)
    low, high = np.percentile(values, [0.1, 99.9])
    return np.asarray((values - low) / max(high - low, 1e-12), np.float32)


def with_channels(image: Image, channels: int) -> Image:
    """Give ``image`` 1 (BT.601 luma) or 3 (repeated) channels."""
    if image.shape[0] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=0)
    return np.tensordot(LUMA, image, axes=1)[None]


def load_images(paths: Iterable[Path], channels: int) -> list[Image]:
    """Read every plane of every path as ``(channels, H, W)`` on [0, 1]."""
    return [with_channels(p, channels) for path in paths for p in to_planes(read_pixels(path))]
