"""``srgan-train finetune``: a model for one's own data by one command."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import avg_pool2d

from napari_srgan.engine.device import choose_compute
from napari_srgan.models import Model, load_model, save_model
from napari_srgan.models.registry import user_folder
from napari_srgan.nn.channels import adapt_channels
from napari_srgan.nn.generator import Generator
from napari_srgan.nn.resample import bicubic_up
from napari_srgan.options import choose_model

from ..config import Config, read_config
from ..data.datasets import sampler_of
from ..data.patches import StoredPair
from ..evaluation.metrics import psnr
from ..phases.fidelity import FidelityModule
from .material import LEAST_SIDE, NEEDED, Material

MOST_STRAYED = 0.1
"""of the range, by which a model may change the brightness of a place"""
LOOKED_AT, LOOKED_SIDE = 12, 256
"""how many held-out images are searched for such places, and the side of the part that is"""
TIMED = 8
"""steps that are timed for the estimate"""


@dataclass(frozen=True)
class Outcome:
    """PSNR on the held-out images in dB."""

    bicubic: float
    before: float
    after: float
    strayed: float
    """largest change of the brightness of a place by the new model, see `stray`"""

    @property
    def better(self) -> bool:
        """Whether the new model may be called better than where it started."""
        return self.sound and self.after >= max(self.before, self.bicubic) + NEEDED

    @property
    def sound(self) -> bool:
        """Whether the new model keeps the brightness of every place."""
        return self.strayed < MOST_STRAYED


def choose_settings(
    material: Material, start: Model, name: str, *, origin: str, steps: int | None, batch: int
) -> Config:
    """Pick sane values from the data: patch, steps, rates. ``origin`` is what ``start`` came of."""
    smallest = min(min(pair.lr.shape[1:]) for pair in material.train)
    if smallest < LEAST_SIDE:
        raise ValueError(
            f"the smallest LR image is {smallest} pixels wide; at least {LEAST_SIDE} are needed"
        )
    preset = read_config("finetune-paired" if material.paired else "finetune-hr-only")
    pixels = sum(pair.lr.shape[1] * pair.lr.shape[2] for pair in material.train)
    config = start.card.config
    return replace(
        preset,
        name=name,
        channels=material.channels,
        scale=start.scale,
        features=config.features,
        blocks=config.blocks,
        upsampling=config.upsampling,
        start=origin,
        patch=min(preset.patch, smallest),
        batch=batch,
        # Small sets are soon known by heart.
        steps=steps or (preset.steps * 4 // 15 if pixels < 500_000 else preset.steps),
    )


@torch.inference_mode()
def measure(network: torch.nn.Module | None, pairs: Sequence[StoredPair], scale: int) -> float:
    """Return the mean PSNR in dB on [0, 1], ``scale`` pixels cut; None measures bicubic."""
    values = []
    for pair in map(StoredPair.read, pairs):
        x = torch.from_numpy(pair.lr[None].copy())
        y = bicubic_up(x, scale) if network is None else network(x)
        values.append(psnr(y[0].numpy(), pair.hr, data_range=1, border=scale))
    return float(np.mean(values))


def make_module(material: Material, config: Config) -> FidelityModule:
    """Return the training of a material, which follows the held-out images."""
    return FidelityModule(config, sampler_of([material.train], [1], config), material.held_out)


def estimate(module: FidelityModule) -> float:
    """Return how many seconds a training will take here, from a few steps on a copy."""
    compute = choose_compute()
    network, config = deepcopy(module.network).to(compute.device), module.config
    for step in range(TIMED + 1):
        if step == 1:  # the first one is slower
            since = time.perf_counter()
        lr, hr = (p.to(compute.device) for p in module.sampler.batch(config.batch, step))
        with torch.autocast(compute.device.type, torch.bfloat16, compute.precision != "float32"):
            sr = network(lr.to(memory_format=torch.channels_last))
        (sr.float() - hr).abs().mean().backward()
        # The value is waited for.
        float(sr.detach().flatten()[0])
    return (time.perf_counter() - since) / TIMED * config.steps


def compare(module: FidelityModule, start: Model, material: Material) -> Outcome:
    """Measure bicubic, the start and the averaged network on the held-out images."""
    average = module.average.eval()
    held_out, scale = material.held_out, start.scale
    return Outcome(
        bicubic=measure(None, held_out, scale),
        before=measure(start.network, held_out, scale),
        after=measure(average, held_out, scale),
        strayed=stray(average, held_out, scale),
    )


@torch.inference_mode()
def stray(network: torch.nn.Module, pairs: Sequence[StoredPair], scale: int) -> float:
    """Return the largest change of the mean of 8 × 8 pixels that a network makes, in ranges.

    It is looked for on LR images and on parts of HR ones: a network that was trained on few images
    may fail where an image is smoother than these, with holes that PSNR on LR images does not
    show.
    """
    largest = 0.0
    for pair in pairs[:LOOKED_AT]:
        for whole in (pair.lr, pair.hr):
            top, left = (max(0, n - LOOKED_SIDE) // 2 for n in whole.shape[1:])
            part = whole[:, top : top + LOOKED_SIDE, left : left + LOOKED_SIDE]
            x = torch.from_numpy(part[None].copy())
            before, after = avg_pool2d(x, 8), avg_pool2d(network(x), 8 * scale)
            largest = max(largest, float((after - before).abs().max()))
    return largest


def install(
    module: FidelityModule, start: Model, config: Config, material: Material, outcome: Outcome
) -> Path:
    """Put the model where napari-srgan finds it by its name."""
    card = replace(
        start.card,
        name=config.name,
        end="fidelity",
        description=f"{start.card.name}, fine-tuned on images of one's own.",
        trained_on=f"{start.card.trained_on}; then {len(material.train)} images of one's own",
        degradation=material.degradation,
        steps=int(module.done),
        figures={
            "held out": {
                "psnr": round(outcome.after, 2),
                "before": round(outcome.before, 2),
                "bicubic": round(outcome.bicubic, 2),
            }
        },
        command="srgan-train finetune",
    )
    return save_model(user_folder() / config.name, module.average.state_dict(), card)


def origin_of(name: str, channels: int, scale: int) -> str:
    """Return the name of the model to start from; ``auto`` is the shipped one for the channels."""
    return choose_model(rgb=channels == 3, scale=scale) if name == "auto" else name


def load_start(name: str, channels: int) -> Model:
    """Return the model to start from, carried over to the images' channels where it has others.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    model = load_model(name)
    if model.channels == channels:
        return model
    config = replace(model.card.config, channels=channels)
    network = Generator(config)
    network.load_state_dict(adapt_channels(model.state_dict(), channels))
    return Model(network.eval().requires_grad_(False), replace(model.card, config=config))
