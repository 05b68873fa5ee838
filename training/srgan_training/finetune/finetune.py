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
from torch.nn.functional import avg_pool2d

from napari_srgan.engine.device import choose_compute
from napari_srgan.models import Model, load_model, save_model
from napari_srgan.models.registry import user_folder
from napari_srgan.nn.channels import adapt_channels
from napari_srgan.nn.generator import Generator
from napari_srgan.nn.resample import bicubic_up
from napari_srgan.options import choose_model

from ..config import Config, Source, read_config
from ..data.datasets import (
    REAL,
    left_out,
    made_pairs,
    read_all,
    sampler_of,
)
from ..data.lr_images import Making, degradation_of
from ..data.pairs import load_pairs, report
from ..data.patches import StoredPair
from ..evaluation.metrics import psnr
from ..images import Shelf, find_images
from ..phases.fidelity import FidelityModule

HELD_OUT = 0.15
"""part of the images that is kept for the comparison"""
NEEDED = 0.05
"""dB by which a model must beat its start to be called better"""
LEAST_SIDE = 8
"""LR pixels along Y and X of the smallest image that is trained on"""
MOST_STRAYED = 0.1
"""of the range, by which a model may change the brightness of a place"""
LOOKED_AT, LOOKED_SIDE = 12, 256
"""how many held-out images are searched for such places, and the side of the part that is"""
TIMED = 8
"""steps that are timed for the estimate"""


@dataclass(frozen=True)
class Material:
    """What was found in a folder."""

    train: list[StoredPair]
    held_out: list[StoredPair]
    channels: int
    degradation: str
    """how LR came about, in words"""
    note: str = ""
    """what a person should know of the images"""
    paired: bool = False
    """whether LR was not made but found"""


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


def look_at(
    folder: Path,
    scale: int,
    degradation: Any = "bicubic",
    *,
    interpolated: bool = False,
    harmonise: bool = True,
    seed: int = 0,
) -> Material:
    """Read a folder of pairs (subfolders ``LR`` and ``HR``) or of HR images, and split it.

    The split is by image, never by patch; planes of one volume stay together. What cannot be read,
    has less than `LEAST_SIDE` pixels in LR or is constant is left out, and named in the note.

    Parameters
    ----------
    folder
        What to train on.
    scale
        How many times finer HR is.
    degradation
        Makes the LR of HR images only.
    interpolated
        Whether LR images have the size of HR, so that they are reduced first.
    harmonise
        Whether HR is given the brightness of its LR.
    seed
        Of the split.

    Raises
    ------
    ValueError
        If the images cannot be used, saying why: unmatched names, wrong sizes, too few.
    """
    pairs = paired_folders(folder)
    if pairs:
        source = Source(
            (pairs[1].name,),
            lr=(pairs[0].name,),
            lr_grid="hr" if interpolated else "lr",
            harmonise=harmonise,
        )
        found = real_pairs(*pairs, scale, source)
    else:
        found = reduced_images(folder, scale, degradation, seed)
    groups = found.groups
    if len(groups) < 2:
        why = f" ({left_out(found.broken)})" if found.broken else ""
        raise ValueError(
            f"{folder}: {len(groups)} usable image{'s' * (not groups)}; at least two are needed, "
            f"since one is held out to measure on{why}"
        )
    names = list(groups)
    np.random.default_rng(seed).shuffle(names)
    count = max(1, round(HELD_OUT * len(names)))
    return Material(
        [pair for name in names[count:] for pair in groups[name]],
        [pair for name in names[:count] for pair in groups[name]],
        found.channels,
        found.degradation,
        found.note,
        paired=bool(pairs),
    )


def paired_folders(folder: Path) -> tuple[Path, Path] | None:
    """Return the subfolders LR and HR, in capitals or not, where both are there."""
    lr, hr = (next((p for p in sorted(folder.iterdir()) if p.name.lower() == n), None)
              for n in ("lr", "hr"))  # fmt: skip
    return None if lr is None or hr is None else (lr, hr)


@dataclass(frozen=True)
class Found:
    """The pairs of a folder, those of one file together."""

    groups: dict[str, list[StoredPair]]
    channels: int
    degradation: str
    note: str
    broken: list[tuple[Path, str]]
    """files that were left out, and why"""


def real_pairs(lr: Path, hr: Path, scale: int, source: Source) -> Found:
    """Read folders of LR and HR images."""
    channels = channels_of(find_images(hr))
    aligned, broken = load_pairs(
        lr, hr, scale, channels, source, Shelf(), least=LEAST_SIDE, varied=True
    )
    groups: dict[str, list[StoredPair]] = {}
    for each in aligned:
        groups.setdefault(each.name.split("[")[0], []).append(each.pair)
    note = report(aligned) if aligned else "no pair can be used"
    return Found(groups, channels, REAL, with_broken(note, broken), broken)


def reduced_images(folder: Path, scale: int, degradation: Any, seed: int) -> Found:
    """Read HR images and make their LR."""
    paths = find_images(folder)
    channels = channels_of(paths)
    making = Making(scale, degradation_of(degradation), seed=seed)
    groups, broken = made_pairs(paths, channels, making, Shelf(), least=LEAST_SIDE, varied=True)
    note = with_broken(f"{len(paths)} files", broken)
    named = {str(path): group for path, group in groups.items()}
    return Found(named, channels, making.describe(), note, broken)


def with_broken(note: str, broken: list[tuple[Path, str]]) -> str:
    """Add to a note which files were left out."""
    return f"{note}; {left_out(broken)}" if broken else note


def channels_of(paths: Sequence[Path]) -> int:
    """Return 3 where the images are RGB, else 1; the first that can be read decides."""
    broken = []
    for path in paths:
        planes, failed = read_all(path)
        broken += failed
        if planes:
            return len(planes[0])
    raise ValueError(f"none of {len(paths)} files can be read: {left_out(broken)}")


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
