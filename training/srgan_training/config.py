"""What a training run is made of, read from YAML."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Source:
    """Folders of HR images that are drawn from with one weight."""

    folders: tuple[str, ...]
    """relative to the data folder of the command line"""
    weight: float = 1.0
    """share of the patches, relative to the other sources"""
    exclude: tuple[str, ...] = ()
    """folders below them that are left out"""


@dataclass(frozen=True)
class FidelityConfig:
    """The fidelity phase: a generator trained on a pixel loss."""

    name: str
    """name of the model that comes out"""
    sources: tuple[Source, ...]
    channels: int = 3
    scale: int = 4
    features: int = 64
    blocks: int = 16
    start: str | None = None
    """model to start from (name or path); None starts at interpolation"""
    mix: float = 1.0
    """share of the trained weights in what is exported; the rest are those of ``start``, which
    keeps what it could on images unlike the new ones (Wortsman et al. 2022, WiSE-FT)"""
    loss: Literal["l1", "mse"] = "l1"
    """mse is the paper's"""
    steps: int = 30_000
    batch: int = 16
    patch: int = 24
    """side of the LR patch in pixels"""
    optimiser: Literal["adam", "muon"] = "muon"
    """muon: Muon for the 3×3 convolutions, Adam for all else"""
    lr: float = 1e-3
    """of Adam"""
    muon_lr: float = 0.02
    warmup: int = 100
    """steps over which the rates rise from 0"""
    decay: float = 0.5
    """last part of the run over which the rates fall to 0 linearly"""
    ema: float = 0.999
    """decay of the exponential moving average of the weights, which is what is shipped"""
    seed: int = 0
    validate: str | None = None
    """folder of HR images whose Y PSNR is followed, relative to the data folder"""
    every: int = 500
    """steps between validations and checkpoints"""
    description: str = ""
    """one sentence for the card: what the model is for"""
    domains: tuple[str, ...] = ()
    """kinds of images, for the card"""
    trained_on: str = ""
    """data and machine, for the card"""
    licence: str = ""
    """licence of the data, for the card"""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "patch", "every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.loss not in ("l1", "mse"):
            raise ValueError(f"loss is {self.loss!r}; allowed are 'l1' and 'mse'")
        if self.optimiser not in ("adam", "muon"):
            raise ValueError(f"optimiser is {self.optimiser!r}; allowed are 'adam' and 'muon'")
        for name in ("decay", "mix"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1")


def read_config(path: Path | str, **overrides: Any) -> FidelityConfig:
    """Read a configuration from YAML; ``overrides`` replace its values.

    Raises
    ------
    ValueError
        If a key is unknown, naming it and those allowed.
    """
    import yaml

    values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) | overrides
    known = [f.name for f in fields(FidelityConfig)]
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"{path}: unknown {unknown}; allowed are {known}")
    values["sources"] = tuple(
        Source(tuple(s["folders"]), float(s.get("weight", 1)), tuple(s.get("exclude", ())))
        for s in values["sources"]
    )
    values["domains"] = tuple(values.get("domains", ()))
    return FidelityConfig(**values)
