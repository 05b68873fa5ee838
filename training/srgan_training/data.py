"""From folders on disk to pairs of LR and HR."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_srgan.models import ModelCard

from .config import Config, Source
from .images import UNREADABLE, Image, find_images, read_pixels, rounded, to_images
from .pairs import load_pairs
from .patches import Pair, PatchSampler, cropped, make_pair

if TYPE_CHECKING:
    from .degradations import Chain


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
        warnings.warn(f"of {len(paths)} files {left_out(broken)}", stacklevel=2)
    if not images:
        raise ValueError(f"no image in {', '.join(source.folders)} below {data} can be read")
    degrade, _ = degradation_of(config.degradation)
    return [
        reduce(
            image.as_channels(config.channels),
            config.scale,
            degrade,
            np.random.default_rng([config.seed, number]),
        )
        for number, image in enumerate(images)
    ]


def read_all(paths: list[Path]) -> tuple[list[Image], list[tuple[Path, str]]]:
    """Read every plane of every path; return the images, and the files that cannot be read."""
    images: list[Image] = []
    broken: list[tuple[Path, str]] = []
    for path in paths:
        try:
            images += to_images(read_pixels(path))
        except UNREADABLE as error:
            broken.append((path, f"{type(error).__name__}: {error}"))
    return images, broken


def left_out(broken: list[tuple[Path, str]]) -> str:
    """Say which files could not be read: how many, and the first ones by name."""
    named = "; ".join(f"{path} ({error})" for path, error in broken[:5])
    return f"{len(broken)} left out: {named}"


def degradation_of(spec: Any) -> tuple[Chain | None, str]:
    """Return a degradation, None for plain bicubic, and its description.

    Raises
    ------
    ValueError
        If there is no such degradation, or it does not reduce along Y and X.
    """
    if spec == "bicubic":
        return None, ModelCard.degradation
    from .degradations import parse_degradation

    chain = parse_degradation(spec)
    if chain.reduces != "YX":
        raise ValueError(f"degradation {spec!r} does not reduce along Y and X")
    return chain, chain.describe()


def reduce(image: Image, scale: int, degrade: Chain | None, rng: np.random.Generator) -> Pair:
    """Make the LR of an image, by bicubic reduction or by a degradation.

    What lies beyond the percentiles of a deep image is clipped: a few hot pixels would move the
    statistics of the batch normalisation for all.
    """
    if not image.eight_bit:
        image = Image(np.clip(image.pixels, 0, 1), False)
    if degrade is None:
        return make_pair(image, scale)
    hr = cropped(image, scale)
    lr = degrade(hr, rng, scale)
    return Pair(rounded(lr) if image.eight_bit else lr, hr)
