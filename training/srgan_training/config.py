"""Configuration of a training run, read from YAML."""

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
"""folder of the built-in presets, by name"""

T = TypeVar("T")


@dataclass(frozen=True, config=CHECKED)
class Source:
    """Folders of HR images, optionally with LR images, that share one sampling weight."""

    folders: tuple[str, ...]
    """folders of HR images, relative to the data folder of the command line"""
    lr: tuple[str, ...] = ()
    """folders of LR images, one for each folder of HR images; empty synthesises LR"""
    lr_grid: Literal["lr", "hr"] = "lr"
    """grid of the LR images; hr: they were interpolated to the size of HR and are reduced first"""
    harmonise: bool = True
    """whether brightness and contrast of HR are matched to LR, so that the model does not learn the
    intensities of another sensor"""
    degradation: Any = None
    """degradation that makes LR; None is that of the configuration"""
    draws: Count = 1
    """number of random LR images per HR image, so that the network does not memorise one noise
    realisation"""
    scene: Any = None
    """degradation at constant size that is applied to HR before LR is made, such as grain or blur
    of the scene, which the network is to preserve"""
    teacher: str | None = None
    """teacher for these images (name or path); None is that of the configuration; not with
    ``adversarial`` or ``projected``"""
    weight: Positive = 1.0
    """sampling weight relative to the other sources"""
    exclude: tuple[str, ...] = ()
    """subfolders that are excluded"""


@dataclass(frozen=True, config=CHECKED)
class Adversarial:
    """Settings of the adversarial phase (Ledig et al. 2017, section 2.2)."""

    content: Literal["vgg", "features", "none"] = "features"
    """features of the content loss: VGG19, or the discriminator, which needs no download"""
    content_weight: NotNegative = 1.0
    """weight of the content loss"""
    content_norm: Literal["l1", "mse"] = "l1"
    """distance between features; mse as in the paper"""
    layer: Literal["2_2", "5_4"] = "5_4"
    """layer of VGG19"""
    activated: bool = False
    """whether VGG19 features are taken after the ReLU (SRGAN) or before it (ESRGAN)"""
    vgg: str = "url"
    """weights of VGG19: ``url`` downloads and verifies those of torchvision; else a local file"""
    loss: Literal["vanilla", "relativistic", "hinge"] = "vanilla"
    """adversarial loss"""
    weight: NotNegative = 1e-3
    """weight of the adversarial loss; 0.001 in the paper"""
    ramp: Annotated[int, Field(ge=0)] = 0
    """number of steps in which the weight of the adversarial loss rises from 0"""
    pixel_weight: NotNegative = 0.01
    """weight of the pixel loss with all auxiliary losses"""
    label: Share = 0.9
    """target of the discriminator for real patches (one-sided label smoothing)"""
    lr: Positive = 1e-4
    """learning rate of the discriminator (two time-scale update rule, Heusel et al. 2017)"""
    clip: NotNegative = 1.0
    """maximum gradient norm; 0 disables clipping"""
    spectral_norm: bool = False
    """whether the discriminator has spectral normalisation instead of BatchNorm"""
    features: Count = 64
    """number of features of the first layer of the discriminator; 64 in the paper"""
    rescale: Positive = 1 / 12.75
    """factor of the VGG19 features, as in the paper; ESRGAN uses 1 with ``content_norm: l1``"""


def require_source(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """Raise ValueError for an empty list."""
    if not sources:
        raise ValueError("at least one source is needed")
    return sources


@dataclass(frozen=True, config=CHECKED)
class Config:
    """Settings of a training run: the fidelity phase, or an adversarial phase if one is given."""

    name: str
    """name of the trained model"""
    sources: Annotated[tuple[Source, ...], AfterValidator(require_source)]
    """sources of training images"""
    channels: Count = 3
    """number of channels of the images"""
    scale: Annotated[int, Field(ge=2, multiple_of=2)] = 4
    """factor by which HR is larger along Y and X"""
    features: Count = 64
    """number of features of the generator"""
    blocks: Count = 16
    """number of residual blocks of the generator"""
    upsampling: Literal["staged", "direct"] = "staged"
    """upsampling of the generator; direct: one convolution and pixel shuffle, which is faster"""
    teacher: str | None = None
    """teacher for knowledge distillation (name or path); not with ``adversarial`` or
    ``projected``"""
    teacher_share: Share = 0.5
    """weight of the loss against the teacher; the remainder is that of the loss against HR"""
    teacher_ways: Literal[1, 2, 4, 8] = 1
    """number of transforms of the geometric self-ensemble of the teacher, which lets a model be its
    own teacher"""
    teacher_consistency: Annotated[int, Field(ge=0)] = 0
    """number of back-projection steps after the teacher, for LR images without noise"""
    start: str | None = None
    """model to start from (name or path); None starts from interpolation"""
    mix: Share = 1.0
    """weight of the trained parameters in the exported model; the remainder is that of ``start``,
    for robustness to other images (Wortsman et al. 2022, WiSE-FT)"""
    loss: Literal["l1", "mse"] = "l1"
    """pixel loss; mse as in the paper"""
    patch_weights: Literal["equal", "psnr"] = "equal"
    """weights of patches in the pixel loss; psnr: inversely proportional to the mean squared error,
    which maximises the mean PSNR and reduces the influence of difficult patches"""
    amplitude: NotNegative = 0.0
    """weight of the loss on local Fourier amplitudes, which increases contrast where phases are
    unknown"""
    structure: NotNegative = 0.0
    """weight of the loss 1 − SSIM, which increases contrast at known positions"""
    coarse: NotNegative = 0.0
    """weight of the loss on means over scale × scale pixels"""
    grid: NotNegative = 0.0
    """weight of the loss on the means of sub-pixel positions, which suppresses pixel-shuffle grids
    in short runs"""
    flat: NotNegative = 0.0
    """weight of the loss on the largest errors in constant patches, see ``uniform``"""
    steps: Count = 30_000
    """number of training steps"""
    batch: Count = 16
    """number of patches per step and process"""
    patch: Count = 24
    """side of the LR patch in pixels"""
    intensity: Share = 0.5
    """fraction of patches with random brightness and contrast within [0, 1], for robustness to
    levels that are rare in the training images"""
    uniform: Share = 0.0
    """fraction of patches that are replaced by a constant, which prevents artefacts of small
    networks at the corners of constant areas"""
    optimiser: Literal["adam", "muon"] = "muon"
    """optimiser; muon: Muon for the 3×3 convolutions, Adam for all other weights"""
    lr: Positive = 1e-3
    """learning rate of Adam"""
    muon_lr: Positive = 0.02
    """learning rate of Muon"""
    warmup: Annotated[int, Field(ge=0)] = 100
    """number of steps in which the learning rates rise from 0"""
    decay: Share = 0.5
    """final fraction of the run in which the learning rates decay"""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """decay of the exponential moving average of the weights; the averaged weights are shipped"""
    statistics: Literal["batch", "kept"] = "batch"
    """statistics of batch normalisation in training: those of each batch, or kept from ``start``
    as at inference; batch statistics may cause artefacts in smooth areas after training on few
    images"""
    seed: int = 0
    """seed of all random numbers"""
    workers: Annotated[int, Field(ge=0)] = 0
    """number of worker processes of the data loader"""
    schedule: Literal["linear", "cosine", "step"] = "linear"
    """decay of the learning rates: linear or cosine to 0, or a step to a tenth (as in the paper)"""
    degradation: Any = "bicubic"
    """degradation that makes LR: a name, a mapping or a list of them, see `degradations`"""
    adversarial: Adversarial | None = None
    """settings of the adversarial phase"""
    projected: Projected | None = None
    """settings of the phase with discriminators on frozen features, instead of ``adversarial``"""
    validate: str | None = None
    """folder of HR images for the validation (PSNR of Y), relative to the data folder"""
    every: Count = 500
    """number of steps between validations and checkpoints"""
    description: str = ""
    """purpose of the model in one sentence, for the card"""
    not_for: str = ""
    """unsuitable uses, for the card; empty warns that fine detail is not reliable"""
    domains: tuple[str, ...] = ()
    """kinds of images, for the card"""
    trained_on: str = ""
    """training data and machine, for the card"""
    licence: str = ""
    """licence of the data, for the card"""

    sections: ClassVar = {"sources": Source, "adversarial": Adversarial, "projected": Projected}

    @field_validator("projected")
    @classmethod
    def _one_phase_and_patch_size(
        cls, projected: Projected | None, info: ValidationInfo
    ) -> Projected | None:
        """Raise ValueError for two adversarial phases, or for patches that are too small."""
        if projected is None:
            return None
        if info.data.get("adversarial") is not None:
            raise ValueError("a run has one adversarial phase: leave out this or 'adversarial'")
        # Patches are randomly shifted, which crops scale − 1 pixels, see `phases.adversarial`.
        scale = info.data.get("scale", 2)
        side = info.data.get("patch", 0) * scale - scale + 1
        if "patch" in info.data and side < projected.min_side():
            raise ValueError(
                f"patches of {info.data['patch']} × {scale} pixels are too small; with these "
                f"stages, patch must be at least {-(-(projected.min_side() - 1) // scale) + 1}"
            )
        return projected

    @property
    def architecture(self) -> GeneratorConfig:
        """Architecture of the generator."""
        return GeneratorConfig(
            self.channels, self.scale, self.features, self.blocks, upsampling=self.upsampling
        )

    @property
    def end(self) -> End:
        """End of the model that the run trains."""
        fidelity_only = self.adversarial is None and self.projected is None
        return "fidelity" if fidelity_only else "adversarial"

    @property
    def end_name(self) -> str:
        """Name of the folder of the run and of the model file, unique for each end of a model."""
        return end_name(self.name, self.end)


def end_name(name: str, end: End) -> str:
    """Return the file name of one end of a model, without suffix."""
    return name if end == "fidelity" else f"{name}-{end}"


def read_config(path: Path | str, **overrides: Any) -> Config:
    """Read a configuration from YAML and apply overrides.

    Parameters
    ----------
    path
        YAML file, or name of a built-in preset.
    overrides
        Values that replace those of the file, with dots for sections (``adversarial.weight``).

    Raises
    ------
    ValueError
        If the file or preset does not exist, or a key or value is invalid; the message names
        all of them.
    """
    return read_yaml(Config, find_config(path), **overrides)


def read_yaml(kind: type[T], file: Path, **overrides: Any) -> T:
    """Read a validated dataclass from a YAML file, see `read_config`."""
    values = read_mapping(file)
    for name, value in overrides.items():
        section, _, key = name.rpartition(".")
        (values.setdefault(section, {}) if section else values)[key] = value
    return checked(kind, values, str(file))


def read_mapping(file: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping."""
    import yaml

    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError(f"{file}: is not a YAML mapping of names to values")
    return values


def checked(kind: type[T], values: dict[str, Any], where: str) -> T:
    """Validate values as a dataclass; ``where`` names their origin in error messages."""
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        messages = (error_message(each, kind) for each in error.errors())
        raise ValueError(f"{where}: {'; '.join(messages)}") from error


def find_config(path: Path | str) -> Path:
    """Return the file of a configuration or of a built-in preset.

    Raises
    ------
    ValueError
        If neither exists; the message lists the presets.
    """
    preset = PRESETS / f"{path}.yaml"
    if Path(path).is_file():
        return Path(path)
    if preset.is_file():
        return preset
    names = ", ".join(sorted(p.stem for p in PRESETS.glob("*.yaml")))
    raise ValueError(f"{path}: no such file, and no preset either; presets are {names}")


def error_message(error: Any, kind: type[Any] = Config) -> str:
    """Return a message for a validation error of pydantic."""
    name = ".".join(map(str, error["loc"]))
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        section = getattr(kind, "sections", {}).get(str(error["loc"][0]), kind)
        return f"{name}: there is no such setting; allowed are {', '.join(section.__annotations__)}"
    if error["type"].startswith("missing"):
        return f"{name}: is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{name}: is {error['input']!r}; {message[:1].lower()}{message[1:]}"


def schema() -> dict[str, Any]:
    """Return the JSON schema of a configuration, for completion and validation in editors."""
    return TypeAdapter(Config).json_schema()
