"""What a training run is made of, read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.dataclasses import dataclass

from napari_srgan.models.card import End
from napari_srgan.nn.generator import GeneratorConfig

from .projected_config import Projected
from .validated import CHECKED as CHECKED
from .validated import Count as Count
from .validated import NotNegative
from .validated import Positive as Positive
from .validated import Share as Share

PRESETS = Path(__file__).parent / "presets"
"""recipes that go with the package, by name"""

T = TypeVar("T")


@dataclass(frozen=True, config=CHECKED)
class Source:
    """Folders of HR images that are drawn from with one weight."""

    folders: tuple[str, ...]
    """relative to the data folder of the command line"""
    lr: tuple[str, ...] = ()
    """folders of the LR images that belong to them, one each; without them LR is made"""
    lr_grid: Literal["lr", "hr"] = "lr"
    """hr: LR images were interpolated to the size of HR, and are reduced before training"""
    harmonise: bool = True
    """whether HR is given the brightness and contrast of its LR, so that the model learns detail
    and not another sensor's intensities"""
    degradation: Any = None
    """how LR is made of these HR images; None as everywhere else in the configuration"""
    draws: Count = 1
    """how often LR is made of each image, so that a network learns noise as such and not the noise
    of the images it has seen"""
    scene: Any = None
    """what HR images go through before their LR is made, as a degradation that keeps their size:
    the grain or the blur of a scene, which a network must not take for a sensor's and remove"""
    teacher: str | None = None
    """model that teaches on these images; None as everywhere else in the configuration, and where
    none does there either, HR alone is learnt from"""
    weight: Positive = 1.0
    """share of the patches, relative to the other sources"""
    exclude: tuple[str, ...] = ()
    """folders below them that are left out"""


@dataclass(frozen=True, config=CHECKED)
class Adversarial:
    """The adversarial phase: what is added to the pixel loss (Ledig et al. 2017, section 2.2)."""

    content: Literal["vgg", "features", "none"] = "features"
    """content loss: features of VGG19, or of the discriminator, which needs no download"""
    content_weight: NotNegative = 1.0
    content_norm: Literal["l1", "mse"] = "l1"
    """norm of the difference of features; mse is the paper's"""
    layer: Literal["2_2", "5_4"] = "5_4"
    """of VGG19"""
    activated: bool = False
    """whether VGG's features are taken after ReLU (the paper) or before (ESRGAN)"""
    vgg: str = "url"
    """VGG19's weights: ``url`` fetches torchvision's and checks their hash, else a local file"""
    loss: Literal["vanilla", "relativistic", "hinge"] = "vanilla"
    weight: NotNegative = 1e-3
    """of the adversarial loss; the paper's"""
    ramp: Annotated[int, Field(ge=0)] = 0
    """steps over which that weight rises from 0"""
    pixel_weight: NotNegative = 0.01
    """of the pixel loss with ``amplitude`` … ``grid``, a small anchor"""
    label: Share = 0.9
    """what the discriminator is told of real patches (one-sided label smoothing)"""
    lr: Positive = 1e-4
    """of the discriminator; unlike that of the generator it makes two time scales"""
    clip: NotNegative = 1.0
    """largest norm of a gradient; 0 does not clip"""
    spectral_norm: bool = False
    """of the discriminator, which then has no BatchNorm"""
    features: Count = 64
    """of the discriminator's first layer; the paper's"""
    rescale: Positive = 1 / 12.75
    """factor on VGG's features, the paper's; 1 with ``content_norm: l1`` is ESRGAN's"""


def some(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """Refuse an empty list."""
    if not sources:
        raise ValueError("at least one source is needed")
    return sources


@dataclass(frozen=True, config=CHECKED)
class Config:
    """A training: the fidelity phase, or with ``adversarial`` the second one."""

    name: str
    """name of the model that comes out"""
    sources: Annotated[tuple[Source, ...], AfterValidator(some)]
    channels: Count = 3
    scale: Annotated[int, Field(ge=2, multiple_of=2)] = 4
    features: Count = 64
    blocks: Count = 16
    upsampling: Literal["staged", "direct"] = "staged"
    """direct: one convolution and pixel shuffle, for a network that is fast"""
    teacher: str | None = None
    """model whose results are learnt from beside the HR images (distillation)"""
    teacher_share: Share = 0.5
    """of the loss that is measured against the teacher, the rest against HR"""
    teacher_ways: Literal[1, 2, 4, 8] = 1
    """ways in which the teacher sees an image, turned and flipped; what it makes of it is their
    mean, so that a model can be taught by itself"""
    teacher_consistency: Annotated[int, Field(ge=0)] = 0
    """steps of back-projection after the teacher, which hold the means of LR without noise"""
    start: str | None = None
    """model to start from (name or path); None starts at interpolation"""
    mix: Share = 1.0
    """share of the trained weights in what is exported; the rest are those of ``start``, which
    keeps what it could on images unlike the new ones (Wortsman et al. 2022, WiSE-FT)"""
    loss: Literal["l1", "mse"] = "l1"
    """mse is the paper's"""
    patch_weights: Literal["equal", "psnr"] = "equal"
    """psnr: the pixel loss of a patch counts in inverse proportion to its squared difference from
    HR, as images do in a mean of PSNR; else what is hard to restore outweighs all the rest"""
    amplitude: NotNegative = 0.0
    """weight of the difference of local Fourier amplitudes, which brings contrast where phases
    cannot be known"""
    structure: NotNegative = 0.0
    """weight of 1 − SSIM, which brings contrast where it is known to lie"""
    coarse: NotNegative = 0.0
    """weight, beside the pixel loss, of the difference between means over scale × scale pixels"""
    grid: NotNegative = 0.0
    """weight, beside the pixel loss, of the difference between the means of each sub-pixel, which
    keeps the grid of a pixel shuffle out of short trainings"""
    flat: NotNegative = 0.0
    """weight, beside the pixel loss, of the largest differences in patches of one colour throughout
    (see ``uniform``)"""
    steps: Count = 30_000
    batch: Count = 16
    patch: Count = 24
    """side of the LR patch in pixels"""
    intensity: Share = 0.5
    """share of the patches that are given another brightness and contrast within [0, 1], LR and HR
    alike; without it a network fails on levels that its images hardly have"""
    uniform: Share = 0.0
    """share of the patches that are one colour throughout, of any level: a small network learns
    to keep the corners of flat areas as they are"""
    optimiser: Literal["adam", "muon"] = "muon"
    """muon: Muon for the 3×3 convolutions, Adam for all else"""
    lr: Positive = 1e-3
    """of Adam"""
    muon_lr: Positive = 0.02
    warmup: Annotated[int, Field(ge=0)] = 100
    """steps over which the rates rise from 0"""
    decay: Share = 0.5
    """last part of the run over which the rates fall"""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """decay of the exponential moving average of the weights, which is what is shipped"""
    statistics: Literal["batch", "kept"] = "batch"
    """of batch normalisation: of each batch, or those of ``start``, so that the network is trained
    just as it will be used; with the first it may fail on smooth areas after few images"""
    seed: int = 0
    workers: Annotated[int, Field(ge=0)] = 0
    """processes that draw patches beside the one that trains"""
    schedule: Literal["linear", "cosine", "step"] = "linear"
    """how the rates fall: to 0, or at once to a tenth (the paper's)"""
    degradation: Any = "bicubic"
    """how LR is made of HR images: a name, a mapping or a list of them, see `degradations`"""
    adversarial: Adversarial | None = None
    projected: Projected | None = None
    """in place of ``adversarial``: discriminators on the features of a frozen network"""
    validate: str | None = None
    """folder of HR images whose Y PSNR is followed, relative to the data folder"""
    every: Count = 500
    """steps between validations and checkpoints"""
    description: str = ""
    """one sentence for the card: what the model is for"""
    not_for: str = ""
    """what the model is not for, for the card; empty says that fine detail is a guess"""
    domains: tuple[str, ...] = ()
    """kinds of images, for the card"""
    trained_on: str = ""
    """data and machine, for the card"""
    licence: str = ""
    """licence of the data, for the card"""

    sections: ClassVar = {"sources": Source, "adversarial": Adversarial, "projected": Projected}

    @field_validator("projected")
    @classmethod
    def _fits(cls, projected: Projected | None, info: ValidationInfo) -> Projected | None:
        """Refuse two adversarial phases at once, and patches that the networks cannot see."""
        if projected is None:
            return None
        if info.data.get("adversarial") is not None:
            raise ValueError("a run has one adversarial phase: leave out this or 'adversarial'")
        # One less than the scale goes where patches are shifted, so that strides leave no grid.
        scale = info.data.get("scale", 2)
        side = info.data.get("patch", 0) * scale - scale + 1
        if "patch" in info.data and side < projected.least_side():
            raise ValueError(
                f"patches of {info.data['patch']} × {scale} pixels are too small; with these "
                f"stages, patch must be at least {-(-(projected.least_side() - 1) // scale) + 1}"
            )
        return projected

    @property
    def architecture(self) -> GeneratorConfig:
        """Of the generator."""
        return GeneratorConfig(
            self.channels, self.scale, self.features, self.blocks, upsampling=self.upsampling
        )

    @property
    def end(self) -> End:
        """Which end of the model comes out."""
        calm = self.adversarial is None and self.projected is None
        return "fidelity" if calm else "adversarial"

    @property
    def end_name(self) -> str:
        """Name of the run's folder and of the model's file: the ends of one model have one each."""
        return end_name(self.name, self.end)


def end_name(name: str, end: End) -> str:
    """Return the name of the file of one end of a model."""
    return name if end == "fidelity" else f"{name}-{end}"


def read_config(path: Path | str, **overrides: Any) -> Config:
    """Read a configuration from YAML; ``overrides`` replace its values.

    Parameters
    ----------
    path
        A file, or the name of a preset: what lies in ``presets`` beside this module.
    overrides
        A value within ``adversarial`` is named ``adversarial.weight``.

    Raises
    ------
    ValueError
        If there is no such file or preset, or if a key or value is wrong: each is named, with
        what is allowed.
    """
    return read_yaml(Config, find_config(path), **overrides)


def read_yaml(kind: type[T], file: Path, **overrides: Any) -> T:
    """Read a checked dataclass from a YAML file, see `read_config`."""
    values = read_mapping(file)
    for name, value in overrides.items():
        section, _, rest = name.rpartition(".")
        (values.setdefault(section, {}) if section else values)[rest] = value
    return checked(kind, values, str(file))


def read_mapping(file: Path) -> dict[str, Any]:
    """Read a YAML file that holds names and values."""
    import yaml

    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError(f"{file}: is not a YAML mapping of names to values")
    return values


def checked(kind: type[T], values: dict[str, Any], where: str) -> T:
    """Return a checked dataclass of these values; ``where`` they come from begins an error."""
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        said = (sentence(each, kind) for each in error.errors())
        raise ValueError(f"{where}: {'; '.join(said)}") from error


def find_config(path: Path | str) -> Path:
    """Return the file of a configuration, or of the preset of that name.

    Raises
    ------
    ValueError
        If there is neither, naming the presets.
    """
    preset = PRESETS / f"{path}.yaml"
    if Path(path).is_file():
        return Path(path)
    if preset.is_file():
        return preset
    names = ", ".join(sorted(p.stem for p in PRESETS.glob("*.yaml")))
    raise ValueError(f"{path}: no such file, and no preset either; presets are {names}")


def sentence(error: Any, kind: type[Any] = Config) -> str:
    """Say what is wrong with one value of a checked dataclass, as pydantic found it."""
    name = ".".join(map(str, error["loc"]))
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        section = getattr(kind, "sections", {}).get(str(error["loc"][0]), kind)
        return f"{name}: there is no such setting; allowed are {', '.join(section.__annotations__)}"
    if error["type"].startswith("missing"):
        return f"{name}: is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{name}: is {error['input']!r}; {message[:1].lower()}{message[1:]}"


def schema() -> dict[str, Any]:
    """Return the JSON schema of a configuration, by which editors complete and check its YAML."""
    return TypeAdapter(Config).json_schema()
