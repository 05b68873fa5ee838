"""Results whose pixels are those of their source, repeated."""

from __future__ import annotations

import numpy as np

from napari_srgan.io.finer_image import finer_image
from napari_srgan.io.image_file import ImageFile


def repeated(image: ImageFile, scale: int) -> ImageFile:
    """Return a result that is ``scale`` times finer, each pixel repeated along Y and X."""
    axes = image.axes or ""
    data = np.asarray(image.data).repeat(scale, axes.index("Y")).repeat(scale, axes.index("X"))
    return finer_image(image, data, axes, scale)
