"""Test images: HR images and the origin of their LR images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_srgan.io import read

from ..data.patches import Pair, cropped, make_pair
from ..images import (
    UNREADABLE,
    Array,
    Image,
    Stored,
    find_images,
    from_8bit_levels,
    planes_of,
    round_8bit,
)
from .metrics import SSIM_WINDOW

Degradation = Callable[[Array, np.random.Generator, int], Array]
"""map of ``(image (C, H, W) float32, rng, scale)`` to the LR image ``(C, H / scale, W / scale)``"""


@dataclass(frozen=True)
class Case:
    """An HR test image and the scaling from [0, 1] to the values of its file."""

    name: str
    """unique name in the folder: `stem`, with the index of the plane if there are several"""
    image: Image
    low: npt.NDArray[np.float64]
    """offset of the scaling, of the shape of ``span``"""
    span: npt.NDArray[np.float64]
    """factor of the scaling ``stored = pixels · span + low``, ``(C, 1, 1)`` or ``(1, 1, 1)``"""
    path: Path
    stem: str
    """path relative to the folder without suffix"""
    plane: int = 0
    """index of the plane in the file"""


def read_cases(folder: Path) -> list[Case]:
    """Read all images below a folder.

    8-bit values are divided by 255. For other dtypes the 0.1 and 99.9 percentiles are mapped to 0
    and 1, separately for each band of a multi-band image.

    Raises
    ------
    FileNotFoundError
        If the folder contains no image.
    ValueError
        If a file cannot be read, or an image has NaN or infinite values.
    """
    cases = []
    paths = find_images(folder)
    stems = [p.relative_to(folder).with_suffix("").as_posix() for p in paths]
    for path, stem in zip(paths, stems, strict=True):
        name = stem if stems.count(stem) == 1 else path.relative_to(folder).as_posix()
        planes = read_bands(path)
        for number, pixels in enumerate(planes):
            if not np.isfinite(pixels).all():
                raise ValueError(f"{path}: has NaN or infinite values, which cannot be measured")
            numbered = f"{name}-{number:03}" if len(planes) > 1 else name
            cases.append(Case(numbered, *to_case(pixels), path, stem, number))
    return cases


def read_bands(path: Path) -> list[Stored]:
    """Return the images ``(C, H, W)`` of a file, unscaled.

    The bands of an image are its RGB samples without alpha, or the channels of a file without other
    axes than Y and X, such as a multispectral scene. Indices along all other axes are separate
    images.
    """
    try:
        images = read(path)
    except UNREADABLE as error:
        raise ValueError(f"{path}: cannot be read ({error})") from error
    images_of_file: list[Stored] = []
    for image in images:
        if image.axes is not None and sorted(image.axes) == ["C", "X", "Y"]:
            images_of_file.append(np.moveaxis(np.asarray(image.data), image.axes.index("C"), 0))
        else:
            images_of_file += [np.asarray(plane) for plane in planes_of(image)]
    return images_of_file


def to_case(
    pixels: npt.NDArray[np.generic],
) -> tuple[Image, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Scale an image to [0, 1]; return it with offset and factor of the scaling, see `Case`."""
    if pixels.dtype == np.uint8:
        return Image(from_8bit_levels(pixels), True), np.zeros((1, 1, 1)), np.full((1, 1, 1), 255.0)
    per_band = len(pixels) not in (1, 3)
    low, high = np.percentile(
        pixels.astype(np.float64), [0.1, 99.9], axis=(1, 2) if per_band else None, keepdims=True
    )
    span = np.maximum(high - low, 1e-12)
    return Image(np.asarray((pixels - low) / span, np.float32), False), low, span


@dataclass(frozen=True)
class Reduction:
    """Origin of LR images: a folder, a degradation or, without both, antialiased bicubic.

    Raises
    ------
    ValueError
        If both a folder and a degradation are given.
    """

    folder: Path | None = None
    """folder of LR images named as their HR images, optionally followed by ``x2``, ``x4``, …"""
    degradation: Degradation | None = None
    """degradation that makes LR images"""
    seed: int = 0
    """seed of the degradation, so that all models are given the same LR images"""

    def __post_init__(self) -> None:
        if self.folder is not None and self.degradation is not None:
            raise ValueError(
                "LR images and a degradation were given; allowed is one of them, as the LR either "
                "is there or is made"
            )

    def __str__(self) -> str:
        if self.folder is not None:
            return f"those of {self.folder.resolve().name}"
        if self.degradation is None:
            return "antialiased bicubic"
        describe = getattr(self.degradation, "describe", None)
        return str(describe()) if describe else "made by a function"

    def pair(self, case: Case, channels: int, scale: int, number: int = 0) -> Pair:
        """Return LR and HR, cropped to a multiple of the scale.

        ``channels`` is the number of channels of the model: for 3, grey images are repeated to
        R = G = B; for 1, RGB is converted to Y. Images with other numbers of bands are unchanged.
        LR images of 8-bit images are rounded to 8 bits. ``number`` is the index of the image, which
        is part of the seed.

        Raises
        ------
        ValueError
            If the HR image is too small, or its LR image is missing or has another size.
        """
        height, width = case.image.pixels.shape[1:]
        min_side = SSIM_WINDOW + 2 * scale
        if min(height, width) // scale * scale < min_side:
            raise ValueError(
                f"{case.path}: {height} × {width} pixels; at ×{scale} it takes "
                f"{min_side} × {min_side}"
            )
        image = match_channels(case.image, channels)
        if self.folder is None and self.degradation is None:
            return make_pair(image, scale)
        hr = cropped(image, scale)
        if self.degradation is None:
            lr = self._read(case, channels, scale)
        else:
            rng = np.random.default_rng([self.seed, number])
            lr = np.asarray(self.degradation(hr, rng, scale), np.float32)
        expected = (len(hr), height // scale, width // scale)
        if lr.shape != expected:
            raise ValueError(
                f"{case.path}: its LR image is {_shape(lr.shape)}; at ×{scale} it must be "
                f"{_shape(expected)}"
            )
        return Pair(round_8bit(lr) if image.eight_bit else lr, hr)

    @cached_property
    def _files(self) -> dict[str, Path]:
        """Paths of the LR images by their relative path without suffix."""
        assert self.folder is not None
        paths = find_images(self.folder)
        return {p.relative_to(self.folder).with_suffix("").as_posix(): p for p in paths}

    def _read(self, case: Case, channels: int, scale: int) -> Array:
        files = self._files
        path = files.get(case.stem) or files.get(f"{case.stem}x{scale}")
        if path is None:
            raise ValueError(
                f"{case.path}: there is no LR image of it in {self.folder}; names must be equal, "
                f"or end in x{scale}: {case.stem} or {case.stem}x{scale}"
            )
        planes = read_bands(path)
        if len(planes) <= case.plane:
            raise ValueError(f"{path}: has {len(planes)} planes, fewer than {case.path}")
        pixels = planes[case.plane]
        if (pixels.dtype == np.uint8) != case.image.eight_bit:
            raise ValueError(f"{path}: is {pixels.dtype}; {case.path} is not of that depth")
        values = np.asarray((pixels.astype(np.float64) - case.low) / case.span, np.float32)
        return match_channels(Image(values, case.image.eight_bit), channels).pixels[:]


def match_channels(image: Image, channels: int) -> Image:
    """Convert grey and RGB images to the channels of the model; return others unchanged."""
    return image.as_channels(channels) if {image.pixels.shape[0], channels} == {1, 3} else image


def _shape(shape: tuple[int, ...]) -> str:
    bands = f" with {shape[0]} bands" if shape[0] != 1 else ""
    return " × ".join(map(str, shape[1:])) + bands
