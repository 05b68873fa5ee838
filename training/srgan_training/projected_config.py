"""Settings of the phase with discriminators on frozen features."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from .losses.feature_loss import Norm
from .networks.augmentation import Kind
from .networks.feature_networks import choose_stages
from .networks.projected_discriminators import Mixing
from .validated import CHECKED, Count, NotNegative, Positive

TrainingNetwork = Literal["none", "vgg19", "efficientnet-lite0", "efficientnet-lite1"]
"""feature networks allowed in training; Lite2 is reserved for evaluation"""


@dataclass(frozen=True, config=CHECKED)
class Projected:
    """Settings of the phase with discriminators on frozen features (Sauer et al. 2021)."""

    content: TrainingNetwork = "efficientnet-lite0"
    """feature network of the content loss"""
    content_stages: tuple[str, ...] = ()
    """stages of the content loss; empty selects the deepest stage of each stride"""
    content_norm: Norm = "unit"
    """distance between features; unit: squared difference of features with unit norm across
    channels; mse: as in SRGAN; l1: mean absolute difference"""
    content_file: str = "auto"
    """weights of the network: ``auto`` for the installed wheel (VGG19: torchvision's, downloaded),
    a file, or a URL whose file name ends in its hash"""
    content_weight: NotNegative = 1.0
    """weight of the content loss"""
    pixel_weight: NotNegative = 0.5
    """weight of the pixel loss with all auxiliary losses"""
    consistency_weight: NotNegative = 8.0
    """weight of the LR consistency loss: mean absolute difference of LR and the degraded result"""
    eyes: TrainingNetwork = "efficientnet-lite1"
    """feature network of the discriminators, preferably not that of ``content``"""
    stages: tuple[str, ...] = ()
    """stages with a discriminator each; empty selects the deepest stage of each stride"""
    eyes_file: str = "auto"
    """weights of the network of ``eyes``, given as in ``content_file``"""
    width: Count = 64
    """number of features within each of these discriminators"""
    mixing: Mixing = "none"
    """frozen random projection before them, across channels, or across channels and scales"""
    pixels: Literal["none", "patchgan", "unet"] = "patchgan"
    """additional discriminator on pixels"""
    pixel_features: Count = 32
    """number of features of the first convolution of the discriminator on pixels"""
    bands: tuple[int, ...] = ()
    """three bands as input of the frozen networks; empty: RGB unchanged, one band as R = G = B,
    each band separately for 2 or for 4 and more bands"""
    augment: tuple[Kind, ...] = ()
    """differentiable augmentation of real and generated images before the discriminators"""
    loss: Literal["hinge", "vanilla", "relativistic"] = "hinge"
    """adversarial loss"""
    label: Annotated[float, Field(gt=0, le=1)] = 1.0
    """target of the discriminators for real patches; unused with ``hinge``"""
    balance: NotNegative = 1.0
    """gradient norm of the adversarial loss at the last convolution, relative to that of all other
    losses"""
    balance_start: NotNegative | None = None
    """relative gradient norm at the first step; None is that of ``balance``"""
    ramp: Annotated[int, Field(ge=0)] = 0
    """number of steps in which the balance changes from ``balance_start`` to ``balance``"""
    lr: Positive = 4e-4
    """learning rate of the discriminators (two time-scale update rule, Heusel et al. 2017)"""
    clip: NotNegative = 0.0
    """maximum gradient norm; 0 disables clipping"""

    @field_validator("content_stages", "stages")
    @classmethod
    def _known_stages(cls, stages: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Raise ValueError for unknown stages."""
        network = info.data.get("content" if info.field_name == "content_stages" else "eyes")
        if network == "none" and stages:
            raise ValueError("there is no network to take stages of")
        if network not in (None, "none"):
            choose_stages(network, stages)
        return stages

    @field_validator("bands")
    @classmethod
    def _three_bands(cls, bands: tuple[int, ...]) -> tuple[int, ...]:
        """Raise ValueError unless there are three bands or none."""
        if bands and (len(bands) != 3 or min(bands) < 0):
            raise ValueError("give three band numbers from 0 on, or none")
        return bands

    @field_validator("pixels")
    @classmethod
    def _has_discriminator(cls, pixels: str, info: ValidationInfo) -> str:
        """Raise ValueError if there is no discriminator."""
        if pixels == "none" and info.data.get("eyes") == "none":
            raise ValueError(
                "with eyes: none there is no discriminator at all; name one of the two"
            )
        return pixels

    def min_side(self) -> int:
        """Return the minimum side of HR patches in pixels."""
        networks = ((self.content, self.content_stages), (self.eyes, self.stages))
        strides = [
            stage.stride
            for network, stages in networks
            if network != "none"
            for stage in choose_stages(network, stages)
        ]
        return max([8, *strides])
