"""Augmentation that gradients pass through, of what a discriminator sees (Zhao et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Kind = Literal["translation", "colour", "cutout"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SHIFT = 1 / 8
"""of the side, by which an image is shifted at most"""
CUT = 1 / 2
"""side of the square that is cut out, of that of the image"""


@dataclass(frozen=True)
class Augmentation:
    """One draw, which is applied to real and to generated images alike.

    Source: Zhao et al. 2020, *Differentiable Augmentation for Data-Efficient GAN Training*,
    arXiv:2006.10738, section 3; sizes as there.
    """

    shifts: Tensor | None = None
    """pixels along Y and X of each image, ``(N, 2)``"""
    colours: Tensor | None = None
    """brightness to add, factor of the colours' distance from grey, and of the contrast,
    ``(N, 3)``"""
    cuts: Tensor | None = None
    """row and column of the middle of each image's square, ``(N, 2)``"""

    def __call__(self, x: Tensor) -> Tensor:
        """Return images ``(N, C, H, W)`` augmented; gradients pass through."""
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
            x = translated(x, self.shifts)
        if self.cuts is not None:
            x = x * kept(self.cuts, x.shape[-2:]).to(x)
        return x


def draw(kinds: Sequence[Kind], shape: Sequence[int], seed: Sequence[int]) -> Augmentation:
    """Draw an augmentation for images of a shape ``(N, C, H, W)``.

    The same seed gives the same augmentation, so that a run that is resumed goes on as it would
    have.
    """
    rng = np.random.default_rng(list(seed))
    number, (height, width) = shape[0], shape[-2:]
    # All are drawn whatever is wanted, so that one does not change the others.
    most = [round(SHIFT * height), round(SHIFT * width)]
    shifts = rng.integers([-m for m in most], [m + 1 for m in most], (number, 2))
    colours = rng.random((number, 3)) * [1, 2, 1] + [-0.5, 0, 0.5]
    cuts = rng.integers(0, [height, width], (number, 2))
    return Augmentation(
        torch.from_numpy(shifts) if "translation" in kinds else None,
        torch.from_numpy(colours) if "colour" in kinds else None,
        torch.from_numpy(cuts) if "cutout" in kinds else None,
    )


def translated(x: Tensor, shifts: Tensor) -> Tensor:
    """Return each image shifted by whole pixels; what comes in is 0."""
    height, width = x.shape[-2:]
    most = int(shifts.abs().max())
    padded = F.pad(x, (most, most, most, most))
    parts = [
        image[:, most - dy : most - dy + height, most - dx : most - dx + width]
        for image, (dy, dx) in zip(padded, shifts.tolist(), strict=True)
    ]
    return torch.stack(parts)


def kept(cuts: Tensor, size: Sequence[int]) -> Tensor:
    """Return a mask ``(N, 1, H, W)`` that is 0 within the squares around ``cuts``, else 1."""
    inside = []
    for axis, side in enumerate(size):
        places = torch.arange(side, device=cuts.device)
        half = max(1, round(CUT * side) // 2)
        inside.append((places - cuts[:, axis : axis + 1] + half).div(2 * half).floor() == 0)
    rows, columns = inside
    return 1 - (rows[:, None, :, None] & columns[:, None, None, :]).float()
