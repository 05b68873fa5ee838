"""What a model is fine-tuned on: pairs of images, found in a folder and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Source
from ..data.datasets import (
    REAL_LR,
    describe_skipped,
    synthesise_pairs,
    try_read_planes,
)
from ..data.lr_images import LRSynthesis, degradation_of
from ..data.pairs import load_pairs, report
from ..data.patches import StoredPair
from ..images import PixelStore, find_images

HELD_OUT = 0.15
"""part of the images that is kept for the comparison"""
NEEDED = 0.05
"""dB by which a model must beat its start to be called better"""
LEAST_SIDE = 8
"""LR pixels along Y and X of the smallest image that is trained on"""


@dataclass(frozen=True)
class Material:
    """What was found in a folder."""

    train: list[StoredPair]
    held_out: list[StoredPair]
    channels: int
    degradation: str
    """how LR came about, in words"""
    note: str = ""
    """what a person should know of the images"""
    paired: bool = False
    """whether LR was not made but found"""


def look_at(
    folder: Path,
    scale: int,
    degradation: Any = "bicubic",
    *,
    interpolated: bool = False,
    harmonise: bool = True,
    seed: int = 0,
) -> Material:
    """Read a folder of pairs (subfolders ``LR`` and ``HR``) or of HR images, and split it.

    The split is by image, never by patch; planes of one volume stay together. What cannot be read,
    has less than `LEAST_SIDE` pixels in LR or is constant is left out, and named in the note.

    Parameters
    ----------
    folder
        What to train on.
    scale
        How many times finer HR is.
    degradation
        Makes the LR of HR images only.
    interpolated
        Whether LR images have the size of HR, so that they are reduced first.
    harmonise
        Whether HR is given the brightness of its LR.
    seed
        Of the split.

    Raises
    ------
    ValueError
        If the images cannot be used, saying why: unmatched names, wrong sizes, too few.
    """
    pairs = paired_folders(folder)
    if pairs:
        source = Source(
            (pairs[1].name,),
            lr=(pairs[0].name,),
            lr_grid="hr" if interpolated else "lr",
            harmonise=harmonise,
        )
        found = real_pairs(*pairs, scale, source)
    else:
        found = reduced_images(folder, scale, degradation, seed)
    groups = found.groups
    if len(groups) < 2:
        why = f" ({describe_skipped(found.broken)})" if found.broken else ""
        raise ValueError(
            f"{folder}: {len(groups)} usable image{'s' * (not groups)}; at least two are needed, "
            f"since one is held out to measure on{why}"
        )
    names = list(groups)
    np.random.default_rng(seed).shuffle(names)
    count = max(1, round(HELD_OUT * len(names)))
    return Material(
        [pair for name in names[count:] for pair in groups[name]],
        [pair for name in names[:count] for pair in groups[name]],
        found.channels,
        found.degradation,
        found.note,
        paired=bool(pairs),
    )


def paired_folders(folder: Path) -> tuple[Path, Path] | None:
    """Return the subfolders LR and HR, in capitals or not, where both are there."""
    lr, hr = (next((p for p in sorted(folder.iterdir()) if p.name.lower() == n), None)
              for n in ("lr", "hr"))  # fmt: skip
    return None if lr is None or hr is None else (lr, hr)


@dataclass(frozen=True)
class Found:
    """The pairs of a folder, those of one file together."""

    groups: dict[str, list[StoredPair]]
    channels: int
    degradation: str
    note: str
    broken: list[tuple[Path, str]]
    """files that were left out, and why"""


def real_pairs(lr: Path, hr: Path, scale: int, source: Source) -> Found:
    """Read folders of LR and HR images."""
    channels = channels_of(find_images(hr))
    aligned, broken = load_pairs(
        lr, hr, scale, channels, source, PixelStore(), min_side=LEAST_SIDE, require_contrast=True
    )
    groups: dict[str, list[StoredPair]] = {}
    for each in aligned:
        groups.setdefault(each.name.split("[")[0], []).append(each.pair)
    note = report(aligned) if aligned else "no pair can be used"
    return Found(groups, channels, REAL_LR, with_broken(note, broken), broken)


def reduced_images(folder: Path, scale: int, degradation: Any, seed: int) -> Found:
    """Read HR images and make their LR."""
    paths = find_images(folder)
    channels = channels_of(paths)
    synthesis = LRSynthesis(scale, degradation_of(degradation), seed=seed)
    groups, broken = synthesise_pairs(
        paths, channels, synthesis, PixelStore(), min_side=LEAST_SIDE, require_contrast=True
    )
    note = with_broken(f"{len(paths)} files", broken)
    named = {str(path): group for path, group in groups.items()}
    return Found(named, channels, synthesis.describe(), note, broken)


def with_broken(note: str, broken: list[tuple[Path, str]]) -> str:
    """Add to a note which files were left out."""
    return f"{note}; {describe_skipped(broken)}" if broken else note


def channels_of(paths: Sequence[Path]) -> int:
    """Return 3 where the images are RGB, else 1; the first that can be read decides."""
    broken = []
    for path in paths:
        planes, failed = try_read_planes(path)
        broken += failed
        if planes:
            return len(planes[0])
    raise ValueError(f"none of {len(paths)} files can be read: {describe_skipped(broken)}")
