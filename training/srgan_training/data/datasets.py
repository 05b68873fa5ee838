"""Reading of image folders into LR/HR pairs and patch samplers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from ..config import Config, Source
from ..images import UNREADABLE, PixelStore, Stored, find_images, read_planes
from .distillation import add_teacher_targets, teacher_of
from .lr_images import LRSynthesis, lr_synthesis_of
from .pairs import load_pairs
from .patches import PatchSampler, StoredPair
from .screening import MAX_NAMED_FILES, usable_planes

REAL_LR = "real LR images"
"""description of LR images that were read rather than synthesised, for the model card"""


def make_sampler(config: Config, data: Path) -> PatchSampler:
    """Read all sources of a configuration and return a sampler of their patches.

    Raises
    ------
    ValueError
        If a source is invalid; all sources are validated before the first one is read.
    """
    for source in config.sources:
        lr_synthesis_of(source, config)
        teacher_of(source, config)
    store = PixelStore()
    sources = [load_source(source, data, config, store) for source in config.sources]
    if config.teacher or any(source.teacher for source in config.sources):
        sources = add_teacher_targets(sources, config, store)
    return sampler_of(sources, [source.weight for source in config.sources], config)


def sampler_of(
    sources: Sequence[Sequence[StoredPair]], weights: Sequence[float], config: Config
) -> PatchSampler:
    """Return a sampler of patches from pairs, with the settings of a configuration."""
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
    """Read the images of one source and synthesise their LR images.

    If the source has LR folders, their images are read instead. Unreadable and unusable files are
    skipped with a warning that names and counts them.

    Raises
    ------
    ValueError
        If no image can be used, or the LR settings are invalid, see `lr_synthesis_of`.
    """
    synthesis = lr_synthesis_of(source, config)
    if synthesis is None:
        pairs, broken = [], []
        for lr, hr in zip(source.lr, source.folders, strict=True):
            matched, failed = load_pairs(
                data / lr, data / hr, config.scale, config.channels, source, store
            )
            pairs += [each.pair for each in matched]
            broken += failed
    else:
        paths = [
            path
            for folder in source.folders
            for path in find_images(data / folder)
            if not any((data / e) in path.parents for e in source.exclude)
        ]
        groups, broken = synthesise_pairs(paths, config.channels, synthesis, store)
        pairs = [pair for group in groups.values() for pair in group]
    if broken:
        warnings.warn(describe_skipped(broken), stacklevel=2)
    if not pairs:
        why = f": {describe_skipped(broken)}" if broken else ""
        raise ValueError(f"no image in {', '.join(source.folders)} below {data} can be used{why}")
    return pairs


def synthesise_pairs(
    paths: Sequence[Path],
    channels: int,
    synthesis: LRSynthesis,
    store: PixelStore,
    *,
    min_side: int = 1,
    require_contrast: bool = False,
) -> tuple[dict[Path, list[StoredPair]], list[tuple[Path, str]]]:
    """Read HR images and synthesise LR images for each of their planes.

    Parameters
    ----------
    paths
        HR image files.
    channels
        Number of channels that the images are converted to, 1 or 3.
    synthesis
        Synthesis of the LR images.
    store
        Storage of the pixels.
    min_side
        Minimum number of LR pixels along Y and X.
    require_contrast
        Whether constant planes are skipped.

    Returns
    -------
    dict
        Pairs by file, one for each LR image of each plane.
    list of (Path, str)
        Files that were skipped, in part or as a whole, each with the reason.
    """
    groups: dict[Path, list[StoredPair]] = {}
    broken, planes_read = [], 0
    for path in paths:
        planes, failed = try_read_planes(path)
        broken += failed
        try:
            usable, reason = usable_planes(
                planes, min_side * synthesis.scale, require_contrast=require_contrast
            )
            file_pairs = [
                p
                for n, plane in usable
                for p in synthesis.pairs(plane, channels, planes_read + n, store)
            ]
        except UNREADABLE as error:  # lazy planes are read here
            file_pairs, reason = [], f"{type(error).__name__}: {error}"
        if reason:
            broken.append((path, reason))
        if file_pairs:
            groups[path] = file_pairs
        planes_read += len(planes)
    return groups, broken


def try_read_planes(path: Path) -> tuple[list[Stored], list[tuple[Path, str]]]:
    """Return the planes of a file; an unreadable file is returned with the reason instead."""
    try:
        return read_planes(path), []
    except UNREADABLE as error:
        return [], [(path, f"{type(error).__name__}: {error}")]


def describe_skipped(broken: list[tuple[Path, str]]) -> str:
    """Return a message that counts the skipped files and names the first `MAX_NAMED_FILES`."""
    named = "; ".join(f"{path} ({error})" for path, error in broken[:MAX_NAMED_FILES])
    more = f"; and {len(broken) - MAX_NAMED_FILES} more" if len(broken) > MAX_NAMED_FILES else ""
    return f"{len(broken)} left out: {named}{more}"


def describe_lr(config: Config) -> str:
    """Describe the origin of the LR images of a configuration, for the model card."""
    syntheses = [lr_synthesis_of(source, config) for source in config.sources]
    descriptions = [
        REAL_LR if synthesis is None else synthesis.describe() for synthesis in syntheses
    ]
    return "; or ".join(dict.fromkeys(descriptions))
