"""Random LR/HR patches out of whole images held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_srgan.nn.resample import bicubic_down

from .images import Array, Image, rounded


@dataclass(frozen=True)
class Pair:
    """An image and its reduced version, both ``(C, H, W)`` float32."""

    lr: Array
    hr: Array


def make_pair(image: Image, scale: int) -> Pair:
    """Crop an image to a multiple of ``scale`` and reduce it by antialiased bicubic.

    The LR of an 8-bit image is rounded to 8 bits, as the LR images of the benchmarks are.
    """
    height, width = (n // scale * scale for n in image.pixels.shape[1:])
    hr = image.pixels[:, :height, :width]
    lr = bicubic_down(torch.from_numpy(hr[None].copy()), scale)[0].numpy()
    return Pair(rounded(lr) if image.eight_bit else lr, hr)


class PatchSampler:
    """Draws batches of aligned patches, flipped and transposed at random.

    Parameters
    ----------
    sources
        One list of pairs per source; a source is drawn by its weight, an image of it by its
        number of pixels.
    weights
        Relative weight of each source.
    patch
        Side of the LR patch in pixels; images smaller than it are left out.
    flat
        A patch whose HR standard deviation is below this is drawn again, up to four times.
    seed
        The same seed gives the same sequence.
    """

    def __init__(
        self,
        sources: Sequence[Sequence[Pair]],
        weights: Sequence[float],
        *,
        scale: int,
        patch: int = 24,
        flat: float = 0.02,
        seed: int = 0,
    ) -> None:
        self.scale, self.patch, self.flat = scale, patch, flat
        self.sources = [[p for p in s if min(p.lr.shape[1:]) >= patch] for s in sources]
        if not all(self.sources):
            raise ValueError(f"a source has no image of at least {patch} × {patch} LR pixels")
        self.weights = np.asarray(weights, float) / np.sum(weights)
        self.areas = [np.array([p.lr[0].size for p in s], float) for s in self.sources]
        self.rng = np.random.default_rng(seed)

    def draw(self) -> tuple[Array, Array]:
        """Return one LR and its HR patch, ``(C, p, p)`` and ``(C, scale·p, scale·p)``."""
        rng, n, s = self.rng, self.patch, self.scale
        for _ in range(5):
            which = int(rng.choice(len(self.sources), p=self.weights))
            area = self.areas[which]
            pair = self.sources[which][int(rng.choice(len(area), p=area / area.sum()))]
            y, x = (int(rng.integers(m - n + 1)) for m in pair.lr.shape[1:])
            lr = pair.lr[:, y : y + n, x : x + n]
            hr = pair.hr[:, s * y : s * (y + n), s * x : s * (x + n)]
            if hr.std() >= self.flat:
                break
        flip_y, flip_x, transpose = rng.random(3) < 0.5
        if flip_y:
            lr, hr = lr[:, ::-1], hr[:, ::-1]
        if flip_x:
            lr, hr = lr[:, :, ::-1], hr[:, :, ::-1]
        if transpose:
            lr, hr = lr.transpose(0, 2, 1), hr.transpose(0, 2, 1)
        return lr, hr

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Return ``(size, C, p, p)`` and ``(size, C, scale·p, scale·p)``."""
        lr, hr = zip(*(self.draw() for _ in range(size)), strict=True)
        return torch.from_numpy(np.stack(lr)), torch.from_numpy(np.stack(hr))
