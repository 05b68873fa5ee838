"""Valid PNG, JPEG, WebP and BMP files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_srgan.io.image_file import ImageFile
from napari_srgan.io.tiff.reader import write_image

from .pixels import Make, colours


def photograph(name: str, mode: str, **options: Any) -> Make:
    """Return what writes a file of Pillow."""

    def make(folder: Path) -> Path:
        from PIL import Image

        path = folder / name
        image = Image.fromarray(colours()).convert(mode)
        exif = Image.Exif()
        exif[274] = 6
        more: dict[str, Any] = {"exif": exif} if name.endswith(("jpg", "png", "webp")) else {}
        image.save(path, **more, **options)
        return path

    return make


def fine_png(folder: Path) -> Path:
    """Write colours of 16 bits."""
    return write_image(folder / "a.png", ImageFile(colours("uint16"), "YXS"))
