"""Folders of real LR/HR pairs: matching by name, validation, measurement of the alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from napari_srgan.nn.resample import bicubic_down

from ..config import Source
from ..images import (
    UNREADABLE,
    Array,
    Image,
    PixelStore,
    as_scaled,
    find_images,
    quantize_8bit,
    read_planes,
    to_image,
)
from .patches import StoredPair
from .screening import unusable_reason

MAX_SHIFT = 0.5
"""shift in LR pixels above which a pair is reported"""
MIN_CORRELATION = 0.5
"""correlation of LR and reduced HR below which a pair is refused"""


@dataclass(frozen=True)
class AlignedPair:
    """A real LR/HR pair with its intensity correction and its alignment."""

    name: str
    """file name without suffix, with the index of the plane if there are several"""
    pair: StoredPair
    scale: int
    gain: float = 1.0
    """factor that was applied to HR to match the contrast of LR"""
    offset: float = 0.0
    """offset on [0, 1] that was added to HR to match the brightness of LR"""

    @cached_property
    def shift(self) -> tuple[float, float]:
        """Shift of HR relative to LR along Y and X in LR pixels, measured on first access."""
        return alignment(self.pair.lr[:], self.pair.hr[:], self.scale)


def match_names(lr: Path, hr: Path) -> list[tuple[Path, Path]]:
    """Match the files of two folders by their names without suffix.

    Raises
    ------
    ValueError
        If a file of either folder is unmatched, naming the first five.
    """
    lr_files, hr_files = ({p.stem: p for p in find_images(folder)} for folder in (lr, hr))
    unmatched = [
        f"{path.name} in {folder}"
        for here, there, folder in ((lr_files, hr_files, lr), (hr_files, lr_files, hr))
        for stem, path in here.items()
        if stem not in there
    ]
    if unmatched:
        raise ValueError(
            f"{len(unmatched)} files have no partner of the same name: {', '.join(unmatched[:5])}"
        )
    return [(lr_files[stem], hr_files[stem]) for stem in sorted(lr_files)]


def load_pairs(
    lr: Path,
    hr: Path,
    scale: int,
    channels: int,
    source: Source,
    store: PixelStore,
    *,
    min_side: int = 1,
    require_contrast: bool = False,
) -> tuple[list[AlignedPair], list[tuple[Path, str]]]:
    """Read all pairs of two folders; return them and the skipped files with the reasons.

    Parameters
    ----------
    lr, hr
        Folders whose files have the same names.
    scale
        Factor by which HR is larger along Y and X.
    channels
        Number of channels, 1 or 3, that both are converted to.
    source
        Source with the settings ``lr_grid`` and ``harmonise``.
    shelf
        Storage of the pixels.
    min_side
        Minimum number of LR pixels along Y and X.
    require_contrast
        Whether constant planes are skipped.

    Raises
    ------
    ValueError
        If names do not match, HR is not exactly ``scale`` times as large as LR, the bit depths
        of a pair differ, or its images do not correlate.

    Notes
    -----
    Both images of a pair are scaled to [0, 1] by the percentiles of the LR image, since HR is not
    known at inference.
    """
    pairs, broken = [], []
    for lr_path, hr_path in match_names(lr, hr):
        try:
            planes = [read_planes(path) for path in (lr_path, hr_path)]
        except UNREADABLE as error:
            broken.append((lr_path, f"{type(error).__name__}: {error}"))
            continue
        lr_planes, hr_planes = planes
        if lr_planes[0].dtype != hr_planes[0].dtype:
            raise ValueError(
                f"{lr_path.name}: LR is {lr_planes[0].dtype}, HR {hr_planes[0].dtype}; both must "
                "have one bit depth"
            )
        if len(lr_planes) != len(hr_planes):
            raise ValueError(f"{lr_path.name}: LR has {len(lr_planes)} planes, HR {len(hr_planes)}")
        for number, (a, b) in enumerate(zip(lr_planes, hr_planes, strict=True)):
            name = lr_path.stem if len(lr_planes) == 1 else f"{lr_path.stem}[{number}]"
            try:
                reason = unusable_reason(
                    a, 1, require_contrast=require_contrast
                ) or unusable_reason(b, 1, require_contrast=require_contrast)
            except UNREADABLE as error:  # lazy planes are read here
                reason = f"{type(error).__name__}: {error}"
            if reason:
                broken.append((lr_path.with_stem(name), reason))
                continue
            coarse = to_image(a)
            fine = to_image(b, like=coarse)
            coarse, fine = coarse.as_channels(channels), fine.as_channels(channels)
            if source.lr_grid == "hr":
                coarse = reduce_to_lr_grid(coarse, fine, scale, lr_path.name)
            check_sizes(coarse.pixels.shape, fine.pixels.shape, scale, lr_path.name)
            if reason := unusable_reason(b, min_side * scale):
                broken.append((hr_path.with_stem(name), reason))
                continue
            pair = StoredPair(*(store.store_pixels(as_scaled(i.pixels)) for i in (coarse, fine)))
            gain, offset = 1.0, 0.0
            if source.harmonise:
                pair, gain, offset = match_intensity(pair, scale, name)
            pairs.append(AlignedPair(name, pair, scale, gain, offset))
    return pairs, broken


def reduce_to_lr_grid(coarse: Image, fine: Image, scale: int, name: str) -> Image:
    """Reduce an LR image that was interpolated to the size of HR to the LR grid."""
    if coarse.pixels.shape != fine.pixels.shape:
        raise ValueError(
            f"{name}: LR is {coarse.pixels.shape[1:]}, HR {fine.pixels.shape[1:]}; with lr_grid hr "
            "both must have one size"
        )
    lr = bicubic_down(torch.from_numpy(coarse.pixels[:][None].copy()), scale)[0].numpy()
    return Image(quantize_8bit(lr) if coarse.eight_bit else lr, coarse.eight_bit)


def check_sizes(lr: Sequence[int], hr: Sequence[int], scale: int, name: str) -> None:
    """Raise ValueError if HR is not ``scale`` times as large as LR."""
    expected = tuple(n * scale for n in lr[1:])
    if tuple(hr[1:]) == expected:
        return
    why = ""
    if lr[1] > hr[1]:
        why = "; LR is larger than HR"
    elif tuple(lr) == tuple(hr):
        why = "; if LR was interpolated to the size of HR, say so (lr_grid: hr, --interpolated)"
    raise ValueError(
        f"{name}: HR is {tuple(hr[1:])}, but {scale} times LR {tuple(lr[1:])} is {expected}{why}"
    )


def match_intensity(pair: StoredPair, scale: int, name: str) -> tuple[StoredPair, float, float]:
    """Match brightness and contrast of HR to LR; return the pair, mean gain and mean offset.

    Gain and offset of each channel are fitted by linear least squares from the reduced HR to LR.

    Raises
    ------
    ValueError
        If the correlation of LR and reduced HR is below `MIN_CORRELATION`.
    """
    lr, hr = (p[:] for p in (pair.lr, pair.hr))
    reduced = bicubic_down(torch.from_numpy(hr[None].copy()), scale)[0].numpy()
    gains, offsets = [], []
    for a, b in zip(reduced.reshape(len(hr), -1), lr.reshape(len(lr), -1), strict=True):
        spread = a.std() * b.std()
        correlation = (
            float(np.mean((a - a.mean()) * (b - b.mean())) / spread) if spread > 0 else 1.0
        )
        if correlation < MIN_CORRELATION:
            raise ValueError(
                f"{name}: LR and HR correlate by {correlation:.2f} only; do they show the same "
                "place?"
            )
        gains.append(correlation * b.std() / a.std() if spread > 0 else 1.0)
        offsets.append(b.mean() - gains[-1] * a.mean())
    gain, offset = (np.reshape(v, (-1, 1, 1)).astype(np.float32) for v in (gains, offsets))
    # gain · (stored - low) / span + offset in the form (stored - low') / span'
    old = as_scaled(pair.hr)
    span = old.span / gain
    harmonised_hr = replace(old, low=old.low - offset * span, span=span)
    return replace(pair, hr=harmonised_hr), float(np.mean(gains)), float(np.mean(offsets))


def alignment(lr: Array, hr: Array, scale: int) -> tuple[float, float]:
    """Return the shift of HR relative to LR along Y and X in LR pixels, by phase correlation.

    HR is reduced first; the correlation peak is located to a twentieth of a pixel.
    Source: Guizar-Sicairos et al. 2008, *Efficient subpixel image registration algorithms*.
    """
    from skimage.registration import phase_cross_correlation

    reduced = bicubic_down(torch.from_numpy(hr[None].copy()), scale)[0].numpy()
    planes = [plane - plane.mean() for plane in (lr.mean(0), reduced.mean(0))]
    shift, *_ = phase_cross_correlation(*planes, upsample_factor=20, normalization=None)
    y, x = (float(-value) for value in shift)
    return y + 0.0, x + 0.0


def report(pairs: list[AlignedPair]) -> str:
    """Return a report of alignment and intensity correction, a line for each shifted pair."""
    shifts = np.array([each.shift for each in pairs])
    lines = [
        f"{len(pairs)} pairs; HR lies off by {np.abs(shifts).mean(0)[0]:.2f} (Y) and "
        f"{np.abs(shifts).mean(0)[1]:.2f} (X) LR pixels on average"
    ]
    gains, offsets = (np.array([getattr(p, n) for p in pairs]) for n in ("gain", "offset"))
    if abs(gains - 1).max() > 0.02 or abs(offsets).max() > 0.02:
        lines.append(
            f"HR was given the brightness of its LR: multiplied by {gains.min():.2f} to "
            f"{gains.max():.2f}, {offsets.min():+.2f} to {offsets.max():+.2f} added (of 0 to 1)"
        )
    lines += [
        f"  {each.name}: HR lies off by {each.shift[0]:+.2f}, {each.shift[1]:+.2f} LR pixels; "
        "register it before training"
        for each in pairs
        if max(map(abs, each.shift)) > MAX_SHIFT
    ]
    return "\n".join(lines)
