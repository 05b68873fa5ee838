"""EfficientNet-Lite as a frozen feature extractor (Tan and Le 2019)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEAN, STD = 0.498, 0.502
"""standardisation of inputs on [0, 1] that the Lite networks were trained with: 127/255, 128/255"""
EPSILON = 1e-3
"""epsilon of batch normalisation"""
STEM = 32
"""number of features of the first convolution, which the Lite networks do not widen"""
BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""repeats, kernel, stride, expansion and features of stages 2 to 8 of Lite0 in table 1"""


@dataclass(frozen=True)
class Lite:
    """Compound scaling of one of the Lite networks relative to Lite0."""

    width: float
    """factor of the number of features"""
    depth: float
    """factor of the number of blocks"""
    side: int
    """side of the training images in pixels, which determines the padding of strided layers"""


LITES = {
    "efficientnet-lite0": Lite(1.0, 1.0, 224),
    "efficientnet-lite1": Lite(1.0, 1.1, 240),
    "efficientnet-lite2": Lite(1.1, 1.2, 260),
}
"""scaling of the Lite networks by name"""


@dataclass(frozen=True)
class Block:
    """An inverted bottleneck: 1×1 expansion, k×k depthwise, 1×1 projection."""

    stage: str
    """name of the stage that the block belongs to"""
    kernel: int
    """side of the depthwise kernel"""
    stride: int
    expansion: int
    """factor of the number of features within the block"""
    before: int
    """number of input features"""
    after: int
    """number of output features"""
    padding: tuple[int, int]
    """padding before and after each spatial axis of the input of the depthwise convolution"""


def same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after an axis of ``side`` pixels as TensorFlow's ``SAME``."""
    total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def widened(features: int, width: float) -> int:
    """Return ``features · width`` rounded to a multiple of 8 that is at most a tenth smaller."""
    exact = features * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 * (rounded < 0.9 * exact)


def blocks_of(lite: Lite) -> list[Block]:
    """Return the blocks of a network; depth scaling excludes the first and last block stage."""
    blocks: list[Block] = []
    side, before = math.ceil(lite.side / 2), STEM
    for index, (repeats, kernel, stride, expansion, features) in enumerate(BLOCKS):
        after = widened(features, lite.width)
        if 0 < index < len(BLOCKS) - 1:
            repeats = math.ceil(repeats * lite.depth)
        for number in range(repeats):
            step = stride if number == 0 else 1
            padding = same_padding(side, kernel, step)
            blocks.append(
                Block(f"stage{index + 2}", kernel, step, expansion, before, after, padding)
            )
            side, before = math.ceil(side / step), after
    return blocks


class MBConv(nn.Module):
    """Inverted bottleneck block with batch normalisation folded into its convolutions."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        inner = block.before * block.expansion
        self.expand = nn.Conv2d(block.before, inner, 1) if block.expansion > 1 else None
        first, last = block.padding
        # nn.Conv2d supports only symmetric padding.
        self.pad = None if first == last else (first, last, first, last)
        self.depthwise = nn.Conv2d(
            inner, inner, block.kernel, block.stride, 0 if self.pad else first, groups=inner
        )
        self.project = nn.Conv2d(inner, block.after, 1)
        self.residual = block.stride == 1 and block.before == block.after

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of the linear bottleneck (no activation)."""
        y = x if self.expand is None else F.relu6(pointwise(x, self.expand))
        y = y if self.pad is None else F.pad(y, self.pad)
        y = pointwise(F.relu6(self.depthwise(y)), self.project)
        return x + y if self.residual else y


def pointwise(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Apply a 1×1 convolution as a matrix product.

    With channels last no data are copied. PyTorch's convolution is slower on a single CPU core.
    """
    return F.linear(x.permute(0, 2, 3, 1), conv.weight.flatten(1), conv.bias).permute(0, 3, 1, 2)


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite up to its last block: no squeeze-and-excitation, ReLU6, fixed stem.

    Parameters
    ----------
    name
        Name of the network, one of `LITES`.
    last
        Deepest stage; later layers are not created.

    Notes
    -----
    Input is ``(N, 3, H, W)`` on [0, 1]. Stages are numbered as in table 1: ``stage1`` is the stem
    (stride 2), ``stage2`` to ``stage8`` are block stages with strides 2, 4, 8, 16, 16, 32 and 32.
    There is no classifier. Padding is that for the size of the training images, regardless of the
    input size. Batch normalisation is folded into the convolutions; the network is for inference
    only.

    Source: Tan and Le 2019, *EfficientNet*, arXiv:1905.11946, table 1; the Lite networks differ
    from it as described above.
    """

    def __init__(self, name: str, last: str = "stage8") -> None:
        super().__init__()
        if name not in LITES:
            raise ValueError(f"there is no network {name!r}; allowed are {', '.join(LITES)}")
        lite = LITES[name]
        self.pad = same_padding(lite.side, 3, 2)
        self.stem = nn.Conv2d(3, STEM, 3, 2)
        blocks = [block for block in blocks_of(lite) if block.stage <= last]
        self.blocks = nn.ModuleList(MBConv(block) for block in blocks)
        self.names = [block.stage for block in blocks]

    def forward(self, x: Tensor, stages: Sequence[str]) -> list[Tensor]:
        """Return the output of the last block of each given stage, in the order of the network."""
        x = F.pad((x - MEAN) / STD, (*self.pad, *self.pad))
        x = F.relu6(self.stem(x.contiguous(memory_format=torch.channels_last)))
        features = [x] if "stage1" in stages else []
        ends = [*self.names[1:], ""]
        for block, name, following in zip(self.blocks, self.names, ends, strict=True):
            x = block(x)
            if name != following and name in stages:
                features.append(x)
        return features


def fold_batch_norm(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Convert published weights to the state dict of `EfficientNetLite`, folding batch norm.

    Parameters
    ----------
    state
        Weights with the parameter names of the published files: ``_conv_stem.weight``,
        ``_bn0.weight`` … ``_blocks.0._depthwise_conv.weight`` …
    name
        Name of the network, one of `LITES`.

    Raises
    ------
    ValueError
        If the weights do not fit the network.
    """
    with torch.device("meta"):
        own = EfficientNetLite(name).state_dict()
    parts = {"stem": ("_conv_stem", "_bn0")}
    for index, block in enumerate(blocks_of(LITES[name])):
        source, target = f"_blocks.{index}.", f"blocks.{index}."
        if block.expansion > 1:
            parts[target + "expand"] = (source + "_expand_conv", source + "_bn0")
        parts[target + "depthwise"] = (source + "_depthwise_conv", source + "_bn1")
        parts[target + "project"] = (source + "_project_conv", source + "_bn2")
    folded: dict[str, Tensor] = {}
    try:
        for target, (conv, norm) in parts.items():
            factor = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + EPSILON).sqrt()
            folded[f"{target}.weight"] = state[f"{conv}.weight"] * factor[:, None, None, None]
            folded[f"{target}.bias"] = (
                state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * factor
            )
    except (KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f"these are no weights of {name}: {error}") from error
    wrong = [key for key, value in own.items() if value.shape != folded[key].shape]
    blocks = sum(key.endswith("_depthwise_conv.weight") for key in state)
    if wrong or blocks != len(blocks_of(LITES[name])):
        why = f"{wrong[0]} has another shape" if wrong else f"they have {blocks} blocks"
        raise ValueError(f"these are no weights of {name}: {why}")
    return folded
