"""What of an image a format does not hold, said in words before it is written."""

from __future__ import annotations

from math import isnan

import numpy as np

from .image_file import ImageFile

__all__ = ["lost_in", "lost_in_bands"]


def lost_in(image: ImageFile, end: str) -> list[str]:
    """Say what of an image a format other than TIFF does not hold."""
    lost = []
    if image.geo is not None:
        lost.append("a place on the Earth")
    if end == ".png" and image.pixel_size.keys() & {"Y", "X"}:
        lost.append("a pixel size")
    if end == ".png" and image.nodata is not None:
        lost.append("which value means no data")
    elif end != ".zarr" and _needs_nodata(image):
        lost.append(f"that {image.nodata:g} means no data")
    if end != ".png" and image.metadata.get("icc_profile"):
        lost.append("a colour profile")
    if _waves(image):
        lost.append("wavelengths and exposures")
    if image.metadata.get("mask") and image.missing is not None:
        lost.append("a mask")
    if image.alpha is not None and end != ".png":
        lost.append("an opacity")
    return lost


def lost_in_bands(image: ImageFile) -> list[str]:
    """Say what of an image a TIFF whose bands have a mask or an opacity does not hold."""
    lost = []
    if image.affine is not None and image.geo is None and _is_elsewhere(image):
        lost.append("a position")
    if _waves(image):
        lost.append("wavelengths and exposures")
    return lost


def _waves(image: ImageFile) -> bool:
    return any(c.emission or c.excitation or c.exposure for c in image.channels)


def _is_elsewhere(image: ImageFile) -> bool:
    """Whether an image is turned, or its first pixel is not at 0."""
    affine = np.asarray(image.affine)
    linear = affine[:3, :3]
    straight = np.allclose(linear, np.diag(np.diag(linear)), atol=1e-6 * np.abs(linear).max())
    # A finer image begins a part of a pixel before the one that it was made of.
    return not straight or bool((np.abs(affine[:3, 3]) > np.abs(linear).max(axis=1)).any())


def _needs_nodata(image: ImageFile) -> bool:
    """Whether pixels have the value of those without one; NaN says so itself."""
    if image.nodata is None or isnan(image.nodata):
        return False
    if not isinstance(image.data, np.ndarray):
        return True  # to look for it, a lazy one would be computed twice
    return bool((image.data == image.nodata).any())
