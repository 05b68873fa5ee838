"""Data set for fine-tuning: LR/HR pairs from a folder, validated and split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Source
from ..data.datasets import REAL_LR, describe_skipped, synthesise_pairs, try_read_planes
from ..data.lr_images import LRSynthesis, degradation_of
from ..data.pairs import load_pairs, report
from ..data.patches import StoredPair
from ..images import PixelStore, find_images

HELD_OUT_FRACTION = 0.15
"""fraction of the images that is held out for evaluation"""
MIN_GAIN_DB = 0.05
"""minimum gain in PSNR over the start for a model to count as better"""
MIN_SIDE = 8
"""minimum number of LR pixels of training images along Y and X"""


@dataclass(frozen=True)
class FinetuneData:
    """Training and held-out pairs of a folder."""

    train: list[StoredPair]
    """pairs for training"""
    held_out: list[StoredPair]
    """pairs for evaluation"""
    channels: int
    """number of channels, 1 or 3"""
    degradation: str
    """description of the degradation, for the model card"""
    note: str = ""
    """remarks about the images for the user"""
    paired: bool = False
    """whether LR images were read rather than synthesised"""


def load_dataset(
    folder: Path,
    scale: int,
    degradation: Any = "bicubic",
    *,
    interpolated: bool = False,
    harmonise: bool = True,
    seed: int = 0,
) -> FinetuneData:
    """Load a folder of pairs (subfolders ``LR`` and ``HR``) or of HR images, and split it.

    The split is by image file; planes of one volume stay together. Images that are unreadable,
    constant, or have fewer than `MIN_SIDE` LR pixels along an axis are skipped and named in the
    note.

    Parameters
    ----------
    folder
        Folder of the images.
    scale
        Factor by which HR is larger along Y and X.
    degradation
        Degradation that makes LR in a folder of HR images only.
    interpolated
        Whether LR images were interpolated to the size of HR and are to be reduced.
    harmonise
        Whether brightness and contrast of HR are matched to LR.
    seed
        Seed of the split and of the degradation.

    Raises
    ------
    ValueError
        If names do not match, sizes are wrong, or there are fewer than two usable images.
    """
    pairs = find_paired_folders(folder)
    if pairs:
        source = Source(
            (pairs[1].name,),
            lr=(pairs[0].name,),
            lr_grid="hr" if interpolated else "lr",
            harmonise=harmonise,
        )
        loaded = load_real_pairs(*pairs, scale, source)
    else:
        loaded = load_hr_images(folder, scale, degradation, seed)
    groups = loaded.groups
    if len(groups) < 2:
        why = f" ({describe_skipped(loaded.skipped)})" if loaded.skipped else ""
        raise ValueError(
            f"{folder}: {len(groups)} usable image{'s' * (not groups)}; at least two are needed, "
            f"since one is held out to measure on{why}"
        )
    names = list(groups)
    np.random.default_rng(seed).shuffle(names)
    count = max(1, round(HELD_OUT_FRACTION * len(names)))
    return FinetuneData(
        [pair for name in names[count:] for pair in groups[name]],
        [pair for name in names[:count] for pair in groups[name]],
        loaded.channels,
        loaded.degradation,
        loaded.note,
        paired=bool(pairs),
    )


def find_paired_folders(folder: Path) -> tuple[Path, Path] | None:
    """Return the subfolders ``LR`` and ``HR`` in any case of letters, if both exist."""
    lr, hr = (next((p for p in sorted(folder.iterdir()) if p.name.lower() == n), None)
              for n in ("lr", "hr"))  # fmt: skip
    return None if lr is None or hr is None else (lr, hr)


@dataclass(frozen=True)
class LoadedGroups:
    """Pairs of a folder, grouped by file."""

    groups: dict[str, list[StoredPair]]
    """pairs by file"""
    channels: int
    """number of channels, 1 or 3"""
    degradation: str
    """description of the degradation"""
    note: str
    """remarks for the user"""
    skipped: list[tuple[Path, str]]
    """skipped files with the reasons"""


def load_real_pairs(lr: Path, hr: Path, scale: int, source: Source) -> LoadedGroups:
    """Load folders of LR and HR images."""
    channels = channels_of(find_images(hr))
    aligned, skipped = load_pairs(
        lr, hr, scale, channels, source, PixelStore(), min_side=MIN_SIDE, require_contrast=True
    )
    groups: dict[str, list[StoredPair]] = {}
    for each in aligned:
        groups.setdefault(each.name.split("[")[0], []).append(each.pair)
    note = report(aligned) if aligned else "no pair can be used"
    return LoadedGroups(groups, channels, REAL_LR, note_with_skipped(note, skipped), skipped)


def load_hr_images(folder: Path, scale: int, degradation: Any, seed: int) -> LoadedGroups:
    """Load HR images and synthesise their LR images."""
    paths = find_images(folder)
    channels = channels_of(paths)
    synthesis = LRSynthesis(scale, degradation_of(degradation), seed=seed)
    groups, skipped = synthesise_pairs(
        paths, channels, synthesis, PixelStore(), min_side=MIN_SIDE, require_contrast=True
    )
    note = note_with_skipped(f"{len(paths)} files", skipped)
    named = {str(path): group for path, group in groups.items()}
    return LoadedGroups(named, channels, synthesis.describe(), note, skipped)


def note_with_skipped(note: str, skipped: list[tuple[Path, str]]) -> str:
    """Append the skipped files to a note."""
    return f"{note}; {describe_skipped(skipped)}" if skipped else note


def channels_of(paths: Sequence[Path]) -> int:
    """Return the number of channels, 3 for RGB or 1, of the first readable image."""
    skipped = []
    for path in paths:
        planes, failed = try_read_planes(path)
        skipped += failed
        if planes:
            return len(planes[0])
    raise ValueError(f"none of {len(paths)} files can be read: {describe_skipped(skipped)}")
