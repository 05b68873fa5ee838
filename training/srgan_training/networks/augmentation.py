"""Differentiable augmentation of the inputs of a discriminator (Zhao et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Kind = Literal["translation", "colour", "cutout"]
"""name of an augmentation"""
KINDS: tuple[Kind, ...] = get_args(Kind)
"""names of all augmentations"""
MAX_SHIFT = 1 / 8
"""maximum translation, as a fraction of the side of the image"""
CUTOUT_SIDE = 1 / 2
"""side of the cutout square, as a fraction of the side of the image"""


@dataclass(frozen=True)
class Augmentation:
    """Random parameters of an augmentation that is applied to real and generated images alike.

    Source: Zhao et al. 2020, *Differentiable Augmentation for Data-Efficient GAN Training*,
    arXiv:2006.10738, section 3, with the same magnitudes.
    """

    shifts: Tensor | None = None
    """translation of each image along Y and X in pixels, ``(N, 2)``"""
    colours: Tensor | None = None
    """brightness offset, saturation factor and contrast factor of each image, ``(N, 3)``"""
    cuts: Tensor | None = None
    """row and column of the centre of the cutout square of each image, ``(N, 2)``"""

    def __call__(self, x: Tensor) -> Tensor:
        """Augment images ``(N, C, H, W)``; the operation is differentiable."""
        if self.colours is not None:
            brightness, saturation, contrast = (
                part.to(x)[:, None, None, None] for part in self.colours.unbind(1)
            )
            x = x + brightness
            grey = x.mean(1, keepdim=True)
            x = (x - grey) * saturation + grey
            mean = x.mean((1, 2, 3), keepdim=True)
            x = (x - mean) * contrast + mean
        if self.shifts is not None:
            x = translate(x, self.shifts)
        if self.cuts is not None:
            x = x * cutout_mask(self.cuts, x.shape[-2:]).to(x)
        return x


def draw(kinds: Sequence[Kind], shape: Sequence[int], seed: Sequence[int]) -> Augmentation:
    """Draw an augmentation for images of a shape ``(N, C, H, W)``.

    The same seed gives the same augmentation, so that a resumed run repeats an uninterrupted one.
    """
    rng = np.random.default_rng(list(seed))
    number, (height, width) = shape[0], shape[-2:]
    # All parameters are drawn, so that one kind does not change the random numbers of the others.
    largest = [round(MAX_SHIFT * height), round(MAX_SHIFT * width)]
    shifts = rng.integers([-m for m in largest], [m + 1 for m in largest], (number, 2))
    colours = rng.random((number, 3)) * [1, 2, 1] + [-0.5, 0, 0.5]
    cuts = rng.integers(0, [height, width], (number, 2))
    return Augmentation(
        torch.from_numpy(shifts) if "translation" in kinds else None,
        torch.from_numpy(colours) if "colour" in kinds else None,
        torch.from_numpy(cuts) if "cutout" in kinds else None,
    )


def translate(x: Tensor, shifts: Tensor) -> Tensor:
    """Translate each image by whole pixels, zero-padded."""
    height, width = x.shape[-2:]
    largest = int(shifts.abs().max())
    padded = F.pad(x, (largest, largest, largest, largest))
    parts = [
        image[:, largest - dy : largest - dy + height, largest - dx : largest - dx + width]
        for image, (dy, dx) in zip(padded, shifts.tolist(), strict=True)
    ]
    return torch.stack(parts)


def cutout_mask(cuts: Tensor, size: Sequence[int]) -> Tensor:
    """Return a mask ``(N, 1, H, W)`` that is 0 within the squares centred at ``cuts``, else 1."""
    inside = []
    for axis, side in enumerate(size):
        places = torch.arange(side, device=cuts.device)
        half = max(1, round(CUTOUT_SIDE * side) // 2)
        inside.append((places - cuts[:, axis : axis + 1] + half).div(2 * half).floor() == 0)
    rows, columns = inside
    return 1 - (rows[:, None, :, None] & columns[:, None, None, :]).float()
