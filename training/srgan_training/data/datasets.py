"""From folders on disk to pairs of LR and HR."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from ..config import Config, Source
from ..images import (
    UNREADABLE,
    PixelStore,
    Stored,
    find_images,
    read_planes,
)
from .distillation import taught
from .lr_images import Making, making_of
from .pairs import load_pairs
from .patches import PatchSampler, StoredPair
from .screening import NAMED, usable

REAL = "real LR images"
"""how LR came about that was not made"""


def make_sampler(config: Config, data: Path) -> PatchSampler:
    """Read the sources of a configuration and return what draws patches from them."""
    for source in config.sources:
        making_of(source, config)  # What is wrong with one is said before others are read.
    store = PixelStore()
    sources = [load_source(source, data, config, store) for source in config.sources]
    if config.teacher or any(source.teacher for source in config.sources):
        sources = taught(sources, config, store)
    return sampler_of(sources, [source.weight for source in config.sources], config)


def sampler_of(
    sources: Sequence[Sequence[StoredPair]], weights: Sequence[float], config: Config
) -> PatchSampler:
    """Return what draws patches from pairs, as a configuration wants them."""
    return PatchSampler(
        sources,
        weights,
        scale=config.scale,
        patch=config.patch,
        intensity=config.intensity,
        uniform=config.uniform,
        seed=config.seed,
    )


def load_source(source: Source, data: Path, config: Config, store: PixelStore) -> list[StoredPair]:
    """Read the images of one source and make their LR.

    Where the source names LR folders, both are read. A file that cannot be read or used is left out
    with a warning that names it and says how many were.

    Raises
    ------
    ValueError
        If no image can be read, or LR cannot be made as asked, see `making_of`.
    """
    making = making_of(source, config)
    if making is None:
        found, broken = [], []
        for lr, hr in zip(source.lr, source.folders, strict=True):
            matched, failed = load_pairs(
                data / lr, data / hr, config.scale, config.channels, source, store
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
        groups, broken = made_pairs(paths, config.channels, making, store)
        found = [pair for group in groups.values() for pair in group]
    if broken:
        warnings.warn(left_out(broken), stacklevel=2)
    if not found:
        why = f": {left_out(broken)}" if broken else ""
        raise ValueError(f"no image in {', '.join(source.folders)} below {data} can be used{why}")
    return found


def made_pairs(
    paths: Sequence[Path],
    channels: int,
    making: Making,
    store: PixelStore,
    *,
    least: int = 1,
    varied: bool = False,
) -> tuple[dict[Path, list[StoredPair]], list[tuple[Path, str]]]:
    """Read HR images and make the LR of each of their planes.

    Parameters
    ----------
    paths, channels, making, shelf
        What is read, what it is brought to, how LR is made and where the pixels are kept.
    least
        Pixels that LR must have along Y and X.
    varied
        Whether planes of a single value are left out.

    Returns
    -------
    dict
        File → its pairs, a pair for each LR of each plane.
    list of (Path, str)
        The files that cannot be read, or not be used in part or whole, and why.
    """
    groups: dict[Path, list[StoredPair]] = {}
    broken, done = [], 0
    for path in paths:
        planes, failed = read_all(path)
        broken += failed
        try:
            good, why = usable(planes, least * making.scale, varied=varied)
            own = [p for n, plane in good for p in making.pairs(plane, channels, done + n, store)]
        except UNREADABLE as error:  # of a file that is read only now
            own, why = [], f"{type(error).__name__}: {error}"
        if why:
            broken.append((path, why))
        if own:
            groups[path] = own
        done += len(planes)
    return groups, broken


def read_all(path: Path) -> tuple[list[Stored], list[tuple[Path, str]]]:
    """Read every plane of a file; where it cannot be read return none, and why."""
    try:
        return read_planes(path), []
    except UNREADABLE as error:
        return [], [(path, f"{type(error).__name__}: {error}")]


def left_out(broken: list[tuple[Path, str]]) -> str:
    """Say which files were left out: how many, and by name, the first ones of very many."""
    named = "; ".join(f"{path} ({error})" for path, error in broken[:NAMED])
    more = f"; and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
    return f"{len(broken)} left out: {named}{more}"


def describe_lr(config: Config) -> str:
    """Say for the card how the LR images of a configuration came about."""
    makings = [making_of(source, config) for source in config.sources]
    ways = [REAL if making is None else making.describe() for making in makings]
    return "; or ".join(dict.fromkeys(ways))
