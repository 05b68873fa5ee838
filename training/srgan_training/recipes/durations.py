"""Estimation of the duration of the fits of a recipe on this machine from a few small steps."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from napari_srgan.nn.generator import GeneratorConfig

from ..config import Config, Source
from ..data.datasets import sampler_of
from ..data.patches import StoredPair
from .recipe import Stage

BATCH, PATCH = 2, 24
"""batch and patch size of the timed steps; durations scale with the number of pixels"""
ADVERSARIAL_FACTOR = 3
"""factor of the duration of a step with a discriminator"""


def durations(stages: Iterable[Stage]) -> dict[str, float]:
    """Return the estimated duration of all fits among some stages in seconds, by label.

    The time in which teachers process all images is not included.
    """
    measured: dict[GeneratorConfig, float] = {}
    seconds_by_label: dict[str, float] = {}
    for stage in stages:
        if isinstance(config := stage.work, Config):
            if config.architecture not in measured:
                measured[config.architecture] = seconds_per_step(config.architecture)
            pixel_ratio = config.batch * config.patch**2 / (BATCH * PATCH**2)
            factor = ADVERSARIAL_FACTOR if config.adversarial or config.projected else 1
            seconds = measured[config.architecture] * pixel_ratio * factor
            seconds_by_label[stage.label] = seconds * config.steps
    return seconds_by_label


def seconds_per_step(architecture: GeneratorConfig) -> float:
    """Return the measured duration of a step with `BATCH` patches in seconds."""
    from ..finetune.finetune import estimate
    from ..phases.fidelity import FidelityModule

    channels, scale = architecture.channels, architecture.scale
    config = Config(
        name="noise",
        sources=(Source(("noise",)),),
        channels=channels,
        scale=scale,
        features=architecture.features,
        blocks=architecture.blocks,
        upsampling=architecture.upsampling,
        batch=BATCH,
        patch=PATCH,
        steps=1,
    )
    rng = np.random.default_rng(0)
    lr, hr = (rng.random((channels, side, side), np.float32) for side in (PATCH, scale * PATCH))
    return estimate(FidelityModule(config, sampler_of([[StoredPair(lr, hr)]], [1], config)))


def format_duration(seconds: float) -> str:
    """Format a duration in hours, minutes or seconds."""
    if seconds >= 90 * 60:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1, round(seconds))} s"
