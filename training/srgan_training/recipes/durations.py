"""About how long the trainings of a recipe will take here, from a few small steps on noise."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from napari_srgan.nn.generator import GeneratorConfig

from ..config import Config, Source
from ..data.datasets import sampler_of
from ..data.patches import StoredPair
from .recipe import Stage

BATCH, PATCH = 2, 24
"""of the steps that are timed; others take longer by their number of pixels"""
ADVERSARIAL = 3
"""how many times as long a step takes with a discriminator"""


def durations(stages: Iterable[Stage]) -> dict[str, float]:
    """Return, by label, how many seconds the fits among some stages will take on this machine.

    What a teacher needs to see all images once is not in it.
    """
    measured: dict[GeneratorConfig, float] = {}
    found: dict[str, float] = {}
    for stage in stages:
        if isinstance(config := stage.work, Config):
            if config.architecture not in measured:
                measured[config.architecture] = seconds_of_a_step(config.architecture)
            larger = config.batch * config.patch**2 / (BATCH * PATCH**2)
            factor = ADVERSARIAL if config.adversarial else 1
            seconds = measured[config.architecture] * larger * factor
            found[stage.label] = seconds * config.steps
    return found


def seconds_of_a_step(architecture: GeneratorConfig) -> float:
    """Return how many seconds a step of `BATCH` patches takes here."""
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


def as_text(seconds: float) -> str:
    """Return a duration in the unit that suits it."""
    if seconds >= 90 * 60:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1, round(seconds))} s"
