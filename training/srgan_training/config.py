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
    lr: tuple[str, ...] = ()
    """folders of the LR images that belong to them, one each; without them LR is made"""
    weight: float = 1.0
    """share of the patches, relative to the other sources"""
    exclude: tuple[str, ...] = ()
    """folders below them that are left out"""


@dataclass(frozen=True)
class Adversarial:
    """The adversarial phase: what is added to the pixel loss (Ledig et al. 2017, section 2.2)."""

    content: Literal["vgg", "features", "none"] = "features"
    """content loss: features of VGG19, or of the discriminator, which needs no download"""
    content_weight: float = 1.0
    content_norm: Literal["l1", "mse"] = "l1"
    """norm of the difference of features; mse is the paper's"""
    layer: Literal["2_2", "5_4"] = "5_4"
    """of VGG19"""
    activated: bool = False
    """whether VGG's features are taken after ReLU (the paper) or before (ESRGAN)"""
    vgg: str = "url"
    """VGG19's weights: ``url`` fetches torchvision's and checks their hash, else a local file"""
    loss: Literal["vanilla", "relativistic"] = "vanilla"
    weight: float = 1e-3
    """of the adversarial loss; the paper's"""
    ramp: int = 0
    """steps over which that weight rises from 0"""
    pixel_weight: float = 0.01
    """of the pixel loss, a small anchor"""
    label: float = 0.9
    """what the discriminator is told of real patches (one-sided label smoothing)"""
    lr: float = 1e-4
    """of the discriminator; unlike that of the generator it makes two time scales"""
    clip: float = 1.0
    """largest norm of a gradient; 0 does not clip"""
    spectral_norm: bool = False
    """of the discriminator, which then has no BatchNorm"""
    features: int = 64
    """of the discriminator's first layer; the paper's"""
    rescale: float = 1 / 12.75
    """factor on VGG's features, the paper's; 1 with ``content_norm: l1`` is ESRGAN's"""

    def __post_init__(self) -> None:
        allowed = {
            "content": ("vgg", "features", "none"),
            "content_norm": ("l1", "mse"),
            "layer": ("2_2", "5_4"),
            "loss": ("vanilla", "relativistic"),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f"adversarial.{name} is {getattr(self, name)!r}; allowed are {values}"
                )


@dataclass(frozen=True)
class Config:
    """A training: the fidelity phase, or with ``adversarial`` the second one."""

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
    workers: int = 0
    """processes that draw patches beside the one that trains"""
    schedule: Literal["linear", "cosine"] = "linear"
    """how the rates fall"""
    degradation: Any = "bicubic"
    """how LR is made of HR images: a name, a mapping or a list of them, see `degradations`"""
    adversarial: Adversarial | None = None
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
        if self.schedule not in ("linear", "cosine"):
            raise ValueError(f"schedule is {self.schedule!r}; allowed are 'linear' and 'cosine'")
        if self.workers < 0:
            raise ValueError(f"workers is {self.workers}; it must be at least 0")
        for name in ("decay", "mix"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1")

    @property
    def end(self) -> Literal["fidelity", "adversarial"]:
        """Which end of the model comes out."""
        return "fidelity" if self.adversarial is None else "adversarial"

    @property
    def end_name(self) -> str:
        """Name of the run's folder and of the model's file: the ends of one model have one each."""
        return self.name if self.end == "fidelity" else f"{self.name}-{self.end}"


def read_config(path: Path | str, **overrides: Any) -> Config:
    """Read a configuration from YAML; ``overrides`` replace its values.

    An override of a value within ``adversarial`` is named ``adversarial.weight``.

    Raises
    ------
    ValueError
        If a key is unknown, naming it and those allowed.
    """
    import yaml

    values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    for name, value in overrides.items():
        section, _, rest = name.rpartition(".")
        (values.setdefault(section, {}) if section else values)[rest] = value
    known = [f.name for f in fields(Config)]
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"{path}: unknown {unknown}; allowed are {known}")
    values["sources"] = tuple(
        Source(
            tuple(s["folders"]),
            tuple(s.get("lr", ())),
            float(s.get("weight", 1)),
            tuple(s.get("exclude", ())),
        )
        for s in values["sources"]
    )
    values["domains"] = tuple(values.get("domains", ()))
    if (adversarial := values.get("adversarial")) is not None:
        inner = [f.name for f in fields(Adversarial)]
        if unknown := sorted(set(adversarial) - set(inner)):
            raise ValueError(f"{path}: unknown {unknown} in adversarial; allowed are {inner}")
        values["adversarial"] = Adversarial(**adversarial)
    return Config(**values)
