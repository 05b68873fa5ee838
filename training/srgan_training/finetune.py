"""``srgan-train finetune``: a model for one's own data by one command."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_srgan.models import Model, load_model, save_model
from napari_srgan.models.registry import user_folder
from napari_srgan.nn.resample import bicubic_up
from napari_srgan.options import choose_model

from .config import Config, Source
from .data import degradation_of, left_out, read_all, reduce
from .fidelity import FidelityModule
from .images import find_images
from .metrics import psnr
from .pairs import load_pairs, report
from .patches import Pair, PatchSampler

HELD_OUT = 0.15
"""part of the images that is kept for the comparison"""
NEEDED = 0.05
"""dB by which a model must beat its start to be called better"""
TIMED = 8
"""steps that are timed for the estimate"""


@dataclass(frozen=True)
class Material:
    """What was found in a folder."""

    train: list[Pair]
    held_out: list[Pair]
    channels: int
    degradation: str
    """how LR came about, in words"""
    note: str = ""
    """what a person should know of the images"""


@dataclass(frozen=True)
class Outcome:
    """PSNR on the held-out images in dB."""

    bicubic: float
    before: float
    after: float

    @property
    def better(self) -> bool:
        """Whether the new model may be called better than where it started."""
        return self.after >= max(self.before, self.bicubic) + NEEDED


def look_at(folder: Path, scale: int, degradation: Any = "bicubic", seed: int = 0) -> Material:
    """Read a folder of pairs (subfolders ``LR`` and ``HR``) or of HR images, and split it.

    The split is by image, never by patch; planes of one volume stay together.

    Raises
    ------
    ValueError
        If the images cannot be used, saying why: unmatched names, wrong sizes, too few.
    """
    lr, hr = (next((p for p in sorted(folder.iterdir()) if p.name.lower() == n), None)
              for n in ("lr", "hr"))  # fmt: skip
    if lr is not None and hr is not None:
        channels = channels_of(find_images(hr))
        aligned = load_pairs(lr, hr, scale, channels)
        groups: dict[str, list[Pair]] = {}
        for each in aligned:
            groups.setdefault(each.name.split("[")[0], []).append(each.pair)
        made, note = "real LR images", report(aligned)
    else:
        paths = find_images(folder)
        channels = channels_of(paths)
        degrade, made = degradation_of(degradation)
        groups, broken = {}, []
        for number, path in enumerate(paths):
            images, failed = read_all([path])
            broken += failed
            if images:
                groups[str(path)] = [
                    reduce(
                        image.as_channels(channels),
                        scale,
                        degrade,
                        np.random.default_rng([seed, number, plane]),
                    )
                    for plane, image in enumerate(images)
                ]
        note = f"{len(paths)} files"
        if broken:
            note += f", {left_out(broken)}"
    if len(groups) < 2:
        raise ValueError(
            f"{folder}: {len(groups)} usable image; at least two are needed, since one is held "
            "out to measure on"
        )
    names = list(groups)
    np.random.default_rng(seed).shuffle(names)
    count = max(1, round(HELD_OUT * len(names)))
    held, kept = names[:count], names[count:]
    return Material(
        [pair for name in kept for pair in groups[name]],
        [pair for name in held for pair in groups[name]],
        channels,
        made,
        note,
    )


def channels_of(paths: Sequence[Path]) -> int:
    """Return 3 where the images are RGB, else 1; the first that can be read decides."""
    for path in paths:
        images, _ = read_all([path])
        if images:
            return len(images[0].pixels)
    raise ValueError(f"none of {len(paths)} files can be read")


def choose_settings(
    material: Material, start: Model, name: str, *, origin: str, steps: int | None, batch: int
) -> Config:
    """Pick sane values from the data: patch, steps, rates. ``origin`` is what ``start`` came of."""
    smallest = min(min(pair.lr.shape[1:]) for pair in material.train)
    if smallest < 8:
        raise ValueError(f"the smallest LR image is {smallest} pixels wide; at least 8 are needed")
    pixels = sum(pair.lr[0].size for pair in material.train)
    config = start.card.config
    return Config(
        name,
        (Source(("",)),),
        channels=material.channels,
        scale=start.scale,
        features=config.features,
        blocks=config.blocks,
        start=origin,
        patch=min(24, smallest),
        batch=batch,
        # Small sets are soon known by heart.
        steps=steps or (600 if pixels < 200_000 else 1500),
        every=200,
        lr=2e-4,
        muon_lr=0.004,
        decay=0.8,
        ema=0.99,
    )


@torch.inference_mode()
def measure(network: torch.nn.Module | None, pairs: Sequence[Pair], scale: int) -> float:
    """Return the mean PSNR in dB on [0, 1], ``scale`` pixels cut; None measures bicubic."""
    values = []
    for pair in pairs:
        x = torch.from_numpy(pair.lr[None].copy())
        y = bicubic_up(x, scale) if network is None else network(x)
        values.append(psnr(y[0].numpy(), pair.hr, data_range=1, border=scale))
    return float(np.mean(values))


def make_module(material: Material, config: Config) -> FidelityModule:
    """Return the training of a material, which follows the held-out images."""
    sampler = PatchSampler(
        [material.train], [1], scale=config.scale, patch=config.patch, seed=config.seed
    )
    return FidelityModule(config, sampler, material.held_out)


def estimate(module: FidelityModule) -> float:
    """Return how many seconds a training will take, from a few steps on a copy."""
    network, config = deepcopy(module.network), module.config
    since = time.perf_counter()
    for step in range(TIMED):
        lr, hr = module.sampler.batch(config.batch, step * config.batch)
        loss = (network(lr.to(memory_format=torch.channels_last)) - hr).abs().mean()
        loss.backward()
    return (time.perf_counter() - since) / TIMED * config.steps


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
    """Return the model to start from.

    Raises
    ------
    ValueError
        If it takes other channels than the images have.
    """
    model = load_model(name)
    if model.channels != channels:
        raise ValueError(
            f"{model.card.name} takes {model.channels} channels, the images have {channels}; start "
            "from another model, or from auto"
        )
    return model
