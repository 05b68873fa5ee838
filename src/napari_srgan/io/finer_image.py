"""Convert the metadata of a source image to those of its super-resolved result."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .image_file import ImageFile
from .rename_axes import named
from .resampling import Grid, regridded


def finer_image(image: ImageFile, data: Any, axes: str, scale: int) -> ImageFile:
    """Return a result ``scale`` times finer along Y and X, at the position of its source.

    The axes may differ from those of the file; pixel sizes and affine are renamed with them.

    Raises
    ------
    ValueError
        If the axes contradict the file.
    """
    if image.axes not in (None, axes) and len(image.axes or "") == len(axes):
        return finer_image(named(image, axes), data, axes, scale)
    size = {a: s / scale if a in "YX" else s for a, s in image.pixel_size.items()}
    affine = image.affine
    if affine is None and image.geo is None and {"Y", "X"} <= image.pixel_size.keys():
        affine = np.diag([*(image.pixel_size.get(a, 1.0) for a in "ZYX"), 1.0])
    if affine is not None:
        # The outer edge of the first pixel stays, half a pixel before its centre.
        shift = (1 - scale) / (2 * scale)
        grid = np.diag([1.0, 1 / scale, 1 / scale, 1])
        grid[1:3, 3] = shift
        affine = affine @ grid
    geo = None if image.geo is None else image.geo.part(0, 0, scale)
    return replace(
        image,
        data=data,
        axes=axes,
        pixel_size=size,
        affine=affine,
        geo=geo,
        levels=(),
        labels=(),
        missing=_finer_mask(image.missing, axes, scale),
        alpha=_finer_mask(image.alpha, axes, scale, smooth=True),
    )


def _finer_mask(values: Any, axes: str, scale: int, *, smooth: bool = False) -> Any:
    """Upsample a mask or alpha."""
    if values is None:
        return None
    letters = "YX" if values.ndim == 2 else axes.replace("S", "")
    if len(letters) != values.ndim:
        return None
    if letters.endswith("YX"):
        rows, columns = (Grid(0.0, 1 / scale, n * scale) for n in values.shape[-2:])
        return regridded(values, rows, columns, smooth=smooth)
    for letter in "YX":
        values = values.repeat(scale, letters.index(letter))
    return values
