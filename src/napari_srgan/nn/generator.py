"""The SRGAN generator (SRResNet) of Ledig et al. 2017."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .resample import bicubic_up

SCALES = (2, 4, 8)
"""allowed upscaling factors"""


@dataclass(frozen=True)
class GeneratorConfig:
    """Hyper-parameters of a generator, as stored in a model file.

    Raises
    ------
    ValueError
        If a value is not allowed by the architecture.
    """

    channels: int = 3
    """number of image channels, input and output"""
    scale: int = 4
    """upscaling factor along Y and X: 2, 4 or 8"""
    features: int = 64
    """number of channels of every hidden layer"""
    blocks: int = 16
    """number of residual blocks"""
    activation: Literal["tanh"] | None = None
    """output activation; ``tanh`` is mapped from [−1, 1] to [0, 1]"""
    upsampling: Literal["staged", "direct"] = "staged"
    """``staged``: ×2 pixel shuffles and a 9×9 convolution at full resolution, as published;
    ``direct``: one 3×3 convolution and one pixel shuffle (ESPCN, Shi et al. 2016), added to the
    bicubic interpolation of the image, which needs far fewer operations"""

    def __post_init__(self) -> None:
        if self.scale not in SCALES or not isinstance(self.scale, int):
            raise ValueError(f"scale is {self.scale!r}; allowed are {SCALES}")
        for name, least in (("channels", 1), ("features", 1), ("blocks", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name} is {value!r}; it must be an integer of at least {least}")
        if self.activation not in (None, "tanh"):
            raise ValueError(f"activation is {self.activation!r}; allowed are None and 'tanh'")
        if self.upsampling not in ("staged", "direct"):
            raise ValueError(
                f"upsampling is {self.upsampling!r}; allowed are 'staged' and 'direct'"
            )

    @property
    def stages(self) -> int:
        """Number of ×2 upsampling stages before the last convolution."""
        return self.scale.bit_length() - 1 if self.upsampling == "staged" else 0

    @property
    def last_shuffle(self) -> int:
        """Factor of the pixel shuffle after the last convolution; 1 if there is none."""
        return 1 if self.upsampling == "staged" else self.scale

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-ready values."""
        return asdict(self)


class ResidualBlock(nn.Module):
    """Residual block: conv–BN–PReLU–conv–BN with a skip connection."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(features)
        self.act = nn.PReLU()
        self.conv2 = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(features)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))
        return x + y


class UpsampleStage(nn.Module):
    """conv–pixel shuffle–PReLU: ×2 upsampling along Y and X."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(features, 4 * features, 3, padding=1)
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        # A PReLU with a single slope commutes with the pixel shuffle.
        return F.pixel_shuffle(self.act(self.conv(x)), 2)


class Anchor(nn.Module):
    """Bicubic interpolation (Keys 1981, a = −0.5) as a convolution before the pixel shuffle.

    The network learns the residual of this interpolation. Smooth regions then stay smooth in half
    precision too; otherwise rounding the separate weights of each sub-pixel leaves a grid pattern.

    Parameters
    ----------
    config
        Only ``channels`` and ``scale`` are used.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.register_buffer(
            "kernel", bicubic_kernel(config.channels, config.scale), persistent=False
        )
        self.kernel: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C·scale², H, W)``; the border is padded by replication."""
        with torch.autocast(x.device.type, enabled=False):
            padded = F.pad(x.to(self.kernel.dtype), (2, 2, 2, 2), mode="replicate")
            return F.conv2d(padded.contiguous(memory_format=torch.channels_last), self.kernel)


def bicubic_kernel(channels: int, scale: int) -> Tensor:
    """Return the kernel ``(C·scale², C, 5, 5)`` of bicubic interpolation before a pixel shuffle."""
    impulse = torch.zeros(1, 1, 9, 9)
    impulse[..., 4, 4] = 1
    response = bicubic_up(impulse, scale).reshape(9, scale, 9, scale)
    kernel = torch.zeros(channels, scale, scale, channels, 5, 5)
    carriers = torch.arange(channels)
    kernel[carriers, :, :, carriers] = response[2:7, :, 2:7].flip(0, 2).permute(1, 3, 0, 2)
    return kernel.flatten(0, 2).contiguous(memory_format=torch.channels_last)


class Generator(nn.Module):
    """SRGAN generator (SRResNet).

    Head: 9×9 convolution and PReLU. Trunk: residual blocks of two 3×3 convolutions with BatchNorm,
    then a 3×3 convolution with BatchNorm and the long skip connection. Upsampling: log2(scale)
    stages of 3×3 convolution, pixel shuffle and PReLU. Tail: 9×9 convolution. Every PReLU has a
    single slope; convolutions before a BatchNorm have no bias. With ``upsampling="direct"``, a 3×3
    convolution and one pixel shuffle follow the trunk, and their output is added to the bicubic
    interpolation of the image (`Anchor`).

    Parameters
    ----------
    config
        Hyper-parameters. The defaults are the published ×4 RGB network (1.55 M parameters).

    Notes
    -----
    Input: ``(N, C, H, W)``, nominal values in [0, 1]. Output: ``(N, C, scale·H, scale·W)``, same
    range. Neither is clipped (with ``activation=None``).

    Source: Ledig et al., *Photo-Realistic Single Image Super-Resolution Using a Generative
    Adversarial Network*, CVPR 2017, section 2.1 and figure 4. Direct upsampling: Shi et al.,
    *Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    Neural Network*, CVPR 2016, section 3; the interpolation as anchor: Du et al., *Anchor-based
    Plain Net for Mobile Image Super-Resolution*, CVPRW 2021. Initialisation of the upsampling
    convolutions: ICNR, Aitken et al. 2017, arXiv:1707.02937.
    """

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or GeneratorConfig()
        n = config.features
        self.head = nn.Conv2d(config.channels, n, 9, padding=4)
        self.head_act = nn.PReLU()
        self.body = nn.Sequential(*(ResidualBlock(n) for _ in range(config.blocks)))
        self.body_conv = nn.Conv2d(n, n, 3, padding=1, bias=False)
        self.body_bn = nn.BatchNorm2d(n)
        self.upsample = nn.Sequential(*(UpsampleStage(n) for _ in range(config.stages)))
        self.tail = make_tail(config)
        self.anchor = Anchor(config) if config.upsampling == "direct" else None
        for stage in self.upsample:
            assert isinstance(stage, UpsampleStage)
            icnr_(stage.conv)
        if config.last_shuffle > 1:
            icnr_(self.tail, config.last_shuffle)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.head_act(self.head(x))
        y = self.upsample(skip + self.body_bn(self.body_conv(self.body(skip))))
        y = self.tail(y)
        if self.anchor is not None:
            y = y + self.anchor(x)
        y = F.pixel_shuffle(y, self.config.last_shuffle)
        return squash(y, self.config.activation)


def make_tail(config: GeneratorConfig) -> nn.Conv2d:
    """Return the last convolution: 9×9 at full resolution, or 3×3 before the pixel shuffle."""
    if config.upsampling == "staged":
        return nn.Conv2d(config.features, config.channels, 9, padding=4)
    return nn.Conv2d(config.features, config.channels * config.scale**2, 3, padding=1)


def squash(y: Tensor, activation: str | None) -> Tensor:
    """Apply the output activation; ``tanh`` is mapped from [−1, 1] to [0, 1]."""
    return (torch.tanh(y) + 1) / 2 if activation == "tanh" else y


def channels_last_(network: nn.Module) -> None:
    """Convert convolution weights to the channels_last memory format, in place."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def icnr_(conv: nn.Conv2d, factor: int = 2) -> None:
    """Give the ``factor²`` sub-pixels of each output channel the same initial kernel.

    The initial convolution and pixel shuffle are then a nearest-neighbour upsampling without
    checkerboard artifacts (Aitken et al. 2017, section 3).

    Raises
    ------
    ValueError
        If the number of output channels is not a multiple of ``factor²``.
    """
    if conv.out_channels % factor**2:
        raise ValueError(
            f"convolution has {conv.out_channels} output channels, not a multiple of {factor**2}"
        )
    shared = torch.empty_like(conv.weight[:: factor**2])
    nn.init.kaiming_normal_(shared, a=0.25)
    conv.weight.copy_(shared.repeat_interleave(factor**2, dim=0))
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


@torch.no_grad()
def interpolate_(generator: Generator, *, noise: float = 0.0) -> Generator:
    """Initialise a generator as nearest-neighbour (staged) or bicubic (direct) interpolation.

    In place. The first ``channels`` features carry the image: head, upsampling stages and tail have
    unit kernels for them. With ``noise=0`` the residual blocks and ``body_bn`` output zero and the
    PReLUs are the identity (slope 1); each output pixel then equals its input pixel exactly
    (staged), or the residual added to the interpolation is zero (direct).

    Parameters
    ----------
    generator
        The network; its ``features`` must be at least its ``channels``.
    noise
        0 sets every other weight to zero. Otherwise the other features keep their random
        initialisation, and the weights that connect them to the image are scaled by ``noise``, so
        that training starts close to interpolation.

    Returns
    -------
    Generator
        The same network.

    Raises
    ------
    ValueError
        If ``features`` is less than ``channels``.
    """
    channels, features = generator.config.channels, generator.config.features
    if features < channels:
        raise ValueError(f"{features} features cannot carry {channels} channels")
    carriers = torch.arange(channels)

    def set_unit_kernels(conv: nn.Conv2d, out: Tensor, gain: float) -> None:
        centre = conv.kernel_size[0] // 2
        if not noise:
            conv.weight.zero_()
        conv.weight[out] *= gain
        conv.weight[:, carriers] *= gain
        conv.weight[out, carriers.repeat_interleave(len(out) // channels), centre, centre] += 1
        if conv.bias is not None:
            conv.bias.zero_()

    if not noise:
        generator.head.weight.zero_()
    generator.head.weight[carriers] = 0
    generator.head.weight[carriers, carriers, 4, 4] = 1
    assert generator.head.bias is not None
    generator.head.bias.zero_()
    generator.head_act.weight.fill_(1 if not noise else 0.25)
    for block in generator.body:
        assert isinstance(block, ResidualBlock)
        block.bn2.weight.zero_()
    generator.body_bn.weight.fill_(noise)
    for stage in generator.upsample:
        assert isinstance(stage, UpsampleStage)
        stage.act.weight.fill_(1 if not noise else 0.25)
        set_unit_kernels(stage.conv, torch.arange(4 * channels), noise)
    if not noise:
        generator.tail.weight.zero_()
    generator.tail.weight.mul_(noise)
    if generator.anchor is None:
        generator.tail.weight[carriers, carriers, 4, 4] += 1
    assert generator.tail.bias is not None
    generator.tail.bias.zero_()
    return generator
