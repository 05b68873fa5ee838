"""``srgan-train derive``: combine the weights of models without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from napari_srgan import Model, load_model
from napari_srgan.models import save_model
from napari_srgan.models.blend import State
from napari_srgan.models.card import End
from napari_srgan.nn.channels import adapt_channels

from ..config import CHECKED, Count, Positive, Share, end_name, read_yaml


@dataclass(frozen=True, config=CHECKED)
class TaskVector:
    """Scaled difference between the weights of two models (task vector, Ilharco et al. 2023)."""

    low: str
    """name or path of the model before training"""
    high: str
    """name or path of the model after training"""
    share: Share = 1.0
    """factor of the difference"""


@dataclass(frozen=True, config=CHECKED)
class Derivation:
    """Derivation of a model from others; it is an adversarial end if any of them is."""

    name: str
    """name of the derived model"""
    start: Annotated[tuple[str, ...], Field(min_length=1)]
    """name or path of the base model, or of several whose weights are averaged"""
    parts: tuple[Positive, ...] = ()
    """relative weights of ``start`` in the average (model soup, Wortsman et al. 2022); empty gives
    all the same weight"""
    channels: Count = 3
    """number of channels that the model is converted to"""
    ways: tuple[TaskVector, ...] = ()
    """task vectors that are added to ``start``"""
    description: str = ""
    """purpose of the model in one sentence, for the card"""
    domains: tuple[str, ...] = ()
    """kinds of images, for the card; empty copies those of ``start``"""
    trained_on: str = ""
    """training data and machine, for the card; empty copies that of ``start``"""

    sections: ClassVar = {"ways": TaskVector}


def read_derivation(path: Path) -> Derivation:
    """Read a derivation from YAML.

    Raises
    ------
    ValueError
        If a key or value is invalid; the message names all of them.
    """
    return read_yaml(Derivation, path)


def derive(derivation: Derivation, folder: Path) -> Path:
    """Write the model file of a derivation.

    Parameters
    ----------
    derivation
        Models and weights of the derivation.
    folder
        Folder of the model file, which is named after the derivation; ``-adversarial`` is appended
        to the name of an adversarial end.

    Raises
    ------
    ModelError
        If a model cannot be loaded.
    ValueError
        If architectures differ, or the number of ``parts`` is not that of ``start``.

    Notes
    -----
    The average of weights from successive training runs is often better than each of them
    (Wortsman et al. 2022, *Model soups*). A task vector has nearly the same effect on another
    network that was fine-tuned from the same weights (Ilharco et al. 2023, *Editing Models with
    Task Arithmetic*, section 2).
    """
    d = derivation
    models = [load_model(name) for name in d.start]
    model = models[-1]
    state = adapt_channels(average_weights(models, d.parts), d.channels)
    ends = {each.card.end for each in models}
    for vector in d.ways:
        low, high = load_model(vector.low), load_model(vector.high)
        state = add_task_vector(state, model, low, high, vector.share)
        ends.add(high.card.end)
    end: End = "adversarial" if "adversarial" in ends else "fidelity"
    card = replace(
        model.card,
        name=d.name,
        end=end,
        config=replace(model.card.config, channels=d.channels),
        description=d.description or model.card.description,
        domains=d.domains or model.card.domains,
        trained_on=d.trained_on or model.card.trained_on,
        figures={},
        command="",
    )
    return save_model(folder / end_name(d.name, end), state, card)


def average_weights(models: Sequence[Model], soup_weights: Sequence[float]) -> State:
    """Return the weighted average of parameters and statistics of models of one architecture."""
    if len(soup_weights) not in (0, len(models)):
        raise ValueError(
            f"{len(soup_weights)} parts for {len(models)} models; give one each or none"
        )
    fractions = torch.tensor(soup_weights or [1.0] * len(models))
    fractions = fractions / fractions.sum()
    if len({model.card.config for model in models}) > 1:
        raise ValueError(f"{', '.join(m.card.name for m in models)}: differ in architecture")
    states = [model.state_dict() for model in models]
    return {
        k: torch.tensordot(fractions, torch.stack([s[k] for s in states]), 1)
        if v.is_floating_point()
        else v
        for k, v in states[-1].items()
    }


def add_task_vector(state: State, model: Model, low: Model, high: Model, share: float) -> State:
    """Return a state dict with an added task vector from ``low`` to ``high``.

    Batch normalisation statistics are unchanged, as is the last convolution if the scales differ,
    since it operates at another resolution.
    """
    if low.card.config != high.card.config:
        raise ValueError(
            f"{low.card.name} and {high.card.name} are no two ends: {low.card.config} and "
            f"{high.card.config}"
        )
    channels = state["head.weight"].shape[1]
    base_state, tuned_state = (adapt_channels(m.state_dict(), channels) for m in (low, high))

    def add_change(name: str, value: Tensor) -> Tensor:
        other = model.scale != low.scale and name.startswith("tail.")
        if other or "running_" in name or not value.is_floating_point() or name not in tuned_state:
            return value
        if value.shape != tuned_state[name].shape:
            raise ValueError(
                f"{name} is {tuple(value.shape)} in {model.card.name} and "
                f"{tuple(tuned_state[name].shape)} in {high.card.name}"
            )
        return value + share * (tuned_state[name] - base_state[name])

    return {name: add_change(name, value) for name, value in state.items()}
