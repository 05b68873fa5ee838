"""Kernel Inception distance, of the means and deviations of features in small patches."""

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
"""of the patches in pixels"""
DEGREE = 3
"""of the polynomial kernel"""
AT_ONCE = 64
"""patches that go through the network together"""


@dataclass
class PatchFeatures:
    """What a network sees in the patches of a set of images, gathered image by image."""

    network: FeatureNetwork
    images: list[list[tuple[Array, Array]]] = field(default_factory=list)
    """of each image and stage the means and the deviations of its patches, ``(n, channels)``"""
    moments: list[Array] = field(default_factory=list)
    """of each stage number, sum and sum of squares of all values"""

    @torch.inference_mode()
    def add(self, image: npt.NDArray[np.floating]) -> None:
        """Take an image ``(C, H, W)`` on [0, 1], cut into patches that touch; a rest is left out.

        An image smaller than a patch adds nothing.
        """
        if min(image.shape[1:]) < SIDE:
            return
        x = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None].clamp(0, 1)
        x = as_rgb(x, self.network.bands)
        cut = x.unfold(2, SIDE, SIDE).unfold(3, SIDE, SIDE).permute(0, 2, 3, 1, 4, 5)
        patches = cut.reshape(-1, 3, SIDE, SIDE)
        found: list[list[tuple[Tensor, Tensor]]] = [[] for _ in self.network.stages]
        for part in patches.split(AT_ONCE):
            for number, features in enumerate(self.network(part)):
                found[number].append((features.mean((2, 3)), features.std((2, 3))))
                own = features.double()
                sums = [own.numel(), float(own.sum()), float(own.square().sum())]
                if number == len(self.moments):
                    self.moments.append(np.zeros(3))
                self.moments[number] += sums
        self.images.append(
            [
                (torch.cat([m for m, _ in stage]).double().numpy(),
                 torch.cat([s for _, s in stage]).double().numpy())
                for stage in found
            ]
        )  # fmt: skip

    def described(self) -> list[Array]:
        """Return for each image its patches as rows of numbers.

        The numbers of each stage are divided by the standard deviation of all values that the stage
        has in the set, so that what counts is how they are spread and not how large they are.
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
    """Return the kernel distance of two sets of patches, and its standard error.

    Parameters
    ----------
    fake, real
        For each image the rows of numbers that describe its patches; as many images in both.

    Returns
    -------
    (float, float)
        The unbiased estimate of the squared maximum mean discrepancy under the kernel
        ``(x·y / d + 1)³``, after each number was brought to mean 0 and deviation 1 by those of the
        real patches. It is 0 on average where both sets come from one distribution, so that single
        values may be below. The error is the jackknife's over images, since patches of one image
        are alike; NaN where there are fewer than three. Both are NaN for fewer than two patches.

    Notes
    -----
    Bińkowski et al. 2018, *Demystifying MMD GANs*, arXiv:1801.01401, section 4; there of Inception
    features of whole images. Jackknife: Efron and Stein 1981.
    """
    nothing = float("nan"), float("nan")
    if len(fake) != len(real):
        raise ValueError(f"{len(fake)} generated images for {len(real)} real ones; give one each")
    sizes = [np.array([len(rows) for rows in part]) for part in (fake, real)]
    if min(int(n.sum()) for n in sizes) < 2:
        return nothing
    everything = np.concatenate(list(real))
    mean, deviation = everything.mean(0), everything.std(0, ddof=1) + 1e-6
    a, b = ([(rows - mean) / deviation for rows in part] for part in (fake, real))
    aa, bb, ab = _kernel_sums(a, a), _kernel_sums(b, b), _kernel_sums(a, b)
    itself = [np.array([_kernel(r, r, paired=True).sum() for r in part]) for part in (a, b)]

    def estimate(kept: npt.NDArray[np.bool_]) -> float:
        m, n = (int(size[kept].sum()) for size in sizes)
        if min(m, n) < 2:
            return float("nan")
        own = np.ix_(kept, kept)
        fakes = (aa[own].sum() - itself[0][kept].sum()) / (m * (m - 1))
        reals = (bb[own].sum() - itself[1][kept].sum()) / (n * (n - 1))
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
    """Return the sums of the kernel between the patches of each two images."""
    whole = np.concatenate(list(b))
    ends = np.cumsum([len(rows) for rows in b])[:-1]
    return np.array(
        [
            [part.sum() for part in np.split(_kernel(rows, whole), ends, axis=1)]
            for rows in a
        ]
    )  # fmt: skip
