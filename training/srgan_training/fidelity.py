"""Phase 1: train the generator on a pixel loss."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_srgan.engine.device import has_bfloat16_units
from napari_srgan.nn.generator import (
    Generator,
    GeneratorConfig,
    channels_last_,
    interpolate_,
)

from .config import FidelityConfig, Source
from .images import find_images, load_images
from .metrics import luma, psnr
from .muon import Muon
from .patches import Pair, PatchSampler, make_pair

LOSSES = {"l1": F.l1_loss, "mse": F.mse_loss}


@dataclass(frozen=True)
class Progress:
    """What a training yields after each step."""

    step: int
    loss: float
    psnr: float | None
    """Y PSNR of the averaged weights on the validation folder, where it was just measured"""


def load_source(source: Source, data: Path, config: FidelityConfig) -> list[Pair]:
    """Read the images of one source and make their LR."""
    paths = [
        path
        for folder in source.folders
        for path in find_images(data / folder)
        if not any((data / e) in path.parents for e in source.exclude)
    ]
    return [make_pair(i.as_channels(config.channels), config.scale) for i in load_images(paths)]


def rate(step: int, config: FidelityConfig) -> float:
    """Learning rate at ``step`` relative to its highest: warm-up, constant, linear to 0."""
    rise = (step + 1) / max(config.warmup, 1)
    fall = (config.steps - step) / max(config.decay * config.steps, 1)
    return max(0.0, min(1.0, rise, fall))


def make_optimisers(network: nn.Module, config: FidelityConfig) -> list[torch.optim.Optimizer]:
    """Adam for every weight, or Muon for the 3×3 convolutions and Adam for the rest."""

    def hidden(weight: Tensor) -> bool:
        return weight.ndim == 4 and weight.shape[-1] == 3 and config.optimiser == "muon"

    weights = list(network.parameters())
    rest = [w for w in weights if not hidden(w)]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.Adam(rest, lr=config.lr, betas=(0.9, 0.99))
    ]
    if len(rest) < len(weights):
        optimisers.append(Muon([w for w in weights if hidden(w)], lr=config.muon_lr))
    return optimisers


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the exponential moving average towards the network (weights and BN statistics)."""
    own, new = average.state_dict(), network.state_dict()
    for name, value in own.items():
        if value.is_floating_point():
            value.lerp_(new[name], 1 - decay)
        else:
            value.copy_(new[name])


@torch.inference_mode()
def validate(network: nn.Module, pairs: list[Pair], scale: int) -> float:
    """Return the mean Y PSNR in dB over ``pairs``, ``scale`` pixels cut at the border."""
    network.eval()
    device = next(network.parameters()).device
    total = 0.0
    for pair in pairs:
        lr = torch.from_numpy(pair.lr[None].copy()).to(device, memory_format=torch.channels_last)
        sr = network(lr)[0].float().cpu().numpy()
        total += psnr(luma(sr), luma(pair.hr), border=scale)
    return total / len(pairs)


class FidelityTraining:
    """State of a run: network, average, optimisers, position in the random sequences.

    Parameters
    ----------
    config
        What to train and how.
    data
        Folder that the configuration's paths are relative to.
    folder
        Where checkpoint and log are kept. A checkpoint found there is resumed.
    """

    def __init__(self, config: FidelityConfig, data: Path, folder: Path) -> None:
        self.config, self.folder = config, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.bfloat16 = self.device.type == "cuda" or has_bfloat16_units()
        torch.manual_seed(config.seed)
        self.network = self._prepare(start(config))
        self.average = deepcopy(self.network)
        self.optimisers = make_optimisers(self.network, config)
        self.sampler = PatchSampler(
            [load_source(s, data, config) for s in config.sources],
            [s.weight for s in config.sources],
            scale=config.scale,
            patch=config.patch,
            seed=config.seed,
        )
        self.validation: list[Pair] = []
        if config.validate:
            source = Source((config.validate,))
            self.validation = load_source(source, data, config)
        self.step = 0
        self.seconds = 0.0
        if self.checkpoint.exists():
            self.resume()

    def _prepare(self, network: Generator) -> Generator:
        channels_last_(network)
        return network.to(self.device)

    @property
    def checkpoint(self) -> Path:
        """File from which a killed run goes on at the exact step."""
        return self.folder / "last.pt"

    def save(self) -> None:
        """Write the checkpoint beside the old one and put it in its place."""
        beside = self.checkpoint.with_suffix(".tmp")
        state: dict[str, Any] = {
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "sampler": self.sampler.rng.bit_generator.state,
        }
        torch.save(state, beside)
        os.replace(beside, self.checkpoint)

    def resume(self) -> None:
        """Take up the state of the checkpoint."""
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        self.step, self.seconds = state["step"], state["seconds"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.sampler.rng.bit_generator.state = state["sampler"]

    def run(self) -> Iterator[Progress]:
        """Train to the last step, yielding after each one."""
        config, loss_of = self.config, LOSSES[self.config.loss]
        total = 0.0
        since = time.perf_counter()
        while self.step < config.steps:
            self.network.train()
            for optimiser in self.optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = group.setdefault("initial_lr", group["lr"])
                    group["lr"] *= rate(self.step, config)
            lr, hr = (
                t.to(self.device, memory_format=torch.channels_last)
                for t in self.sampler.batch(config.batch)
            )
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
                sr = self.network(lr)
            loss = loss_of(sr.float(), hr)
            self.network.zero_grad()
            loss.backward()
            for optimiser in self.optimisers:
                optimiser.step()
            # A young average follows fast, so that it forgets the start.
            decay = min(config.ema, (1 + self.step) / (10 + self.step))
            update_average(self.average, self.network, decay)
            self.step += 1
            total += loss.item()
            measured = None
            if self.step % config.every == 0 or self.step == config.steps:
                now = time.perf_counter()
                self.seconds, since = self.seconds + now - since, now
                if self.validation:
                    measured = validate(self.average, self.validation, config.scale)
                self._log(total / config.every, measured)
                total = 0.0
                self.save()
            yield Progress(self.step, loss.item(), measured)

    def _log(self, loss: float, measured: float | None) -> None:
        path = self.folder / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", "loss", "psnr_y", "rate", "seconds"])
            row = [self.step, f"{loss:.6f}", "" if measured is None else f"{measured:.3f}"]
            writer.writerow([*row, f"{rate(self.step, self.config):.4f}", f"{self.seconds:.0f}"])


def start(config: FidelityConfig) -> Generator:
    """Return the network that a run begins with."""
    network = Generator(
        GeneratorConfig(config.channels, config.scale, config.features, config.blocks)
    )
    if config.start is None:
        return interpolate_(network, noise=0.3)
    from napari_srgan.models import load_model

    from .channels import adapt_channels

    state = load_model(config.start).state_dict()
    network.load_state_dict(adapt_channels(state, config.channels))
    return network
