"""Images from disk as float32 arrays ``(C, H, W)`` on a nominal range of [0, 1]."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

UNREADABLE = (OSError, ValueError, SyntaxError)
"""what the libraries raise over a file that is not what its suffix says"""
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
LUMA = np.array([65.481, 128.553, 24.966], np.float32) / np.float32(255)
"""weights of R, G and B in Y of BT.601 studio range, which begins at 16/255"""


@dataclass(frozen=True)
class Image:
    """An image of 1 or 3 channels."""

    pixels: Array
    """``(C, H, W)``"""
    eight_bit: bool
    """whether the values are 8-bit levels divided by 255"""

    def as_channels(self, channels: int) -> Image:
        """Give the image 1 channel (Y of BT.601, studio range) or 3 (repeated)."""
        if len(self.pixels) == channels:
            return self
        if channels == 3:
            return Image(np.repeat(self.pixels, 3, axis=0), self.eight_bit)
        luma = np.tensordot(LUMA, self.pixels, axes=1)[None] + np.float32(16 / 255)
        return Image(rounded(luma) if self.eight_bit else luma, self.eight_bit)


def rounded(pixels: Array) -> Array:
    """Round to 8-bit levels and clip to their range."""
    levels = np.clip(np.round(pixels * np.float32(255)), 0, 255)
    return np.asarray(levels / np.float32(255), np.float32)


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


def to_images(pixels: npt.NDArray[np.generic]) -> list[Image]:
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
    eight_bit = pixels.dtype == np.uint8
    return [Image(to_unit_range(p), eight_bit) for p in planes]


def to_unit_range(pixels: npt.NDArray[np.generic]) -> Array:
    """Map stored values to float32 with a nominal range of [0, 1], see `to_images`."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / np.float32(255)
    values = pixels.astype(np.float64)
    low, high = np.percentile(values, [0.1, 99.9])
    return np.asarray((values - low) / max(high - low, 1e-12), np.float32)


def load_images(paths: Iterable[Path]) -> list[Image]:
    """Read every plane of every path."""
    return [image for path in paths for image in to_images(read_pixels(path))]
