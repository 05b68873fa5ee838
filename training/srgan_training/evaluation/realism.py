"""How real a result looks to a network that no training here uses: EfficientNet-Lite2."""

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
"""at strides 2, 4, 8, 16 and 32"""
DISTRIBUTION = STAGES[:3]
"""whose distribution is compared"""
BLOCK = 256
"""side in pixels of what is looked at together, at most"""

Image = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Lite2:
    """The network that distances and distributions are measured with."""

    distance: FeatureNetwork
    distribution: FeatureNetwork


def load_lite2() -> tuple[Lite2 | None, str]:
    """Return EfficientNet-Lite2 with ImageNet's weights, or None and why it cannot be had."""
    try:
        distance = FeatureNetwork("efficientnet-lite2", STAGES)
    except (ValueError, OSError) as error:
        return None, f"Lite2 distances and KID are not measured: {error}"
    shallow = FeatureNetwork("efficientnet-lite2", DISTRIBUTION, weights=None)
    state = distance.state_dict()
    shallow.load_state_dict({key: state[key] for key in shallow.state_dict()})
    return Lite2(distance, shallow), ""


@torch.inference_mode()
def stage_distances(lite2: Lite2 | None, sr: Image, hr: Image) -> list[float]:
    """Return the distance of the features of two images ``(C, H, W)`` on [0, 1], stage by stage.

    Features have unit length across channels; the squared difference is summed over these and
    averaged over places: 0 for equal images, 2 where features are orthogonal, 4 at most. The mean
    over blocks of up to 256 × 256 pixels. Values outside [0, 1] are clipped. NaN for an image
    of less than 32 pixels along a side, without the network and without bands.
    """
    unknown = [float("nan")] * len(STAGES)
    height, width = hr.shape[1:]
    if lite2 is None or not len(hr) or min(height, width) < 32:
        return unknown
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
    """The distribution of a row's results on a folder, beside that of HR."""

    lite2: Lite2 | None
    fake: PatchFeatures | None = field(init=False, default=None)
    real: PatchFeatures | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.lite2 is not None:
            self.fake, self.real = (PatchFeatures(self.lite2.distribution) for _ in range(2))

    def add(self, sr: Image, hr: Image, *, eight_bit: bool) -> None:
        """Take a result and its HR ``(C, H, W)``; deep images are seen on the range of each band.

        Bands without contrast are left out.
        """
        if self.fake is None or self.real is None:
            return
        if not eight_bit:
            least = hr.min((1, 2), keepdims=True)
            span = hr.max((1, 2), keepdims=True) - least
            kept = span[:, 0, 0] > 0
            sr, hr = (((x - least) / np.where(span > 0, span, 1))[kept] for x in (sr, hr))
        if len(hr):
            self.fake.add(sr)
            self.real.add(hr)

    def kid(self) -> tuple[float, float]:
        """Return KID and its standard error (`evaluation.kid.kid`); NaN without Lite2."""
        if self.fake is None or self.real is None or not self.real.images:
            return float("nan"), float("nan")
        return kid(self.fake.described(), self.real.described())
