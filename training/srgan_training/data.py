"""From folders on disk to pairs of LR and HR."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .config import Config, Source
from .images import Image, find_images, rounded, to_images
from .pairs import load_pairs
from .patches import Pair, PatchSampler, make_pair

READABLE_ERRORS = (OSError, ValueError, SyntaxError)


def make_sampler(config: Config, data: Path) -> PatchSampler:
    """Read the sources of a configuration and return what draws patches from them."""
    return PatchSampler(
        [load_source(source, data, config) for source in config.sources],
        [source.weight for source in config.sources],
        scale=config.scale,
        patch=config.patch,
        seed=config.seed,
    )


def load_source(source: Source, data: Path, config: Config) -> list[Pair]:
    """Read the images of one source and make their LR.

    Where the source names LR folders, both are read as they are. A file that cannot be read is
    left out with a warning that names it and says how many were.
    """
    if source.lr:
        return [
            each.pair
            for lr, hr in zip(source.lr, source.folders, strict=True)
            for each in load_pairs(data / lr, data / hr, config.scale, config.channels)
        ]
    paths = [
        path
        for folder in source.folders
        for path in find_images(data / folder)
        if not any((data / e) in path.parents for e in source.exclude)
    ]
    images, broken = read_all(paths)
    if broken:
        warnings.warn(
            f"{len(broken)} of {len(paths)} files left out: "
            + "; ".join(f"{path} ({error})" for path, error in broken[:5]),
            stacklevel=2,
        )
    if not images:
        raise ValueError(f"no image in {', '.join(source.folders)} below {data} can be read")
    degrade = None
    if config.degradation != "bicubic":
        from .degradations import parse_degradation

        degrade = parse_degradation(config.degradation)
        if degrade.reduces != "YX":
            raise ValueError(f"degradation {config.degradation!r} does not reduce along Y and X")
    return [
        reduce(image.as_channels(config.channels), config, degrade, number)
        for number, image in enumerate(images)
    ]


def read_all(paths: list[Path]) -> tuple[list[Image], list[tuple[Path, str]]]:
    """Read every plane of every path; return the images, and the files that cannot be read."""
    from .images import read_pixels

    images: list[Image] = []
    broken: list[tuple[Path, str]] = []
    for path in paths:
        try:
            images += to_images(read_pixels(path))
        except READABLE_ERRORS as error:
            broken.append((path, f"{type(error).__name__}: {error}"))
    return images, broken


def reduce(image: Image, config: Config, degrade: Any, number: int) -> Pair:
    """Make the LR of an image, by bicubic reduction or a degradation of its own seed.

    What lies beyond the percentiles of a deep image is clipped: a few hot pixels would move the
    statistics of the batch normalisation for all.
    """
    if not image.eight_bit:
        image = Image(np.clip(image.pixels, 0, 1), False)
    if degrade is None:
        return make_pair(image, config.scale)
    height, width = (n // config.scale * config.scale for n in image.pixels.shape[1:])
    hr = np.ascontiguousarray(image.pixels[:, :height, :width])
    lr = degrade(hr, np.random.default_rng([config.seed, number]), config.scale)
    return Pair(rounded(lr) if image.eight_bit else lr, hr)
