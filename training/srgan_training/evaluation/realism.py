"""Perceptual metrics with EfficientNet-Lite2, a network that no training of this project uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np
import numpy.typing as npt
import torch

from ..losses.feature_loss import feature_distances
from ..networks.feature_networks import FeatureNetwork
from .kid import PatchFeatures, kid

STAGES = ("stage2", "stage3", "stage4", "stage6", "stage8")
"""stages of the distances, with strides 2, 4, 8, 16 and 32"""
KID_STAGES = STAGES[:3]
"""stages of KID"""
BLOCK = 256
"""maximum side in pixels of the blocks that are processed at once"""

Image = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Lite2:
    """EfficientNet-Lite2 for feature distances and for KID."""

    distance: FeatureNetwork
    """network with all stages of `STAGES`"""
    distribution: FeatureNetwork
    """network with the stages of `KID_STAGES`"""


def load_lite2() -> tuple[Lite2 | None, str]:
    """Return EfficientNet-Lite2 with ImageNet weights, or None and why it is unavailable."""
    try:
        distance = FeatureNetwork("efficientnet-lite2", STAGES)
    except (ValueError, OSError) as error:
        return None, f"Lite2 distances and KID are not measured: {error}"
    shallow = FeatureNetwork("efficientnet-lite2", KID_STAGES, weights=None)
    state = distance.state_dict()
    shallow.load_state_dict({key: state[key] for key in shallow.state_dict()})
    return Lite2(distance, shallow), ""


@torch.inference_mode()
def stage_distances(lite2: Lite2 | None, sr: Image, hr: Image) -> list[float]:
    """Return the feature distance between two images ``(C, H, W)`` on [0, 1] for each stage.

    Features are normalised to unit length across channels. The squared difference is summed over
    channels and averaged over positions: 0 for equal images, 2 for orthogonal features, 4 at most.
    Images are processed in blocks of up to 256 × 256 pixels and clipped to [0, 1]. Distances are
    NaN for images smaller than 32 pixels, without the network and without bands.
    """
    undefined = [float("nan")] * len(STAGES)
    height, width = hr.shape[1:]
    if lite2 is None or not len(hr) or min(height, width) < 32:
        return undefined
    pair = [
        torch.from_numpy(np.ascontiguousarray(x, np.float32))[None].clamp(0, 1) for x in (sr, hr)
    ]
    sums, pixels = np.zeros(len(STAGES)), 0
    rows, columns = (np.linspace(0, n, -(-n // BLOCK) + 1).astype(int) for n in (height, width))
    for y, x in product(range(len(rows) - 1), range(len(columns) - 1)):
        part = np.s_[:, :, rows[y] : rows[y + 1], columns[x] : columns[x + 1]]
        a, b = (lite2.distance(image[part]) for image in pair)
        size = int((rows[y + 1] - rows[y]) * (columns[x + 1] - columns[x]))
        distances = zip(feature_distances(a, b), a, strict=True)
        sums += size * np.array([float(d) * features.shape[1] for d, features in distances])
        pixels += size
    return list(map(float, sums / pixels))


@dataclass
class Realism:
    """Feature distributions of the results of a row and of HR on a folder."""

    lite2: Lite2 | None
    """network of the features; None measures nothing"""
    fake: PatchFeatures | None = field(init=False, default=None)
    real: PatchFeatures | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.lite2 is not None:
            self.fake, self.real = (PatchFeatures(self.lite2.distribution) for _ in range(2))

    def add(self, sr: Image, hr: Image, *, eight_bit: bool) -> None:
        """Add a result and its HR image ``(C, H, W)``.

        Images of more than 8 bits are scaled to the range of each HR band; constant bands are left
        out.
        """
        if self.fake is None or self.real is None:
            return
        if not eight_bit:
            minimum = hr.min((1, 2), keepdims=True)
            span = hr.max((1, 2), keepdims=True) - minimum
            kept = span[:, 0, 0] > 0
            sr, hr = (((x - minimum) / np.where(span > 0, span, 1))[kept] for x in (sr, hr))
        if len(hr):
            self.fake.add(sr)
            self.real.add(hr)

    def kid(self) -> tuple[float, float]:
        """Return KID and its standard error, see `evaluation.kid.kid`; NaN without Lite2."""
        if self.fake is None or self.real is None or not self.real.images:
            return float("nan"), float("nan")
        return kid(self.fake.feature_vectors(), self.real.feature_vectors())
