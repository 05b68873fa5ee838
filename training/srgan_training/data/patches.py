"""Random LR/HR patches of whole images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from napari_srgan.nn.resample import bicubic_down

from ..images import Array, Image, Pixels, round_8bit

FLAT_STD = 0.02
"""standard deviation of HR on [0, 1] below which a patch counts as flat"""
FLAT_KEEP_PROBABILITY = 0.1
"""probability of keeping a flat patch"""


@dataclass(frozen=True)
class Pair:
    """An LR image and its HR image, both ``(C, H, W)`` float32."""

    lr: Array
    hr: Array


@dataclass(frozen=True)
class StoredPair:
    """An LR/HR pair whose pixels may be scaled lazily when patches are cropped."""

    lr: Pixels
    hr: Pixels
    teacher_sr: Pixels | None = None
    """SR image that a teacher made of the LR image"""

    def read(self) -> Pair:
        """Return the whole pair as float32 arrays."""
        return Pair(self.lr[:], self.hr[:])


def cropped(image: Image, scale: int) -> Array:
    """Return the pixels of an image cropped to a multiple of ``scale``."""
    height, width = (n // scale * scale for n in image.pixels.shape[1:])
    return np.ascontiguousarray(image.pixels[:, :height, :width])


def make_pair(image: Image, scale: int) -> Pair:
    """Crop an image to a multiple of ``scale`` and reduce it by antialiased bicubic interpolation.

    The LR of an 8-bit image is rounded to 8 bits, like the LR images of the usual benchmarks.
    """
    hr = cropped(image, scale)
    lr = bicubic_down(torch.from_numpy(hr[None]), scale)[0].numpy()
    return Pair(round_8bit(lr) if image.eight_bit else lr, hr)


class PatchSampler:
    """Sampler of aligned LR/HR patches, flipped and transposed at random.

    A patch whose HR standard deviation is below `FLAT_STD` is redrawn up to four times with a
    probability of 1 − `FLAT_KEEP_PROBABILITY`; some flat patches are kept, since images have flat
    areas.

    Parameters
    ----------
    sources
        One list of pairs per source. A source is drawn with a probability proportional to its
        weight, and an image of it in proportion to its number of pixels.
    weights
        Relative weight of each source.
    patch
        Side of the LR patch in pixels; smaller images are left out.
    intensity
        Fraction of the patches whose brightness and contrast change, see `jitter_intensity`.
    uniform
        Fraction of the patches that are replaced by a constant, see `constant_patch`.
    seed
        Patch ``i`` depends on the seed and ``i`` alone, so that a resumed or distributed run draws
        the same patches as an uninterrupted one.
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
        self.has_teacher = any(
            isinstance(pair, StoredPair) and pair.teacher_sr is not None
            for pairs in self.sources
            for pair in pairs
        )
        self.areas = [np.array([p.lr[0].size for p in s], float) for s in self.sources]

    def draw(self, number: int) -> tuple[Array, ...]:
        """Return LR and HR of patch ``number``, ``(C, p, p)`` and ``(C, scale·p, scale·p)``.

        If any source has a teacher, the third array is the SR patch of the teacher, or the HR patch
        for sources without one.
        """
        rng, n, s = np.random.default_rng([self.seed, number]), self.patch, self.scale
        for _ in range(5):
            which = int(rng.choice(len(self.sources), p=self.weights))
            area = self.areas[which]
            pair = self.sources[which][int(rng.choice(len(area), p=area / area.sum()))]
            y, x = (int(rng.integers(m - n + 1)) for m in pair.lr.shape[1:])
            fine = np.s_[:, s * y : s * (y + n), s * x : s * (x + n)]
            patch = [pair.lr[:, y : y + n, x : x + n], pair.hr[fine]]
            if patch[1].std() >= FLAT_STD or rng.random() < FLAT_KEEP_PROBABILITY:
                break
        if self.has_teacher:
            teacher_sr = pair.teacher_sr if isinstance(pair, StoredPair) else None
            patch.append((pair.hr if teacher_sr is None else teacher_sr)[fine])
        if rng.random() < self.intensity:
            patch = jitter_intensity(patch, rng)
        flip_y, flip_x, transpose = rng.random(3) < 0.5
        if flip_y:
            patch = [part[:, ::-1] for part in patch]
        if flip_x:
            patch = [part[:, :, ::-1] for part in patch]
        if transpose:
            patch = [part.transpose(0, 2, 1) for part in patch]
        # Drawn last, so that the random numbers of the other patches do not depend on it.
        return tuple(constant_patch(patch, rng) if rng.random() < self.uniform else patch)

    def batch(self, size: int, first: int = 0) -> tuple[Tensor, ...]:
        """Return ``size`` consecutive patches, from number ``first`` on, as stacked tensors."""
        parts = zip(*(self.draw(first + i) for i in range(size)), strict=True)
        return tuple(torch.from_numpy(np.stack(part)) for part in parts)


def jitter_intensity(patch: Sequence[Array], rng: np.random.Generator) -> list[Array]:
    """Change brightness and contrast of all images of a patch alike, within [0, 1].

    Degradations are linear except for noise, so that the same affine map may be applied to LR, HR
    and the SR image of a teacher. The contrast is multiplied by 0.2 to 2, log-uniformly, limited so
    that the patch stays within the range. The augmentation makes the network independent of the
    absolute intensity.
    """
    low = min(float(part.min()) for part in patch[:2])
    high = max(float(part.max()) for part in patch[:2])
    spread = max(high - low, 1e-3)
    gain = min(float(np.exp(rng.uniform(np.log(0.2), np.log(2)))), 1 / spread)
    offset = float(rng.uniform(0, 1 - gain * spread)) - gain * low
    return [part * np.float32(gain) + np.float32(offset) for part in patch]


def constant_patch(patch: Sequence[Array], rng: np.random.Generator) -> list[Array]:
    """Return constant images of the same shapes; half of the colours drawn are grey.

    Artefacts of the padding of convolutions are most visible at the corners of constant areas, and
    natural images have few such areas at the ends of the range. Levels near 0 and 1 are therefore
    drawn more often than those between (arcsine distribution).
    """
    channels = patch[0].shape[0]
    drawn = rng.random(1 if rng.random() < 0.5 else channels)
    levels = np.broadcast_to(0.5 - 0.5 * np.cos(np.pi * drawn), channels).astype(np.float32)
    return [np.broadcast_to(levels[:, None, None], part.shape).copy() for part in patch]


class PatchDataset(Dataset[tuple[Tensor, ...]]):
    """Map-style data set of the unlimited patches of a sampler."""

    def __init__(self, sampler: PatchSampler) -> None:
        self.sampler = sampler

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(part.copy()) for part in self.sampler.draw(number))


class StepBatchSampler(Sampler[list[int]]):
    """Batch sampler that yields the patch numbers of a range of steps, for one process of several.

    Parameters
    ----------
    first, last
        First step, and the step after the last one.
    batch
        Number of patches per step and process.
    rank, world
        Rank of this process, and number of processes.
    """

    def __init__(self, first: int, last: int, batch: int, rank: int = 0, world: int = 1) -> None:
        self.first, self.last, self.batch, self.rank, self.world = first, last, batch, rank, world

    def __len__(self) -> int:
        return self.last - self.first

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.first, self.last):
            start = (step * self.world + self.rank) * self.batch
            yield list(range(start, start + self.batch))
