"""From folders on disk to pairs of LR and HR."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_srgan.models import ModelCard

from .config import Config, Source
from .images import (
    UNREADABLE,
    Image,
    Shelf,
    Stored,
    as_stored,
    find_images,
    kept,
    read_planes,
    to_image,
)
from .pairs import load_pairs
from .patches import PatchSampler, StoredPair, make_pair
from .teacher import taught

if TYPE_CHECKING:
    from .degradations import Chain


REAL = "real LR images"
"""how LR came about that was not made"""


def make_sampler(config: Config, data: Path) -> PatchSampler:
    """Read the sources of a configuration and return what draws patches from them."""
    shelf = Shelf()
    sources = [load_source(source, data, config, shelf) for source in config.sources]
    if config.teacher or any(source.teacher for source in config.sources):
        sources = taught(sources, config, shelf)
    return PatchSampler(
        sources,
        [source.weight for source in config.sources],
        scale=config.scale,
        patch=config.patch,
        intensity=config.intensity,
        seed=config.seed,
    )


def load_source(source: Source, data: Path, config: Config, shelf: Shelf) -> list[StoredPair]:
    """Read the images of one source and make their LR.

    Where the source names LR folders, both are read. A file that cannot be read is left out with a
    warning that names it and says how many were.

    Raises
    ------
    ValueError
        If no image can be read, LR is to be drawn several times where it is always the same, or HR
        is to be changed whose LR is read.
    """
    degrade, _ = source_degradation(source, config)
    scene = scene_of(source)
    if source.lr and scene is not None:
        raise ValueError(f"{', '.join(source.folders)}: has a scene, but its LR is not made")
    if source.draws > 1 and (source.lr or (degrade is None and scene is None)):
        raise ValueError(
            f"{', '.join(source.folders)}: draws is {source.draws}, but nothing in its LR is random"
        )
    if source.lr:
        if len(source.lr) != len(source.folders):
            raise ValueError(
                f"{len(source.lr)} folders of LR for {len(source.folders)} of HR; give one each"
            )
        found, broken = [], []
        for lr, hr in zip(source.lr, source.folders, strict=True):
            matched, failed = load_pairs(
                data / lr, data / hr, config.scale, config.channels, source, shelf
            )
            found += [each.pair for each in matched]
            broken += failed
    else:
        paths = [
            path
            for folder in source.folders
            for path in find_images(data / folder)
            if not any((data / e) in path.parents for e in source.exclude)
        ]
        groups, broken = made_pairs(
            paths,
            config.channels,
            config.scale,
            degrade,
            config.seed,
            shelf,
            draws=source.draws,
            scene=scene,
        )
        found = [pair for group in groups.values() for pair in group]
    if broken:
        warnings.warn(left_out(broken), stacklevel=2)
    if not found:
        raise ValueError(f"no image in {', '.join(source.folders)} below {data} can be read")
    return found


def made_pairs(
    paths: Sequence[Path],
    channels: int,
    scale: int,
    degrade: Chain | None,
    seed: int,
    shelf: Shelf,
    *,
    draws: int = 1,
    scene: Chain | None = None,
) -> tuple[dict[Path, list[StoredPair]], list[tuple[Path, str]]]:
    """Read HR images, change them and make the LR of each of their planes, ``draws`` times.

    Returns
    -------
    dict
        File → its pairs, a pair for each LR of each plane.
    list of (Path, str)
        The files that cannot be read, and why.
    """
    groups: dict[Path, list[StoredPair]] = {}
    broken, done = [], 0
    for path in paths:
        planes, failed = read_all(path)
        broken += failed
        if planes:
            groups[path] = []
            for plane in planes:
                rng = np.random.default_rng([seed, done])
                rngs = [rng, *rng.spawn(draws - 1)]
                groups[path] += reduce(
                    to_image(plane), channels, scale, degrade, rngs, shelf, scene
                )
                done += 1
    return groups, broken


def read_all(path: Path) -> tuple[list[Stored], list[tuple[Path, str]]]:
    """Read every plane of a file; where it cannot be read return none, and why."""
    try:
        return read_planes(path), []
    except UNREADABLE as error:
        return [], [(path, f"{type(error).__name__}: {error}")]


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


def source_degradation(source: Source, config: Config) -> tuple[Chain | None, str]:
    """Return what makes the LR of a source's HR images, and its description."""
    own = config.degradation if source.degradation is None else source.degradation
    return degradation_of(own)


def scene_of(source: Source) -> Chain | None:
    """Return what a source's HR images go through.

    Raises
    ------
    ValueError
        If it would make them smaller.
    """
    if source.scene is None:
        return None
    from .degradations import parse_degradation

    return parse_degradation(source.scene, reducing=False)


def describe_lr(config: Config) -> str:
    """Say for the card how the LR images of a configuration came about."""
    ways = [REAL if s.lr else source_degradation(s, config)[1] for s in config.sources]
    return "; or ".join(dict.fromkeys(ways))


def reduce(
    image: Image,
    channels: int,
    scale: int,
    degrade: Chain | None,
    rngs: Sequence[np.random.Generator],
    shelf: Shelf,
    scene: Chain | None = None,
) -> list[StoredPair]:
    """Make the LR of an image, by bicubic or by a degradation, once with each of ``rngs``.

    What lies beyond the percentiles of a deep image is clipped: a few hot pixels would move the
    statistics of the batch normalisation for all. HR is kept as it is stored, or as
    ``scene`` makes it.
    """
    image = image.as_channels(channels)
    pixels = as_stored(image.pixels)
    height, width = (n // scale * scale for n in pixels.shape[1:])
    hr = replace(pixels, clip=not image.eight_bit).cropped(height, width)
    image, fine = Image(hr, image.eight_bit), shelf.keep(hr)
    pairs = []
    for rng in rngs:
        if scene is not None:
            changed = np.clip(scene(hr[:], rng, scale), 0, 1)
            image = Image(kept(changed) if image.eight_bit else changed, image.eight_bit)
            fine = shelf.keep(as_stored(image.pixels))
        lr = make_pair(image, scale).lr if degrade is None else degrade(image.pixels[:], rng, scale)
        pairs.append(StoredPair(kept(lr) if image.eight_bit else lr, fine))
    return pairs
