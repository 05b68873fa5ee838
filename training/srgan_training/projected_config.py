"""The settings of a phase against discriminators on frozen features."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from .losses.feature_loss import Norm
from .networks.augmentation import Kind
from .networks.feature_networks import choose_stages
from .networks.projected_discriminators import Mixing
from .validated import (
    CHECKED,
    Count,
    NotNegative,
    Positive,
)

Trained = Literal["none", "vgg19", "efficientnet-lite0", "efficientnet-lite1"]
"""networks that a generator may be trained with; Lite2 is kept to measure with"""


@dataclass(frozen=True, config=CHECKED)
class Projected:
    """A phase whose discriminators judge the features of a frozen network (Sauer et al. 2021)."""

    content: Trained = "efficientnet-lite0"
    """network whose features of SR and HR are compared"""
    content_stages: tuple[str, ...] = ()
    """of that network; none: the last of each stride"""
    content_norm: Norm = "unit"
    """unit: features of unit length across channels, squared difference; mse: SRGAN's; l1"""
    content_file: str = "auto"
    """weights: ``auto`` takes the installed wheel (VGG19: torchvision's from the internet), else a
    file, or a URL whose name ends in its hash"""
    content_weight: NotNegative = 1.0
    pixel_weight: NotNegative = 0.5
    """of the pixel loss with ``amplitude`` … ``grid``"""
    consistency_weight: NotNegative = 8.0
    """of the mean absolute difference between LR and the result, reduced as LR was made"""
    eyes: Trained = "efficientnet-lite1"
    """network on whose features the discriminators look; better not that of ``content``"""
    stages: tuple[str, ...] = ()
    """of that network, a discriminator on each; none: the last of each stride"""
    eyes_file: str = "auto"
    """weights, as ``content_file``"""
    width: Count = 64
    """features within each of these discriminators"""
    mixing: Mixing = "none"
    """frozen random convolutions before them, across channels, or across channels and scales"""
    pixels: Literal["none", "patchgan", "unet"] = "patchgan"
    """a discriminator of the pixels beside them"""
    pixel_features: Count = 32
    """of its first convolution"""
    bands: tuple[int, ...] = ()
    """which three bands the frozen networks see of images of several; none: RGB as it is, one band
    as R = G = B, each band by itself where there are 2, or 4 and more"""
    augment: tuple[Kind, ...] = ()
    """what is done alike to real and generated images before a discriminator sees them"""
    loss: Literal["hinge", "vanilla", "relativistic"] = "hinge"
    label: Annotated[float, Field(gt=0, le=1)] = 1.0
    """what the discriminators are told of real patches, but for ``hinge``"""
    balance: NotNegative = 1.0
    """how large the gradient of the adversarial loss is at the last convolution, relative to that
    of all other losses"""
    balance_start: NotNegative | None = None
    """the same at the first step; None: that of ``balance``"""
    ramp: Annotated[int, Field(ge=0)] = 0
    """steps over which the balance goes from its start to its end"""
    lr: Positive = 4e-4
    """of the discriminators"""
    clip: NotNegative = 0.0
    """largest norm of a gradient; 0 does not clip"""

    @field_validator("content_stages", "stages")
    @classmethod
    def _known(cls, stages: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Refuse stages that the network has not."""
        network = info.data.get("content" if info.field_name == "content_stages" else "eyes")
        if network == "none" and stages:
            raise ValueError("there is no network to take stages of")
        if network not in (None, "none"):
            choose_stages(network, stages)
        return stages

    @field_validator("bands")
    @classmethod
    def _three(cls, bands: tuple[int, ...]) -> tuple[int, ...]:
        """Refuse what is not three bands."""
        if bands and (len(bands) != 3 or min(bands) < 0):
            raise ValueError("give three band numbers from 0 on, or none")
        return bands

    @field_validator("pixels")
    @classmethod
    def _some(cls, pixels: str, info: ValidationInfo) -> str:
        """Refuse a phase without any discriminator."""
        if pixels == "none" and info.data.get("eyes") == "none":
            raise ValueError(
                "with eyes: none there is no discriminator at all; name one of the two"
            )
        return pixels

    def least_side(self) -> int:
        """Return how many HR pixels a patch must have along each side."""
        networks = ((self.content, self.content_stages), (self.eyes, self.stages))
        strides = [
            stage.stride
            for network, stages in networks
            if network != "none"
            for stage in choose_stages(network, stages)
        ]
        return max([8, *strides])
