"""``srgan-train derive``: a model made of others, without training."""

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

from ..config import (
    CHECKED,
    Count,
    Positive,
    Share,
    end_name,
    read_yaml,
)


@dataclass(frozen=True, config=CHECKED)
class Way:
    """What a training changed in a model: from ``low``, where it began, to ``high``."""

    low: str
    """name or path"""
    high: str
    """name or path"""
    share: Share = 1.0
    """of the change"""


@dataclass(frozen=True, config=CHECKED)
class Derivation:
    """What is made of which models; of an adversarial end comes an adversarial end."""

    name: str
    """of the model that comes out"""
    start: Annotated[tuple[str, ...], Field(min_length=1)]
    """model that it is made of (name or path), or several whose weights are averaged"""
    parts: tuple[Positive, ...] = ()
    """of each of ``start`` in the mean, relative to the others; none: all alike"""
    channels: Count = 3
    """that it is carried over to"""
    ways: tuple[Way, ...] = ()
    """changes that are added to ``start``"""
    description: str = ""
    """one sentence for the card: what the model is for"""
    domains: tuple[str, ...] = ()
    """kinds of images, for the card; none: those of ``start``"""
    trained_on: str = ""
    """data and machine, for the card; empty: that of ``start``"""

    sections: ClassVar = {"ways": Way}


def read_derivation(path: Path) -> Derivation:
    """Read a derivation from YAML.

    Raises
    ------
    ValueError
        If a key or value is wrong: each is named, with what is allowed.
    """
    return read_yaml(Derivation, path)


def derive(derivation: Derivation, folder: Path) -> Path:
    """Write the model file of a derivation.

    Parameters
    ----------
    derivation
        What is made of which models.
    folder
        Where the file goes, under the derivation's name; that of an adversarial end has
        ``-adversarial`` behind it.

    Raises
    ------
    ModelError
        If a model cannot be loaded.
    ValueError
        If the models do not fit each other, or not every one has its part.

    Notes
    -----
    The mean of the weights of trainings that followed on each other is often better than each
    (Wortsman et al. 2022, *Model soups*). A change of the weights that was trained on one network
    does nearly the same to another that was fine-tuned from the same weights (Ilharco et al. 2023,
    *Editing Models with Task Arithmetic*, section 2).
    """
    d = derivation
    models = [load_model(name) for name in d.start]
    model = models[-1]
    state = adapt_channels(mean(models, d.parts), d.channels)
    ends = {each.card.end for each in models}
    for way in d.ways:
        low, high = load_model(way.low), load_model(way.high)
        state = changed(state, model, low, high, way.share)
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


def mean(models: Sequence[Model], parts: Sequence[float]) -> State:
    """Return the mean of the weights and statistics of models of one architecture."""
    if len(parts) not in (0, len(models)):
        raise ValueError(f"{len(parts)} parts for {len(models)} models; give one each or none")
    shares = torch.tensor(parts or [1.0] * len(models))
    shares = shares / shares.sum()
    if len({model.card.config for model in models}) > 1:
        raise ValueError(f"{', '.join(m.card.name for m in models)}: differ in architecture")
    states = [model.state_dict() for model in models]
    return {
        k: torch.tensordot(shares, torch.stack([s[k] for s in states]), 1)
        if v.is_floating_point()
        else v
        for k, v in states[-1].items()
    }


def changed(state: State, model: Model, low: Model, high: Model, share: float) -> State:
    """Return a state to which the change from one model to another is added.

    Statistics stay as they are, and so does the last convolution where the scales differ: it works
    on features of another size.
    """
    if low.card.config != high.card.config:
        raise ValueError(
            f"{low.card.name} and {high.card.name} are no two ends: {low.card.config} and "
            f"{high.card.config}"
        )
    channels = state["head.weight"].shape[1]
    before, after = (adapt_channels(m.state_dict(), channels) for m in (low, high))

    def step(name: str, value: Tensor) -> Tensor:
        other = model.scale != low.scale and name.startswith("tail.")
        if other or "running_" in name or not value.is_floating_point() or name not in after:
            return value
        if value.shape != after[name].shape:
            raise ValueError(
                f"{name} is {tuple(value.shape)} in {model.card.name} and "
                f"{tuple(after[name].shape)} in {high.card.name}"
            )
        return value + share * (after[name] - before[name])

    return {name: step(name, value) for name, value in state.items()}
