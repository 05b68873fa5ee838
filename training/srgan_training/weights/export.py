"""Export of a checkpoint as a model file with its card."""

from __future__ import annotations

from pathlib import Path

import torch

from napari_srgan import ModelCard, load_model
from napari_srgan.models import save_model
from napari_srgan.models.blend import between

from ..config import Config
from ..data.datasets import describe_lr
from ..phases.base import initial_network
from ..phases.checkpoints import LAST


def export(config: Config, run: Path, folder: Path) -> Path:
    """Write the averaged weights of a run as a model file.

    Parameters
    ----------
    config
        Configuration of the run.
    run
        Folder of the checkpoint.
    folder
        Folder of the model file, which is named after the configuration; ``-adversarial`` is
        appended to the name of an adversarial end.

    Raises
    ------
    FileNotFoundError
        If the run has no checkpoint.
    """
    checkpoint = run / LAST
    if not checkpoint.is_file():
        raise FileNotFoundError(f"{run}: no checkpoint; run `srgan-train fit` first")
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")["state_dict"]
    prefix = "average."
    average = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    if config.start is not None and config.mix < 1:
        average = between(initial_network(config).state_dict(), average, config.mix)
    begun = 0 if config.start is None else load_model(config.start).card.steps
    card = ModelCard(
        name=config.name,
        end=config.end,
        config=config.architecture,
        description=config.description,
        domains=config.domains,
        trained_on=config.trained_on,
        degradation=describe_lr(config),
        not_for=config.not_for or ModelCard.not_for,
        steps=begun + int(state["done"]),
        data_licence=config.licence,
    )
    return save_model(folder / config.end_name, average, card)


def write_figures(path: Path, figures: dict[str, dict[str, float]], command: str) -> Path:
    """Write measured figures and the command that measured them to the card of a model file."""
    from dataclasses import replace

    from napari_srgan.models import load_file

    network, card = load_file(path)
    card = replace(card, figures=figures, command=command)
    return save_model(path, network.state_dict(), card)
