"""Random weights of EfficientNet-Lite under the names of the published files."""

from __future__ import annotations

import torch
from torch import Tensor

from srgan_training.networks.efficientnet_lite import LITES, STEM, blocks_of


def random_lite(name: str, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def conv(key: str, norm: str, after: int, before: int, kernel: int) -> None:
        spread = (before * kernel**2) ** -0.5
        weight = torch.randn(after, before, kernel, kernel, generator=generator)
        state[f"{key}.weight"] = 1.5 * spread * weight
        state[f"{norm}.weight"] = 1 + 0.2 * torch.rand(after, generator=generator)
        state[f"{norm}.bias"] = 0.3 * torch.randn(after, generator=generator)
        state[f"{norm}.running_mean"] = 0.1 * torch.randn(after, generator=generator)
        state[f"{norm}.running_var"] = 0.5 + torch.rand(after, generator=generator)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    conv("_conv_stem", "_bn0", STEM, 3, 3)
    for index, block in enumerate(blocks_of(LITES[name])):
        at, inner = f"_blocks.{index}.", block.before * block.expansion
        if block.expansion > 1:
            conv(at + "_expand_conv", at + "_bn0", inner, block.before, 1)
        conv(at + "_depthwise_conv", at + "_bn1", inner, 1, block.kernel)
        conv(at + "_project_conv", at + "_bn2", block.after, inner, 1)
    return state | {"_fc.bias": torch.zeros(1000)}
