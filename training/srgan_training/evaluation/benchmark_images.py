"""What models are measured on: HR images, and where their LR comes from."""

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
"""``(image (C, H, W) float32, rng, scale)`` to the LR ``(C, H / scale, W / scale)``"""


@dataclass(frozen=True)
class Case:
    """An HR image, with the way back from [0, 1] to the values that its file holds."""

    name: str
    """unlike any other of the folder: `stem`, with the number of the plane if there are several"""
    image: Image
    low: npt.NDArray[np.float64]
    span: npt.NDArray[np.float64]
    """``stored = pixels · span + low``, each ``(C, 1, 1)``, or ``(1, 1, 1)`` for all bands"""
    path: Path
    stem: str
    """path below the folder, without suffix"""
    plane: int = 0


def read_cases(folder: Path) -> list[Case]:
    """Read every image below a folder.

    8-bit values become levels divided by 255. Deeper ones are mapped from their 0.1 and 99.9
    percentiles, each band of a multi-band image on its own.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If one holds NaN or infinities, or a file that cannot be read.
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
    """Return the images ``(C, H, W)`` of a file, values as stored.

    One, three or (alpha left out) four samples of RGB make an image, and so do the channels of a
    file without other axes, as of a multispectral scene. All other axes are those of a stack.
    """
    try:
        images = read(path)
    except UNREADABLE as error:
        raise ValueError(f"{path}: cannot be read ({error})") from error
    found: list[Stored] = []
    for image in images:
        if image.axes is not None and sorted(image.axes) == ["C", "X", "Y"]:
            found.append(np.moveaxis(np.asarray(image.data), image.axes.index("C"), 0))
        else:
            found += [np.asarray(plane) for plane in planes_of(image)]
    return found


def to_case(
    pixels: npt.NDArray[np.generic],
) -> tuple[Image, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the image on [0, 1], and low and span of its map, see `Case`."""
    if pixels.dtype == np.uint8:
        return Image(from_8bit_levels(pixels), True), np.zeros((1, 1, 1)), np.full((1, 1, 1), 255.0)
    one_by_one = len(pixels) not in (1, 3)
    low, high = np.percentile(
        pixels.astype(np.float64), [0.1, 99.9], axis=(1, 2) if one_by_one else None, keepdims=True
    )
    span = np.maximum(high - low, 1e-12)
    return Image(np.asarray((pixels - low) / span, np.float32), False), low, span


@dataclass(frozen=True)
class Reduction:
    """Where the LR of an HR image comes from: antialiased bicubic unless one of the two is given.

    Raises
    ------
    ValueError
        If both are.
    """

    folder: Path | None = None
    """of LR images that have the name of their HR image, or that with ``x2``, ``x4``, … after it"""
    degradation: Degradation | None = None
    seed: int = 0
    """of what is random in the degradation; every model sees the same LR"""

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

        ``channels`` is what the model takes: grey becomes R = G = B for 3, RGB becomes Y for 1, an
        image of other bands stays as it is. LR images of 8-bit ones are rounded to 8 bits.
        ``number`` is that of the image, for the seed.

        Raises
        ------
        ValueError
            If the HR image is too small, or its LR image is missing or does not fit.
        """
        height, width = case.image.pixels.shape[1:]
        least = SSIM_WINDOW + 2 * scale
        if min(height, width) // scale * scale < least:
            raise ValueError(
                f"{case.path}: {height} × {width} pixels; at ×{scale} it takes {least} × {least}"
            )
        image = fitted(case.image, channels)
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
        """Paths of the LR images by their place below the folder, without suffix."""
        assert self.folder is not None
        paths = find_images(self.folder)
        return {p.relative_to(self.folder).with_suffix("").as_posix(): p for p in paths}

    def _read(self, case: Case, channels: int, scale: int) -> Array:
        found = self._files
        path = found.get(case.stem) or found.get(f"{case.stem}x{scale}")
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
        return fitted(Image(values, case.image.eight_bit), channels).pixels[:]


def fitted(image: Image, channels: int) -> Image:
    """Give grey and RGB images the model's channels; leave images of other bands alone."""
    return image.as_channels(channels) if {image.pixels.shape[0], channels} == {1, 3} else image


def _shape(shape: tuple[int, ...]) -> str:
    bands = f" with {shape[0]} bands" if shape[0] != 1 else ""
    return " × ".join(map(str, shape[1:])) + bands
