"""OME metadata of an image, for tifffile's writer."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from ..image_file import Channel, ImageFile
from .tags import UNITS

STRAIGHT = 1e-6
"""maximal off-diagonal part of an axis-aligned affine, relative to the pixel size"""


def ome_metadata(image: ImageFile, data: Any, axes: str, description: str) -> dict[str, Any]:
    """Return the metadata of an image as arguments of tifffile's ``OmeXml.addimage``.

    Warns
    -----
    UserWarning
        If the image is rotated, which OME-TIFF cannot store.
    """
    metadata: dict[str, Any] = {"axes": axes}
    for axis, size in image.pixel_size.items():
        if axis == "T":
            metadata |= {"TimeIncrement": float(size), "TimeIncrementUnit": "s"}
        elif image.unit in UNITS:
            metadata[f"PhysicalSize{axis}"] = float(size)
            metadata[f"PhysicalSize{axis}Unit"] = image.unit
    if description:
        metadata["Description"] = _xml_text(description)
    if image.name:
        metadata["Name"] = _xml_text(image.name)
    count = data.shape[axes.index("C")] if "C" in axes else 1
    channels = image.channels if len(image.channels) == count else ()
    if channels:
        metadata["Channel"] = _channels(channels)
    planes = _planes(image, channels, data.shape, axes)
    if any(planes):
        metadata["Plane"] = planes
    return metadata


def _channels(channels: tuple[Channel, ...]) -> list[dict[str, Any]]:
    coloured = any(c.colour for c in channels)
    found = []
    for channel in channels:
        said: dict[str, Any] = {"Name": _xml_text(channel.name)} if channel.name else {}
        if coloured:
            # OME packs RGBA into one signed 32-bit integer; its default is white.
            packed = bytes((*(channel.colour or (255, 255, 255)), 255))
            said["Color"] = int.from_bytes(packed, "big", signed=True)
        waves = {"EmissionWavelength": channel.emission, "ExcitationWavelength": channel.excitation}
        for name, length in waves.items():
            if length:
                said |= {name: length, f"{name}Unit": "nm"}
        found.append(said)
    return found


def _planes(
    image: ImageFile, channels: tuple[Channel, ...], shape: tuple[int, ...], axes: str
) -> list[dict[str, Any]]:
    """Return the metadata of each plane, in the order of the array."""
    place = _first_and_step(image, shape, axes)
    depths, numbers = (_indices(shape, axes, a) for a in "ZC")
    found = []
    for depth, number in zip(depths, numbers, strict=True):
        said: dict[str, Any] = {}
        if channels and (exposure := channels[number].exposure):
            said |= {"ExposureTime": exposure, "ExposureTimeUnit": "s"}
        if place is not None:
            first, step = place
            where = dict(zip("ZYX", (first[0] + step * depth, *first[1:]), strict=True))
            for axis in "XYZ":
                said |= {f"Position{axis}": where[axis], f"Position{axis}Unit": image.unit}
        found.append(said)
    return found


def _indices(shape: tuple[int, ...], axes: str, axis: str) -> list[int]:
    """Return the index along an axis of each plane, in the order of the planes."""
    row = axes.index("Y")
    if axis not in axes:
        return [0] * int(np.prod(shape[:row], dtype=np.int64))
    found: list[int] = np.indices(shape[:row])[axes.index(axis)].ravel().tolist()
    return found


def _first_and_step(
    image: ImageFile, shape: tuple[int, ...], axes: str
) -> tuple[list[float], float] | None:
    """Return the position of the first pixel and the plane distance; None if not needed."""
    if image.affine is None or image.geo is not None or image.unit not in UNITS:
        return None
    lengths = [shape[axes.index(a)] if a in axes else 1 for a in "ZYX"]
    step, place = _straight(image.affine, lengths)
    if not place.any() and step > 0:
        return None
    first: list[float] = place.tolist()
    return first, step if "Z" in image.pixel_size else 0.0


def _straight(
    affine: npt.NDArray[np.float64], lengths: list[int]
) -> tuple[float, npt.NDArray[np.float64]]:
    """Return the step along Z and the first pixel's position in the axis-aligned image.

    A rotated image is aligned about its centre, like its layer in napari.
    """
    linear = affine[:3, :3]
    size = np.linalg.norm(linear, axis=0)
    bent = np.abs(linear - np.diag(np.diag(linear))).max(axis=0)
    ahead = np.diag(linear) > 0
    ahead[0] |= lengths[0] > 1  # plane positions can express a descending stack
    if (bent < STRAIGHT * size).all() and ahead.all():
        return float(linear[0, 0]), affine[:3, 3]
    warnings.warn(
        "OME-TIFF does not hold how an image is turned: it is written straight about its centre; "
        "write .nii.gz or .zarr to keep that",
        stacklevel=2,
    )
    middle = (np.array(lengths) - 1) / 2
    place: npt.NDArray[np.float64] = (affine @ [*middle, 1])[:3] - size * middle
    return float(size[0]), place


def _xml_text(text: str) -> str:
    """Remove the characters that XML cannot hold."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t")
