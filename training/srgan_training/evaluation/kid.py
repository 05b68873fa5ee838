"""Kernel distance (KID) between sets of patches, from means and deviations of their features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..networks.feature_networks import FeatureNetwork, as_rgb

Array = npt.NDArray[np.float64]

SIDE = 64
"""side of the patches in pixels"""
DEGREE = 3
"""degree of the polynomial kernel"""
BATCH = 64
"""number of patches per forward pass"""


@dataclass
class PatchFeatures:
    """Feature statistics of the patches of a set of images, which are added one by one."""

    network: FeatureNetwork
    """network that extracts the features"""
    images: list[list[tuple[Array, Array]]] = field(default_factory=list)
    """means and standard deviations of the patches, ``(n, channels)``, per image and stage"""
    moments: list[Array] = field(default_factory=list)
    """count, sum and sum of squares of all feature values, per stage"""

    @torch.inference_mode()
    def add(self, image: npt.NDArray[np.floating]) -> None:
        """Add an image ``(C, H, W)`` on [0, 1].

        Patches are non-overlapping; the remainder is dropped. An image smaller than a patch is
        ignored.
        """
        if min(image.shape[1:]) < SIDE:
            return
        x = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None].clamp(0, 1)
        x = as_rgb(x, self.network.bands)
        cut = x.unfold(2, SIDE, SIDE).unfold(3, SIDE, SIDE).permute(0, 2, 3, 1, 4, 5)
        patches = cut.reshape(-1, 3, SIDE, SIDE)
        statistics: list[list[tuple[Tensor, Tensor]]] = [[] for _ in self.network.stages]
        for batch in patches.split(BATCH):
            for number, features in enumerate(self.network(batch)):
                statistics[number].append((features.mean((2, 3)), features.std((2, 3))))
                float64 = features.double()
                sums = [float64.numel(), float(float64.sum()), float(float64.square().sum())]
                if number == len(self.moments):
                    self.moments.append(np.zeros(3))
                self.moments[number] += sums
        self.images.append(
            [
                (torch.cat([m for m, _ in stage]).double().numpy(),
                 torch.cat([s for _, s in stage]).double().numpy())
                for stage in statistics
            ]
        )  # fmt: skip

    def feature_vectors(self) -> list[Array]:
        """Return the feature vectors of the patches of each image as rows.

        Features of each stage are divided by the standard deviation of all its values in the set,
        so that the distance does not depend on their magnitude.
        """
        scales = []
        for number, total, squares in self.moments:
            scales.append(np.sqrt((squares - total**2 / number) / (number - 1)))
        return [
            np.concatenate(
                [np.hstack(pair) / scale for pair, scale in zip(stages, scales, strict=True)],
                axis=1,
            )
            for stages in self.images
        ]


def kid(fake: Sequence[Array], real: Sequence[Array]) -> tuple[float, float]:
    """Return the kernel distance between two sets of patches, and its standard error.

    Parameters
    ----------
    fake, real
        Feature vectors of the patches as rows, per image; both must have as many images.

    Returns
    -------
    (float, float)
        Unbiased estimate of the squared maximum mean discrepancy with the kernel
        ``(x·y / d + 1)³``, after standardisation of each feature with mean and deviation of the
        real patches. Its expectation is 0 for sets from the same distribution, so that it may be
        negative. The standard error is the jackknife estimate over images, since patches of one
        image are correlated; it is NaN for fewer than three images. Both are NaN for fewer than two
        patches.

    Notes
    -----
    Bińkowski et al. 2018, *Demystifying MMD GANs*, arXiv:1801.01401, section 4, where Inception
    features of whole images are used. Jackknife: Efron and Stein 1981.
    """
    undefined = float("nan"), float("nan")
    if len(fake) != len(real):
        raise ValueError(f"{len(fake)} generated images for {len(real)} real ones; give one each")
    sizes = [np.array([len(rows) for rows in part]) for part in (fake, real)]
    if min(int(n.sum()) for n in sizes) < 2:
        return undefined
    all_real = np.concatenate(list(real))
    mean, deviation = all_real.mean(0), all_real.std(0, ddof=1) + 1e-6
    a, b = ([(rows - mean) / deviation for rows in part] for part in (fake, real))
    aa, bb, ab = _kernel_sums(a, a), _kernel_sums(b, b), _kernel_sums(a, b)
    diagonals = [np.array([_kernel(r, r, paired=True).sum() for r in part]) for part in (a, b)]

    def estimate(kept: npt.NDArray[np.bool_]) -> float:
        m, n = (int(size[kept].sum()) for size in sizes)
        if min(m, n) < 2:
            return float("nan")
        own = np.ix_(kept, kept)
        fakes = (aa[own].sum() - diagonals[0][kept].sum()) / (m * (m - 1))
        reals = (bb[own].sum() - diagonals[1][kept].sum()) / (n * (n - 1))
        return float(fakes + reals - 2 * ab[own].sum() / (m * n))

    count = len(fake)
    value = estimate(np.ones(count, bool))
    if count < 3:
        return value, float("nan")
    without = np.array([estimate(np.arange(count) != i) for i in range(count)])
    spread = ((without - without.mean()) ** 2).sum()
    return value, float(np.sqrt((count - 1) / count * spread))


def _kernel(a: Array, b: Array, *, paired: bool = False) -> Array:
    products = (a * b).sum(1) if paired else a @ b.T
    return np.asarray((products / a.shape[1] + 1) ** DEGREE)


def _kernel_sums(a: Sequence[Array], b: Sequence[Array]) -> Array:
    """Return the sum of the kernel over all pairs of patches, for each pair of images."""
    whole = np.concatenate(list(b))
    ends = np.cumsum([len(rows) for rows in b])[:-1]
    return np.array(
        [
            [part.sum() for part in np.split(_kernel(rows, whole), ends, axis=1)]
            for rows in a
        ]
    )  # fmt: skip
