"""Images from disk as float32 arrays ``(C, H, W)`` on a nominal range of [0, 1]."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from napari_srgan.io import (
    READABLE,
    ImageFile,
    kind,
    read,
)

Array = npt.NDArray[np.float32]
Stored = npt.NDArray[Any]

UNREADABLE = (OSError, ValueError)
"""what is raised over a file that is not what its suffix says"""
FILES = tuple(end for end in READABLE if end not in (".img", ".zarr"))
"""ends of names of files that are images; an .img belongs to its .hdr, a .zarr is a folder"""
LUMA = np.array([65.481, 128.553, 24.966], np.float32) / np.float32(255)
"""weights of R, G and B in Y of BT.601 studio range, which begins at 16/255"""


@dataclass(frozen=True)
class Scaled:
    """Values as they are stored, perhaps on disk, which become float32 where they are cut out.

    An index gives ``(stored - low) / span``, so that an image of 8 bits takes as many bytes as on
    disk, and a memory-mapped one only those that are cut out.
    """

    stored: Stored
    """``(C, H, W)``"""
    low: Array
    """per channel ``(C, 1, 1)``, or ``(1, 1, 1)`` for all"""
    span: Array
    clip: bool = False
    """whether what lies outside [0, 1] is clipped"""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the image, ``(C, H, W)``."""
        return self.stored.shape

    def cropped(self, height: int, width: int) -> Scaled:
        """Return the upper left part."""
        return replace(self, stored=self.stored[:, :height, :width])

    def __getitem__(self, index: Any) -> Array:
        values: Array = (self.stored[index].astype(np.float32) - self.low) / self.span
        return np.clip(values, 0, 1) if self.clip else values


Pixels = Array | Scaled


@dataclass(frozen=True)
class Image:
    """An image of 1 or 3 channels."""

    pixels: Pixels
    """``(C, H, W)``; an index gives float32"""
    eight_bit: bool
    """whether the values are 8-bit levels divided by 255"""

    def as_channels(self, channels: int) -> Image:
        """Give the image 1 channel (Y of BT.601, studio range) or 3 (repeated)."""
        if self.pixels.shape[0] == channels:
            return self
        if channels == 3:
            if isinstance(self.pixels, np.ndarray):
                return Image(np.repeat(self.pixels, 3, axis=0), self.eight_bit)
            same = np.broadcast_to(self.pixels.stored, (3, *self.pixels.shape[1:]))
            return Image(replace(self.pixels, stored=same), self.eight_bit)
        luma = np.tensordot(LUMA, self.pixels[:], axes=1)[None] + np.float32(16 / 255)
        return Image(kept(luma) if self.eight_bit else luma, self.eight_bit)


def as_stored(pixels: Pixels) -> Scaled:
    """Return an image as values that are stored."""
    return pixels if isinstance(pixels, Scaled) else Scaled(pixels, number(0), number(1))


def kept(pixels: Array) -> Scaled:
    """Return an image on [0, 1] as its 8-bit levels."""
    levels = np.clip(np.round(pixels * np.float32(255)), 0, 255).astype(np.uint8)
    return of_levels(levels)


def of_levels(levels: Stored) -> Scaled:
    """Return 8-bit levels ``(C, H, W)`` on [0, 1]."""
    return Scaled(levels, number(0), number(255))


def number(value: float) -> Array:
    """Return a value for all channels, ``(1, 1, 1)``."""
    return np.full((1, 1, 1), value, np.float32)


def rounded(pixels: Array) -> Array:
    """Round to 8-bit levels and clip to their range."""
    return kept(pixels)[:]


def find_images(folder: Path | str) -> list[Path]:
    """List the images below ``folder``, sorted by path.

    A folder of DICOM series or of OME-Zarr is one image: its slices are of one patient or scene.
    Hidden files, macOS's ``._image.tif`` among them, are none.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or no image in it.
    """
    found: list[Path] = []
    whole: set[Path] = set()
    for path in sorted([Path(folder), *Path(folder).rglob("*")]):
        if whole.isdisjoint(path.parents):
            if path.is_dir() and kind(path) in ("DICOM", "OME-Zarr"):
                whole.add(path)
                found.append(path)
            elif path.is_file() and path.name.lower().endswith(FILES) and path.name[0] != ".":
                found.append(path)
    if not found:
        raise FileNotFoundError(f"no image ({', '.join(FILES)}) below {str(folder)!r}")
    return found


def read_planes(path: Path) -> list[Stored]:
    """Read one file as the planes ``(C, H, W)`` that it holds, values as stored.

    Those of a large file are lazy, and read when they are put on [0, 1]. RGB makes three channels,
    alpha is left out. Along all other axes planes are images of their own.

    Raises
    ------
    ValueError, OSError
        If it cannot be read.
    """
    return [plane for image in read(path) for plane in planes_of(image)]


def planes_of(image: ImageFile) -> list[Stored]:
    """Return the planes of an image that was read, see `read_planes`."""
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
    """Put a plane on [0, 1].

    8-bit values are divided by 255. Anything deeper is mapped from its 0.1 and 99.9 percentiles,
    since CT, MR and microscopy fill only a part of their container, or by the map of ``like``;
    what lies outside is kept, not clipped.
    """
    plane = np.asarray(plane)
    if plane.dtype == np.uint8:
        return Image(of_levels(plane), True)
    if like is not None and isinstance(like.pixels, Scaled):
        return Image(Scaled(plane, like.pixels.low, like.pixels.span), False)
    low, high = np.percentile(plane.astype(np.float64), [0.1, 99.9])
    span = max(high - low, 1e-12)
    return Image(Scaled(plane, number(low), number(span)), False)


class Shelf:
    """Keeps arrays in memory while there is room, and beyond it memory-mapped in temporary files.

    Parameters
    ----------
    room
        Bytes to keep in memory; None is half of what is free now.
    """

    def __init__(self, room: int | None = None) -> None:
        self.room = psutil.virtual_memory().available // 2 if room is None else room

    def keep(self, pixels: Scaled) -> Scaled:
        """Return an image whose values were put here."""
        return replace(pixels, stored=self.put(pixels.stored))

    def put(self, array: Stored) -> Stored:
        """Return the array, or a file's mapping with its values; the file goes with the mapping.

        Raises
        ------
        OSError
            If the disk is full.
        """
        if array.nbytes <= self.room:
            self.room -= array.nbytes
            return array
        with tempfile.TemporaryFile(prefix="srgan-train-") as file:
            # Written and not only mapped: a full disk is an error then, and not a crash later.
            np.ascontiguousarray(array).tofile(file)
            return np.memmap(file, array.dtype, "r", shape=array.shape)


def load_images(paths: Iterable[Path]) -> list[Image]:
    """Read every plane of every path."""
    return [to_image(plane) for path in paths for plane in read_planes(path)]
