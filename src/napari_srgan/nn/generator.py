"""The SRGAN generator (SRResNet) of Ledig et al. 2017."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .resample import bicubic_up

SCALES = (2, 4, 8)


@dataclass(frozen=True)
class GeneratorConfig:
    """Hyper-parameters that define a generator, as they stand in a model file.

    Raises
    ------
    ValueError
        If a value lies outside what the architecture allows.
    """

    channels: int = 3
    """image channels, in and out"""
    scale: int = 4
    """upscaling factor along Y and X: 2, 4 or 8"""
    features: int = 64
    """channels of every hidden layer"""
    blocks: int = 16
    """residual blocks in the trunk"""
    activation: Literal["tanh"] | None = None
    """output activation; ``tanh`` is mapped from [−1, 1] to [0, 1]"""
    upsampling: Literal["staged", "direct"] = "staged"
    """``staged``: ×2 by ×2 and a 9×9 convolution at full size, the published network; ``direct``:
    one 3×3 convolution and one pixel shuffle (ESPCN, Shi et al. 2016), added to the bicubic
    interpolation of the image; a fraction of the work"""

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
        """Factor of the pixel shuffle behind the last convolution; 1 is none."""
        return 1 if self.upsampling == "staged" else self.scale

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-ready values."""
        return asdict(self)


class ResidualBlock(nn.Module):
    """conv–BN–PReLU–conv–BN with a skip around it."""

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
    """conv–pixel shuffle–PReLU: twice the size along Y and X."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(features, 4 * features, 3, padding=1)
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        # A PReLU with one slope commutes with the shuffle.
        return F.pixel_shuffle(self.act(self.conv(x)), 2)


class Anchor(nn.Module):
    """The bicubic interpolation of an image (Keys 1981, a = −0.5), before the pixel shuffle.

    A network that adds to it keeps what is smooth as it is, in half precision too: where sub-pixels
    have weights of their own, rounding would otherwise leave a grid.

    Parameters
    ----------
    config
        ``channels`` and ``scale`` count.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.register_buffer(
            "kernel", bicubic_kernel(config.channels, config.scale), persistent=False
        )
        self.kernel: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, C·scale², H, W)`` of ``(N, C, H, W)``; the border is carried on outside."""
        with torch.autocast(x.device.type, enabled=False):
            wide = F.pad(x.to(self.kernel.dtype), (2, 2, 2, 2), mode="replicate")
            return F.conv2d(wide.contiguous(memory_format=torch.channels_last), self.kernel)


def bicubic_kernel(channels: int, scale: int) -> Tensor:
    """Return the 5×5 kernel ``(C·scale², C, 5, 5)`` that interpolates behind a pixel shuffle."""
    impulse = torch.zeros(1, 1, 9, 9)
    impulse[..., 4, 4] = 1
    spread = bicubic_up(impulse, scale).reshape(9, scale, 9, scale)
    kernel = torch.zeros(channels, scale, scale, channels, 5, 5)
    own = torch.arange(channels)
    kernel[own, :, :, own] = spread[2:7, :, 2:7].flip(0, 2).permute(1, 3, 0, 2)
    return kernel.flatten(0, 2).contiguous(memory_format=torch.channels_last)


class Generator(nn.Module):
    """SRGAN generator: an image in, the image ``scale`` times finer out.

    k9n64 and PReLU in; residual blocks of two 3×3 convolutions with BatchNorm; a 3×3 convolution
    with BatchNorm under the long skip; log2(scale) stages of 3×3 convolution, pixel shuffle and
    PReLU; k9 out. Every PReLU has one slope; convolutions before a BatchNorm have no bias. With
    ``upsampling="direct"`` a 3×3 convolution and one pixel shuffle stand behind the long skip,
    and what they give is added to the interpolated image (`Anchor`).

    Parameters
    ----------
    config
        Hyper-parameters. The defaults are the published ×4 RGB network (1.55 M parameters).

    Notes
    -----
    Input is ``(N, C, H, W)`` with nominal values in [0, 1], output ``(N, C, scale·H, scale·W)`` on
    the same range. Values outside are neither clipped on the way in nor on the way out (with
    ``activation=None``).

    Source: Ledig et al., *Photo-Realistic Single Image Super-Resolution Using a Generative
    Adversarial Network*, CVPR 2017, section 2.1 and figure 4. Direct upsampling: Shi et al.,
    *Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    Neural Network*, CVPR 2016, section 3; the interpolated image as in Du et al., *Anchor-based
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
    """Return the last convolution: k9 at full size, or k3 before the one pixel shuffle."""
    if config.upsampling == "staged":
        return nn.Conv2d(config.features, config.channels, 9, padding=4)
    return nn.Conv2d(config.features, config.channels * config.scale**2, 3, padding=1)


def squash(y: Tensor, activation: str | None) -> Tensor:
    """Apply the output activation; ``tanh`` is mapped from [−1, 1] to [0, 1]."""
    return (torch.tanh(y) + 1) / 2 if activation == "tanh" else y


def channels_last_(network: nn.Module) -> None:
    """Lay the weights of convolutions out channels last, the fast layout, in place."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def icnr_(conv: nn.Conv2d, factor: int = 2) -> None:
    """Give the ``factor²`` sub-pixels of each output channel the same initial kernel.

    After a pixel shuffle the freshly initialised convolution is then a nearest-neighbour
    upsampling, free of checkerboard (Aitken et al. 2017, section 3).
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
    """Turn a generator into interpolation, in place: nearest-neighbour, or bicubic where direct.

    The first ``channels`` features carry the image: a centred unit kernel in head and tail, the
    long skip past a silent trunk, unit kernels in the upsampling stages. PReLUs pass everything
    (slope 1). The result is exact: each output pixel is its input pixel, bit for bit. With direct
    upsampling nothing is added to the interpolated image.

    Parameters
    ----------
    generator
        The network to set; its ``features`` must be at least its ``channels``.
    noise
        0 leaves every other weight at zero. Otherwise the other features keep their random
        initialisation, and the weights that join them to the image are scaled by ``noise``: a
        start for training at the quality of interpolation instead of at noise.
    """
    channels, features = generator.config.channels, generator.config.features
    if features < channels:
        raise ValueError(f"{features} features cannot carry {channels} channels")
    own = torch.arange(channels)

    def unit(conv: nn.Conv2d, out: Tensor, keep: float) -> None:
        centre = conv.kernel_size[0] // 2
        if not noise:
            conv.weight.zero_()
        conv.weight[out] *= keep
        conv.weight[:, own] *= keep
        conv.weight[out, own.repeat_interleave(len(out) // channels), centre, centre] += 1
        if conv.bias is not None:
            conv.bias.zero_()

    if not noise:
        generator.head.weight.zero_()
    generator.head.weight[own] = 0
    generator.head.weight[own, own, 4, 4] = 1
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
        unit(stage.conv, torch.arange(4 * channels), noise)
    if not noise:
        generator.tail.weight.zero_()
    generator.tail.weight.mul_(noise)
    if generator.anchor is None:
        generator.tail.weight[own, own, 4, 4] += 1
    assert generator.tail.bias is not None
    generator.tail.bias.zero_()
    return generator
