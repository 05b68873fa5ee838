"""Random LR/HR patches out of whole images held in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from napari_srgan.nn.resample import bicubic_down

from ..images import (
    Array,
    Image,
    Pixels,
    round_8bit,
)

FLAT = 0.02
"""standard deviation of the HR, of a range of 1, below which a patch counts as flat"""
KEPT_FLAT = 0.1
"""share of the flat patches that are kept"""


@dataclass(frozen=True)
class Pair:
    """An image and its reduced version, both ``(C, H, W)`` float32."""

    lr: Array
    hr: Array


@dataclass(frozen=True)
class StoredPair:
    """A pair as it is stored, of which patches are cut out."""

    lr: Pixels
    hr: Pixels
    taught: Pixels | None = None
    """what a teacher makes of the LR"""

    def read(self) -> Pair:
        """Return the whole pair."""
        return Pair(self.lr[:], self.hr[:])


def cropped(image: Image, scale: int) -> Array:
    """Return an image's pixels, cropped to a multiple of ``scale``."""
    height, width = (n // scale * scale for n in image.pixels.shape[1:])
    return np.ascontiguousarray(image.pixels[:, :height, :width])


def make_pair(image: Image, scale: int) -> Pair:
    """Crop an image to a multiple of ``scale`` and reduce it by antialiased bicubic.

    The LR of an 8-bit image is rounded to 8 bits, as the LR images of the benchmarks are.
    """
    hr = cropped(image, scale)
    lr = bicubic_down(torch.from_numpy(hr[None]), scale)[0].numpy()
    return Pair(round_8bit(lr) if image.eight_bit else lr, hr)


class PatchSampler:
    """Draws aligned patches, flipped and transposed at random.

    One whose HR standard deviation is below `FLAT` is drawn again, up to four times, but for one in
    ten: a network must have seen flat areas too.

    Parameters
    ----------
    sources
        One list of pairs per source; a source is drawn by its weight, an image of it by its
        number of pixels.
    weights
        Relative weight of each source.
    patch
        Side of the LR patch in pixels; images smaller than it are left out.
    intensity
        Share of the patches that are given another brightness and contrast, see `relit`.
    uniform
        Share of the patches that are replaced by one colour throughout, see `uniform_like`.
    seed
        Patch number ``i`` depends on the seed and ``i`` alone, so that a run that is resumed, or
        spread over processes, sees the patches that it would have seen.
    """

    def __init__(
        self,
        sources: Sequence[Sequence[Pair | StoredPair]],
        weights: Sequence[float],
        *,
        scale: int,
        patch: int = 24,
        intensity: float = 0.0,
        uniform: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.scale, self.patch, self.seed = scale, patch, seed
        self.intensity, self.uniform = intensity, uniform
        self.sources = [[p for p in s if min(p.lr.shape[1:]) >= patch] for s in sources]
        if not all(self.sources):
            raise ValueError(f"a source has no image of at least {patch} × {patch} LR pixels")
        self.weights = np.asarray(weights, float) / np.sum(weights)
        self.taught = any(
            isinstance(pair, StoredPair) and pair.taught is not None
            for pairs in self.sources
            for pair in pairs
        )
        self.areas = [np.array([p.lr[0].size for p in s], float) for s in self.sources]

    def draw(self, number: int) -> tuple[Array, ...]:
        """Return LR and HR of patch ``number``, ``(C, p, p)`` and ``(C, scale·p, scale·p)``.

        Where a teacher teaches some of the sources, the third is what it makes of the LR, and HR
        once more in the sources without one.
        """
        rng, n, s = np.random.default_rng([self.seed, number]), self.patch, self.scale
        for _ in range(5):
            which = int(rng.choice(len(self.sources), p=self.weights))
            area = self.areas[which]
            pair = self.sources[which][int(rng.choice(len(area), p=area / area.sum()))]
            y, x = (int(rng.integers(m - n + 1)) for m in pair.lr.shape[1:])
            fine = np.s_[:, s * y : s * (y + n), s * x : s * (x + n)]
            patch = [pair.lr[:, y : y + n, x : x + n], pair.hr[fine]]
            if patch[1].std() >= FLAT or rng.random() < KEPT_FLAT:
                break
        if self.taught:
            taught = pair.taught if isinstance(pair, StoredPair) else None
            patch.append((pair.hr if taught is None else taught)[fine])
        if rng.random() < self.intensity:
            patch = relit(patch, rng)
        flip_y, flip_x, transpose = rng.random(3) < 0.5
        if flip_y:
            patch = [part[:, ::-1] for part in patch]
        if flip_x:
            patch = [part[:, :, ::-1] for part in patch]
        if transpose:
            patch = [part.transpose(0, 2, 1) for part in patch]
        # Asked for last, so that the other patches are those that they are without.
        return tuple(uniform_like(patch, rng) if rng.random() < self.uniform else patch)

    def batch(self, size: int, first: int = 0) -> tuple[Tensor, ...]:
        """Return ``size`` patches from number ``first`` on, stacked."""
        parts = zip(*(self.draw(first + i) for i in range(size)), strict=True)
        return tuple(torch.from_numpy(np.stack(part)) for part in parts)


def relit(patch: Sequence[Array], rng: np.random.Generator) -> list[Array]:
    """Return LR and HR with another brightness and contrast, which leaves them within [0, 1].

    What reduces an image is linear but for noise, so that LR and HR may be mapped alike; and a
    network that has seen a shape at many levels does not depend on the level. Contrast is
    multiplied by 0.2 to 2, log-uniformly, and never so far that the patch leaves the range. What a
    teacher made is mapped alike.
    """
    low = min(float(part.min()) for part in patch[:2])
    high = max(float(part.max()) for part in patch[:2])
    spread = max(high - low, 1e-3)
    gain = min(float(np.exp(rng.uniform(np.log(0.2), np.log(2)))), 1 / spread)
    offset = float(rng.uniform(0, 1 - gain * spread)) - gain * low
    return [part * np.float32(gain) + np.float32(offset) for part in patch]


def uniform_like(patch: Sequence[Array], rng: np.random.Generator) -> list[Array]:
    """Return LR and HR of the same shapes that are one colour throughout, half of the time a grey.

    What is added around an image before a convolution stands out nowhere as at the corners of such
    a patch, and images have next to none at the ends of their range. Levels near 0 and 1 are
    therefore drawn more often than those between (arcsine distribution).
    """
    channels = patch[0].shape[0]
    drawn = rng.random(1 if rng.random() < 0.5 else channels)
    levels = np.broadcast_to(0.5 - 0.5 * np.cos(np.pi * drawn), channels).astype(np.float32)
    return [np.broadcast_to(levels[:, None, None], part.shape).copy() for part in patch]


class Patches(Dataset[tuple[Tensor, ...]]):
    """The patches of a sampler as a data set without an end."""

    def __init__(self, sampler: PatchSampler) -> None:
        self.sampler = sampler

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(part.copy()) for part in self.sampler.draw(number))


class Steps(Sampler[list[int]]):
    """Numbers of the patches of some steps, for one of several processes.

    Parameters
    ----------
    first, last
        The first step and the one after the last.
    batch
        Patches of a step on each process.
    rank, world
        Which process this is, of how many.
    """

    def __init__(self, first: int, last: int, batch: int, rank: int = 0, world: int = 1) -> None:
        self.first, self.last, self.batch, self.rank, self.world = first, last, batch, rank, world

    def __len__(self) -> int:
        return self.last - self.first

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.first, self.last):
            start = (step * self.world + self.rank) * self.batch
            yield list(range(start, start + self.batch))
