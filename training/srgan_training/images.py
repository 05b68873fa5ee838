"""Reading of images as float32 arrays ``(C, H, W)`` with a nominal range of [0, 1]."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from napari_srgan.io import READABLE, ImageFile, kind, read

Array = npt.NDArray[np.float32]
Stored = npt.NDArray[Any]
"""an array with the values and the dtype of its file"""

UNREADABLE = (OSError, ValueError)
"""exceptions raised for a file that cannot be decoded"""
IMAGE_SUFFIXES = tuple(end for end in READABLE if end not in (".img", ".zarr"))
"""suffixes of image files; an .img file is read with its .hdr file, and .zarr is a folder"""
LUMA = np.array([65.481, 128.553, 24.966], np.float32) / np.float32(255)
"""weights of R, G and B in the luma of BT.601 studio range, whose black level is 16/255"""


@dataclass(frozen=True)
class ScaledPixels:
    """Array that is scaled to float32 lazily, when it is indexed.

    Indexing returns ``(stored - low) / span``. An 8-bit image therefore takes one byte per value in
    memory, and a memory-mapped image is read only where it is indexed.
    """

    stored: Stored
    """unscaled values ``(C, H, W)``, in memory or memory-mapped"""
    low: Array
    """stored value that maps to 0: ``(C, 1, 1)``, or ``(1, 1, 1)`` for all channels"""
    span: Array
    """difference of the stored values that map to 1 and to 0, of the shape of ``low``"""
    clip: bool = False
    """whether results are clipped to [0, 1]"""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image, ``(C, H, W)``."""
        return self.stored.shape

    def cropped(self, height: int, width: int) -> ScaledPixels:
        """Return the upper left ``height`` × ``width`` pixels."""
        return replace(self, stored=self.stored[:, :height, :width])

    def __getitem__(self, index: Any) -> Array:
        values: Array = (self.stored[index].astype(np.float32) - self.low) / self.span
        return np.clip(values, 0, 1) if self.clip else values


Pixels = Array | ScaledPixels


@dataclass(frozen=True)
class Image:
    """An image of 1 or 3 channels."""

    pixels: Pixels
    """values ``(C, H, W)``; indexing returns float32"""
    eight_bit: bool
    """whether the values are 8-bit levels divided by 255"""

    def as_channels(self, channels: int) -> Image:
        """Convert to 1 channel (luma of BT.601, studio range) or to 3 (the channel repeated)."""
        if self.pixels.shape[0] == channels:
            return self
        if channels == 3:
            if isinstance(self.pixels, np.ndarray):
                return Image(np.repeat(self.pixels, 3, axis=0), self.eight_bit)
            same = np.broadcast_to(self.pixels.stored, (3, *self.pixels.shape[1:]))
            return Image(replace(self.pixels, stored=same), self.eight_bit)
        luma = np.tensordot(LUMA, self.pixels[:], axes=1)[None] + np.float32(16 / 255)
        return Image(quantize_8bit(luma) if self.eight_bit else luma, self.eight_bit)


def as_scaled(pixels: Pixels) -> ScaledPixels:
    """Return an array as `ScaledPixels` with an identity scaling."""
    return (
        pixels
        if isinstance(pixels, ScaledPixels)
        else ScaledPixels(pixels, as_scalar_array(0), as_scalar_array(1))
    )


def quantize_8bit(pixels: Array) -> ScaledPixels:
    """Quantise an image on [0, 1] to 8-bit levels, which are scaled back lazily."""
    levels = np.clip(np.round(pixels * np.float32(255)), 0, 255).astype(np.uint8)
    return from_8bit_levels(levels)


def from_8bit_levels(levels: Stored) -> ScaledPixels:
    """Return 8-bit levels ``(C, H, W)`` lazily divided by 255."""
    return ScaledPixels(levels, as_scalar_array(0), as_scalar_array(255))


def as_scalar_array(value: float) -> Array:
    """Return a scalar as an array ``(1, 1, 1)`` that broadcasts over an image."""
    return np.full((1, 1, 1), value, np.float32)


def round_8bit(pixels: Array) -> Array:
    """Round float32 values to multiples of 1/255 and clip them to [0, 1]."""
    return quantize_8bit(pixels)[:]


def find_images(folder: Path | str) -> list[Path]:
    """List the images below ``folder``, sorted by path.

    A folder that holds a DICOM series or an OME-Zarr image counts as one image, since its slices
    show one patient or scene. Hidden files, such as macOS's ``._image.tif``, are ignored.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist or contains no image.
    """
    images: list[Path] = []
    folder_images: set[Path] = set()
    for path in sorted([Path(folder), *Path(folder).rglob("*")]):
        if folder_images.isdisjoint(path.parents):
            if path.is_dir() and kind(path) in ("DICOM", "OME-Zarr"):
                folder_images.add(path)
                images.append(path)
            elif (
                path.is_file()
                and path.name.lower().endswith(IMAGE_SUFFIXES)
                and path.name[0] != "."
            ):
                images.append(path)
    if not images:
        raise FileNotFoundError(f"no image ({', '.join(IMAGE_SUFFIXES)}) below {str(folder)!r}")
    return images


def read_planes(path: Path) -> list[Stored]:
    """Read all planes ``(C, H, W)`` of a file, unscaled.

    The planes of a large file are lazy and are read when `to_image` scales them. RGB is returned as
    three channels without alpha. Each index along any other axis gives a separate plane.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read.
    """
    return [plane for image in read(path) for plane in planes_of(image)]


def planes_of(image: ImageFile) -> list[Stored]:
    """Return the planes of an image file that has been read, see `read_planes`."""
    data, axes = image.data, image.axes
    if axes is None:
        colour = data.ndim > 2 and data.shape[-1] in (3, 4)
        axes = "?" * (data.ndim - 3) + "YXS" if colour else "?" * (data.ndim - 2) + "YX"
    last = [axes.index(a) for a in "YXS" if a in axes]
    data = data.transpose([i for i in range(data.ndim) if i not in last] + last)
    if "S" in axes:
        return [data[at].transpose(2, 0, 1)[:3] for at in np.ndindex(data.shape[:-3])]
    return [data[at][None] for at in np.ndindex(data.shape[:-2])]


def to_image(plane: Stored, like: Image | None = None) -> Image:
    """Scale a plane to [0, 1].

    8-bit values are divided by 255. For other dtypes the 0.1 and 99.9 percentiles are mapped to 0
    and 1, since CT, MR and microscopy images use only a part of the range of their dtype; with
    ``like`` the scaling of that image is used. Values outside the range are not clipped.
    """
    plane = np.asarray(plane)
    if plane.dtype == np.uint8:
        return Image(from_8bit_levels(plane), True)
    if like is not None and isinstance(like.pixels, ScaledPixels):
        return Image(ScaledPixels(plane, like.pixels.low, like.pixels.span), False)
    low, high = np.percentile(plane.astype(np.float64), [0.1, 99.9])
    span = max(high - low, 1e-12)
    return Image(ScaledPixels(plane, as_scalar_array(low), as_scalar_array(span)), False)


class PixelStore:
    """Storage of arrays in memory up to a budget, and in memory-mapped temporary files beyond it.

    Parameters
    ----------
    memory_budget
        Number of bytes to keep in memory; None is half of the memory available now.
    """

    def __init__(self, memory_budget: int | None = None) -> None:
        self.memory_budget = (
            psutil.virtual_memory().available // 2 if memory_budget is None else memory_budget
        )

    def store_pixels(self, pixels: ScaledPixels) -> ScaledPixels:
        """Store the values of an image and return the image with the stored array."""
        return replace(pixels, stored=self.store_array(pixels.stored))

    def store_array(self, array: Stored) -> Stored:
        """Return the array itself, or a memory map of a temporary file with its values.

        The file is deleted when the memory map is.

        Raises
        ------
        OSError
            If the disk is full.
        """
        if array.nbytes <= self.memory_budget:
            self.memory_budget -= array.nbytes
            return array
        with tempfile.TemporaryFile(prefix="srgan-train-") as file:
            # Writing raises OSError on a full disk; writing through a mapping would crash.
            np.ascontiguousarray(array).tofile(file)
            return np.memmap(file, array.dtype, "r", shape=array.shape)


def load_images(paths: Iterable[Path]) -> list[Image]:
    """Read all planes of all files and scale them to [0, 1]."""
    return [to_image(plane) for path in paths for plane in read_planes(path)]
