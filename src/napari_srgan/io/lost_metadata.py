"""Metadata of an image that a format cannot store, as texts for warnings."""

from __future__ import annotations

from math import isnan

import numpy as np

from .image_file import ImageFile

__all__ = ["lost_in", "lost_in_bands"]


def lost_in(image: ImageFile, end: str) -> list[str]:
    """List the metadata that a format other than TIFF cannot store."""
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
    """List the metadata that a TIFF with a mask or alpha beside its bands cannot store."""
    lost = []
    if image.affine is not None and image.geo is None and _is_elsewhere(image):
        lost.append("a position")
    if _waves(image):
        lost.append("wavelengths and exposures")
    return lost


def _waves(image: ImageFile) -> bool:
    return any(c.emission or c.excitation or c.exposure for c in image.channels)


def _is_elsewhere(image: ImageFile) -> bool:
    """Whether an image is rotated, or its first pixel is not at 0."""
    affine = np.asarray(image.affine)
    linear = affine[:3, :3]
    straight = np.allclose(linear, np.diag(np.diag(linear)), atol=1e-6 * np.abs(linear).max())
    # Super-resolution moves the centre of the first pixel by a fraction of a pixel.
    return not straight or bool((np.abs(affine[:3, 3]) > np.abs(linear).max(axis=1)).any())


def _needs_nodata(image: ImageFile) -> bool:
    """Whether any pixel equals the nodata value; NaN needs no declaration."""
    if image.nodata is None or isnan(image.nodata):
        return False
    if not isinstance(image.data, np.ndarray):
        return True  # checking a lazy array would compute it twice
    return bool((image.data == image.nodata).any())
