"""Folders of real LR/HR pairs: matched by name, checked, their alignment measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from napari_srgan.nn.resample import bicubic_down

from .images import Array, find_images, read_pixels, to_images
from .patches import Pair

FAR = 0.5
"""shift in LR pixels beyond which a pair is reported"""


@dataclass(frozen=True)
class Aligned:
    """A pair of files and how they lie on each other."""

    name: str
    pair: Pair
    scale: int

    @cached_property
    def shift(self) -> tuple[float, float]:
        """Of the HR against the LR image, in LR pixels along Y and X; measured when asked for."""
        return alignment(self.pair.lr, self.pair.hr, self.scale)


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


def load_pairs(lr: Path, hr: Path, scale: int, channels: int) -> list[Aligned]:
    """Read all pairs of two folders.

    Parameters
    ----------
    lr, hr
        Folders whose files have the same names.
    scale
        How many times finer HR is.
    channels
        1 or 3, to which both are brought.

    Raises
    ------
    ValueError
        If names do not match, HR is not exactly ``scale`` times as large as LR, or the bit depths
        of a pair differ.
    """
    found = []
    for lr_path, hr_path in match_names(lr, hr):
        low, high = read_pixels(lr_path), read_pixels(hr_path)
        if low.dtype != high.dtype:
            raise ValueError(
                f"{lr_path.name}: LR is {low.dtype}, HR {high.dtype}; both must have one bit depth"
            )
        lows, highs = to_images(low), to_images(high)
        if len(lows) != len(highs):
            raise ValueError(f"{lr_path.name}: LR has {len(lows)} planes, HR {len(highs)}")
        for number, images in enumerate(zip(lows, highs, strict=True)):
            a, b = (image.as_channels(channels).pixels for image in images)
            wanted = tuple(n * scale for n in a.shape[1:])
            if b.shape[1:] != wanted:
                larger = "; LR is larger than HR" if a.shape[1] > b.shape[1] else ""
                raise ValueError(
                    f"{lr_path.name}: HR is {b.shape[1:]}, but {scale} times LR {a.shape[1:]} is "
                    f"{wanted}{larger}"
                )
            name = lr_path.stem if len(lows) == 1 else f"{lr_path.stem}[{number}]"
            found.append(Aligned(name, Pair(a, b), scale))
    return found


def alignment(lr: Array, hr: Array, scale: int) -> tuple[float, float]:
    """Return by how many LR pixels HR is shifted against LR, by phase correlation.

    HR is reduced first; the peak of the correlation is found to a twentieth of a pixel.
    Source: Guizar-Sicairos et al. 2008, *Efficient subpixel image registration algorithms*.
    """
    import torch
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
    lines += [
        f"  {each.name}: HR lies off by {each.shift[0]:+.2f}, {each.shift[1]:+.2f} LR pixels; "
        "register it before training"
        for each in pairs
        if max(map(abs, each.shift)) > FAR
    ]
    return "\n".join(lines)
