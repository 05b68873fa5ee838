"""EfficientNet-Lite as a frozen network that gives features (Tan and Le 2019)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEAN, STD = 0.498, 0.502
"""127/255 and 128/255: what the Lite networks were trained with, of all channels on [0, 1]"""
EPSILON = 1e-3
"""of batch normalisation"""
STEM = 32
"""features of the first convolution; the Lite networks do not widen it"""
BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""repeats, kernel, stride, expansion and features of table 1's stages 2 to 8, of Lite0"""


@dataclass(frozen=True)
class Lite:
    """How one of the networks differs from Lite0."""

    width: float
    depth: float
    side: int
    """of the images it was trained on; it decides where padding goes before a stride of 2"""


LITES = {
    "efficientnet-lite0": Lite(1.0, 1.0, 224),
    "efficientnet-lite1": Lite(1.0, 1.1, 240),
    "efficientnet-lite2": Lite(1.1, 1.2, 260),
}


@dataclass(frozen=True)
class Block:
    """An inverted bottleneck: 1×1 expansion, k×k depthwise, 1×1 projection."""

    stage: str
    kernel: int
    stride: int
    expansion: int
    before: int
    after: int
    padding: tuple[int, int]
    """before and after the rows, and the columns, of the depthwise convolution's input"""


def same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's ``SAME`` padding, before and after an axis of ``side`` pixels."""
    total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def widened(features: int, width: float) -> int:
    """Return features times ``width``, as a multiple of 8 that is at most a tenth smaller."""
    wanted = features * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 * (rounded < 0.9 * wanted)


def blocks_of(lite: Lite) -> list[Block]:
    """Return the blocks of a network; the first and the last stage are not repeated more."""
    found: list[Block] = []
    side, before = math.ceil(lite.side / 2), STEM
    for index, (repeats, kernel, stride, expansion, features) in enumerate(BLOCKS):
        after = widened(features, lite.width)
        if 0 < index < len(BLOCKS) - 1:
            repeats = math.ceil(repeats * lite.depth)
        for number in range(repeats):
            step = stride if number == 0 else 1
            padding = same_padding(side, kernel, step)
            found.append(
                Block(f"stage{index + 2}", kernel, step, expansion, before, after, padding)
            )
            side, before = math.ceil(side / step), after
    return found


class MBConv(nn.Module):
    """One block, its batch normalisations folded into its convolutions."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        inner = block.before * block.expansion
        self.expand = nn.Conv2d(block.before, inner, 1) if block.expansion > 1 else None
        first, last = block.padding
        # Unequal padding is added by hand, since a convolution takes only equal.
        self.pad = None if first == last else (first, last, first, last)
        self.depthwise = nn.Conv2d(
            inner, inner, block.kernel, block.stride, 0 if self.pad else first, groups=inner
        )
        self.project = nn.Conv2d(inner, block.after, 1)
        self.residual = block.stride == 1 and block.before == block.after

    def forward(self, x: Tensor) -> Tensor:
        """Return the features, which no activation limits."""
        y = x if self.expand is None else F.relu6(pointwise(x, self.expand))
        y = y if self.pad is None else F.pad(y, self.pad)
        y = pointwise(F.relu6(self.depthwise(y)), self.project)
        return x + y if self.residual else y


def pointwise(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Return a 1×1 convolution as the product of matrices that it is.

    Channels last, nothing is copied; PyTorch's own goes a slow way on one processor core.
    """
    return F.linear(x.permute(0, 2, 3, 1), conv.weight.flatten(1), conv.bias).permute(0, 3, 1, 2)


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite up to its last block: no squeeze-and-excitation, ReLU6, fixed stem.

    Parameters
    ----------
    name
        One of `LITES`.
    last
        The deepest stage that is wanted; those behind it are not made.

    Notes
    -----
    Input is ``(N, 3, H, W)`` on [0, 1]. Stages bear the numbers of table 1: ``stage1`` is the stem
    (stride 2), ``stage2`` to ``stage8`` are those of the blocks, of strides 2, 4, 8, 16, 16, 32
    and 32. The classifier's head is left out. Padding is that of the images the network was trained
    on, whatever the size of the input. Batch normalisation is folded into the convolutions, so that
    the network is for looking with and not for training.

    Source: Tan and Le 2019, *EfficientNet*, arXiv:1905.11946, table 1; the Lite networks differ
    from it as said above.
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
        """Return the features at the ends of the stages asked for, in the order of the network."""
        x = F.pad((x - MEAN) / STD, (*self.pad, *self.pad))
        x = F.relu6(self.stem(x.contiguous(memory_format=torch.channels_last)))
        found = [x] if "stage1" in stages else []
        ends = [*self.names[1:], ""]
        for block, name, following in zip(self.blocks, self.names, ends, strict=True):
            x = block(x)
            if name != following and name in stages:
                found.append(x)
        return found


def folded(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the published weights as those of `EfficientNetLite`.

    Parameters
    ----------
    state
        Weights under the names of the published files: ``_conv_stem.weight``, ``_bn0.weight`` …
        ``_blocks.0._depthwise_conv.weight`` …
    name
        One of `LITES`.

    Raises
    ------
    ValueError
        If they are those of another network.
    """
    with torch.device("meta"):
        own = EfficientNetLite(name).state_dict()
    parts = {"stem": ("_conv_stem", "_bn0")}
    for index, block in enumerate(blocks_of(LITES[name])):
        there, here = f"_blocks.{index}.", f"blocks.{index}."
        if block.expansion > 1:
            parts[here + "expand"] = (there + "_expand_conv", there + "_bn0")
        parts[here + "depthwise"] = (there + "_depthwise_conv", there + "_bn1")
        parts[here + "project"] = (there + "_project_conv", there + "_bn2")
    found: dict[str, Tensor] = {}
    try:
        for here, (conv, norm) in parts.items():
            factor = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + EPSILON).sqrt()
            found[f"{here}.weight"] = state[f"{conv}.weight"] * factor[:, None, None, None]
            found[f"{here}.bias"] = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * factor
    except (KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f"these are no weights of {name}: {error}") from error
    wrong = [key for key, value in own.items() if value.shape != found[key].shape]
    blocks = sum(key.endswith("_depthwise_conv.weight") for key in state)
    if wrong or blocks != len(blocks_of(LITES[name])):
        why = f"{wrong[0]} has another shape" if wrong else f"they have {blocks} blocks"
        raise ValueError(f"these are no weights of {name}: {why}")
    return found
