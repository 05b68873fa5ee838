"""Folders of real LR/HR pairs: matched by name, checked, their alignment measured."""

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
from .screening import unusable

FAR = 0.5
"""shift in LR pixels beyond which a pair is reported"""
ALIKE = 0.5
"""correlation below which LR and HR are not taken for a pair"""


@dataclass(frozen=True)
class Aligned:
    """A pair of files and how they lie on each other."""

    name: str
    pair: StoredPair
    scale: int
    gain: float = 1.0
    offset: float = 0.0
    """what HR was multiplied by and what was added to it, on [0, 1], to look like LR"""

    @cached_property
    def shift(self) -> tuple[float, float]:
        """Of the HR against the LR image, in LR pixels along Y and X; measured when asked for."""
        return alignment(self.pair.lr[:], self.pair.hr[:], self.scale)


def match_names(lr: Path, hr: Path) -> list[tuple[Path, Path]]:
    """Pair the files of two folders by their names without suffix.

    Raises
    ------
    ValueError
        If a file of either folder has no partner, naming the first ones.
    """
    ours, theirs = ({p.stem: p for p in find_images(folder)} for folder in (lr, hr))
    alone = [
        f"{path.name} in {folder}"
        for here, there, folder in ((ours, theirs, lr), (theirs, ours, hr))
        for stem, path in here.items()
        if stem not in there
    ]
    if alone:
        raise ValueError(
            f"{len(alone)} files have no partner of the same name: {', '.join(alone[:5])}"
        )
    return [(ours[stem], theirs[stem]) for stem in sorted(ours)]


def load_pairs(
    lr: Path,
    hr: Path,
    scale: int,
    channels: int,
    source: Source,
    store: PixelStore,
    *,
    least: int = 1,
    varied: bool = False,
) -> tuple[list[Aligned], list[tuple[Path, str]]]:
    """Read all pairs of two folders; return them, and the files that are left out with why.

    Parameters
    ----------
    lr, hr
        Folders whose files have the same names.
    scale
        How many times finer HR is.
    channels
        1 or 3, to which both are brought.
    source
        How they belong together: its ``lr_grid`` and ``harmonise``.
    shelf
        Where the pixels are kept.
    least
        Pixels that LR must have along Y and X.
    varied
        Whether planes of a single value are left out.

    Raises
    ------
    ValueError
        If names do not match, HR is not exactly ``scale`` times as large as LR, the bit depths
        of a pair differ, or its images do not show the same.

    Notes
    -----
    Both images of a pair are put on [0, 1] by the map of the LR image, which is all that is known
    when the model is used.
    """
    found, broken = [], []
    for low, high in match_names(lr, hr):
        try:
            planes = [read_planes(path) for path in (low, high)]
        except UNREADABLE as error:
            broken.append((low, f"{type(error).__name__}: {error}"))
            continue
        lows, highs = planes
        if lows[0].dtype != highs[0].dtype:
            raise ValueError(
                f"{low.name}: LR is {lows[0].dtype}, HR {highs[0].dtype}; both must have one bit "
                "depth"
            )
        if len(lows) != len(highs):
            raise ValueError(f"{low.name}: LR has {len(lows)} planes, HR {len(highs)}")
        for number, (a, b) in enumerate(zip(lows, highs, strict=True)):
            name = low.stem if len(lows) == 1 else f"{low.stem}[{number}]"
            try:
                why = unusable(a, 1, varied=varied) or unusable(b, 1, varied=varied)
            except UNREADABLE as error:  # of a file that is read only now
                why = f"{type(error).__name__}: {error}"
            if why:
                broken.append((low.with_stem(name), why))
                continue
            coarse = to_image(a)
            fine = to_image(b, like=coarse)
            coarse, fine = coarse.as_channels(channels), fine.as_channels(channels)
            if source.lr_grid == "hr":
                coarse = reduced_to_grid(coarse, fine, scale, low.name)
            check_sizes(coarse.pixels.shape, fine.pixels.shape, scale, low.name)
            if why := unusable(b, least * scale):
                broken.append((high.with_stem(name), why))
                continue
            pair = StoredPair(*(store.store_pixels(as_scaled(i.pixels)) for i in (coarse, fine)))
            gain, offset = 1.0, 0.0
            if source.harmonise:
                pair, gain, offset = harmonised(pair, scale, name)
            found.append(Aligned(name, pair, scale, gain, offset))
    return found, broken


def reduced_to_grid(coarse: Image, fine: Image, scale: int, name: str) -> Image:
    """Return an LR image that was interpolated to the size of its HR image on its own grid."""
    if coarse.pixels.shape != fine.pixels.shape:
        raise ValueError(
            f"{name}: LR is {coarse.pixels.shape[1:]}, HR {fine.pixels.shape[1:]}; with lr_grid hr "
            "both must have one size"
        )
    lr = bicubic_down(torch.from_numpy(coarse.pixels[:][None].copy()), scale)[0].numpy()
    return Image(quantize_8bit(lr) if coarse.eight_bit else lr, coarse.eight_bit)


def check_sizes(lr: Sequence[int], hr: Sequence[int], scale: int, name: str) -> None:
    """Refuse a pair whose HR image is not ``scale`` times as large as its LR image."""
    wanted = tuple(n * scale for n in lr[1:])
    if tuple(hr[1:]) == wanted:
        return
    why = ""
    if lr[1] > hr[1]:
        why = "; LR is larger than HR"
    elif tuple(lr) == tuple(hr):
        why = "; if LR was interpolated to the size of HR, say so (lr_grid: hr, --interpolated)"
    raise ValueError(
        f"{name}: HR is {tuple(hr[1:])}, but {scale} times LR {tuple(lr[1:])} is {wanted}{why}"
    )


def harmonised(pair: StoredPair, scale: int, name: str) -> tuple[StoredPair, float, float]:
    """Give HR the brightness and contrast of LR; return the pair and HR's mean gain and offset.

    Gain and offset of each channel are those of a least-squares line from the reduced HR to LR.

    Raises
    ------
    ValueError
        If the two correlate by less than 0.5, so hardly show the same.
    """
    lr, hr = (p[:] for p in (pair.lr, pair.hr))
    reduced = bicubic_down(torch.from_numpy(hr[None].copy()), scale)[0].numpy()
    gains, offsets = [], []
    for a, b in zip(reduced.reshape(len(hr), -1), lr.reshape(len(lr), -1), strict=True):
        spread = a.std() * b.std()
        alike = float(np.mean((a - a.mean()) * (b - b.mean())) / spread) if spread > 0 else 1.0
        if alike < ALIKE:
            raise ValueError(
                f"{name}: LR and HR correlate by {alike:.2f} only; do they show the same place?"
            )
        gains.append(alike * b.std() / a.std() if spread > 0 else 1.0)
        offsets.append(b.mean() - gains[-1] * a.mean())
    gain, offset = (np.reshape(v, (-1, 1, 1)).astype(np.float32) for v in (gains, offsets))
    # gain · (stored - low) / span + offset, written as a map of the same form
    old = as_scaled(pair.hr)
    span = old.span / gain
    brought = replace(old, low=old.low - offset * span, span=span)
    return replace(pair, hr=brought), float(np.mean(gains)), float(np.mean(offsets))


def alignment(lr: Array, hr: Array, scale: int) -> tuple[float, float]:
    """Return by how many LR pixels HR is shifted against LR, by phase correlation.

    HR is reduced first; the peak of the correlation is found to a twentieth of a pixel.
    Source: Guizar-Sicairos et al. 2008, *Efficient subpixel image registration algorithms*.
    """
    from skimage.registration import phase_cross_correlation

    reduced = bicubic_down(torch.from_numpy(hr[None].copy()), scale)[0].numpy()
    planes = [plane - plane.mean() for plane in (lr.mean(0), reduced.mean(0))]
    shift, *_ = phase_cross_correlation(*planes, upsample_factor=20, normalization=None)
    y, x = (float(-value) for value in shift)
    return y + 0.0, x + 0.0


def report(pairs: list[Aligned]) -> str:
    """Say how well pairs are aligned, in lines."""
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
        if max(map(abs, each.shift)) > FAR
    ]
    return "\n".join(lines)
