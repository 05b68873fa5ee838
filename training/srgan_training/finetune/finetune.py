"""``srgan-train finetune``: fine-tune a shipped model on the images of a user."""

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
from .dataset import MIN_GAIN_DB, MIN_SIDE, FinetuneData

MAX_BRIGHTNESS_ERROR = 0.1
"""maximum local brightness error, as a fraction of the range"""
MAX_CHECKED_IMAGES, CHECKED_SIDE = 12, 256
"""number of held-out images, and side of their crop, that are checked for brightness errors"""
TIMED_STEPS = 8
"""number of steps that are timed for the estimate of the duration"""


@dataclass(frozen=True)
class Outcome:
    """Evaluation on the held-out images."""

    bicubic: float
    """PSNR of bicubic interpolation in dB"""
    before: float
    """PSNR of the start in dB"""
    after: float
    """PSNR of the fine-tuned model in dB"""
    brightness_error: float
    """largest error of the fine-tuned model, see `local_brightness_error`"""

    @property
    def better(self) -> bool:
        """Whether the fine-tuned model is better than its start."""
        return self.sound and self.after >= max(self.before, self.bicubic) + MIN_GAIN_DB

    @property
    def sound(self) -> bool:
        """Whether the fine-tuned model preserves the local brightness."""
        return self.brightness_error < MAX_BRIGHTNESS_ERROR


def choose_settings(
    dataset: FinetuneData, start: Model, name: str, *, origin: str, steps: int | None, batch: int
) -> Config:
    """Choose patch size, steps and rates from the data; ``origin`` is the name of ``start``."""
    smallest = min(min(pair.lr.shape[1:]) for pair in dataset.train)
    if smallest < MIN_SIDE:
        raise ValueError(
            f"the smallest LR image is {smallest} pixels wide; at least {MIN_SIDE} are needed"
        )
    preset = read_config("finetune-paired" if dataset.paired else "finetune-hr-only")
    pixels = sum(pair.lr.shape[1] * pair.lr.shape[2] for pair in dataset.train)
    config = start.card.config
    return replace(
        preset,
        name=name,
        channels=dataset.channels,
        scale=start.scale,
        features=config.features,
        blocks=config.blocks,
        upsampling=config.upsampling,
        start=origin,
        patch=min(preset.patch, smallest),
        batch=batch,
        # Small data sets overfit sooner.
        steps=steps or (preset.steps * 4 // 15 if pixels < 500_000 else preset.steps),
    )


@torch.inference_mode()
def measure(network: torch.nn.Module | None, pairs: Sequence[StoredPair], scale: int) -> float:
    """Return the mean PSNR in dB on [0, 1] without ``scale`` border pixels; None is bicubic."""
    values = []
    for pair in map(StoredPair.read, pairs):
        x = torch.from_numpy(pair.lr[None].copy())
        y = bicubic_up(x, scale) if network is None else network(x)
        values.append(psnr(y[0].numpy(), pair.hr, data_range=1, border=scale))
    return float(np.mean(values))


def make_module(dataset: FinetuneData, config: Config) -> FidelityModule:
    """Return a training module for a data set, validated on the held-out images."""
    return FidelityModule(config, sampler_of([dataset.train], [1], config), dataset.held_out)


def estimate(module: FidelityModule) -> float:
    """Estimate the duration of a training run in seconds from a few steps on a copy."""
    compute = choose_compute()
    network, config = deepcopy(module.network).to(compute.device), module.config
    for step in range(TIMED_STEPS + 1):
        if step == 1:  # the first one is slower
            since = time.perf_counter()
        lr, hr = (p.to(compute.device) for p in module.sampler.batch(config.batch, step))
        with torch.autocast(compute.device.type, torch.bfloat16, compute.precision != "float32"):
            sr = network(lr.to(memory_format=torch.channels_last))
        (sr.float() - hr).abs().mean().backward()
        # Reading a value waits for the accelerator to finish.
        float(sr.detach().flatten()[0])
    return (time.perf_counter() - since) / TIMED_STEPS * config.steps


def compare(module: FidelityModule, start: Model, dataset: FinetuneData) -> Outcome:
    """Evaluate bicubic, the start and the averaged network on the held-out images."""
    average = module.average.eval()
    held_out, scale = dataset.held_out, start.scale
    return Outcome(
        bicubic=measure(None, held_out, scale),
        before=measure(start.network, held_out, scale),
        after=measure(average, held_out, scale),
        brightness_error=local_brightness_error(average, held_out, scale),
    )


@torch.inference_mode()
def local_brightness_error(
    network: torch.nn.Module, pairs: Sequence[StoredPair], scale: int
) -> float:
    """Return the largest error of means over 8 × 8 LR pixels, as a fraction of the range.

    It is measured on LR images and on crops of HR images as inputs: a network trained on few images
    may fail on smoother images, with local artefacts that PSNR on LR images does not show.
    """
    largest = 0.0
    for pair in pairs[:MAX_CHECKED_IMAGES]:
        for whole in (pair.lr, pair.hr):
            top, left = (max(0, n - CHECKED_SIDE) // 2 for n in whole.shape[1:])
            part = whole[:, top : top + CHECKED_SIDE, left : left + CHECKED_SIDE]
            x = torch.from_numpy(part[None].copy())
            before, after = avg_pool2d(x, 8), avg_pool2d(network(x), 8 * scale)
            largest = max(largest, float((after - before).abs().max()))
    return largest


def install(
    module: FidelityModule, start: Model, config: Config, dataset: FinetuneData, outcome: Outcome
) -> Path:
    """Save the model to the user folder, where napari-srgan finds it by name."""
    card = replace(
        start.card,
        name=config.name,
        end="fidelity",
        description=f"{start.card.name}, fine-tuned on images of one's own.",
        trained_on=f"{start.card.trained_on}; then {len(dataset.train)} images of one's own",
        degradation=dataset.degradation,
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


def start_name(name: str, channels: int, scale: int) -> str:
    """Return the name of the start; ``auto`` is the shipped model for the number of channels."""
    return choose_model(rgb=channels == 3, scale=scale) if name == "auto" else name


def load_start(name: str, channels: int) -> Model:
    """Load the start and convert it to the number of channels if necessary.

    Raises
    ------
    ModelError
        If the model does not exist.
    """
    model = load_model(name)
    if model.channels == channels:
        return model
    config = replace(model.card.config, channels=channels)
    network = Generator(config)
    network.load_state_dict(adapt_channels(model.state_dict(), channels))
    return Model(network.eval().requires_grad_(False), replace(model.card, config=config))
