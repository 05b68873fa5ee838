"""Model: a network with its model card and halo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor

from ..nn.channels import adapt_channels
from ..nn.generator import Generator, ResidualBlock, UpsampleStage
from .card import ModelCard


@dataclass(frozen=True)
class Model:
    """A network ready for inference, and its card.

    Returned by `napari_srgan.load_model` and accepted by `napari_srgan.super_resolve`.
    """

    network: Generator
    """in evaluation mode, float32, on the CPU"""
    card: ModelCard
    sha256: tuple[str, ...] = ()
    """SHA-256 of the model file, or of the two files whose weights were interpolated"""
    detail: float = 0.0
    """interpolation weight: 0 for the fidelity end, 1 for the adversarial end"""

    @property
    def scale(self) -> int:
        """Upscaling factor along Y and X."""
        return self.card.scale

    @property
    def channels(self) -> int:
        """Number of input and output channels of the network."""
        return self.card.channels

    @cached_property
    def halo(self) -> int:
        """Halo of a tile in LR pixels on each side (`halo_of`)."""
        return halo_of(self.network)

    @cached_property
    def one_channel(self) -> Model:
        """Single-channel version of the model.

        Its output equals the channel mean of this model's output for a grey image. A
        single-channel model returns itself.
        """
        if self.channels == 1:
            return self
        config = replace(self.card.config, channels=1)
        network = Generator(config)
        network.load_state_dict(adapt_channels(self.state_dict(), 1))
        card = replace(self.card, config=config)
        return replace(self, network=network.eval().requires_grad_(False), card=card)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the network's parameters and BatchNorm statistics."""
        return dict(self.network.state_dict())


def halo_of(network: Generator) -> int:
    """Return the halo of a network: the receptive field beyond a tile, in LR pixels on each side.

    The range of input pixels that the ``scale`` output pixels of LR pixel 0 depend on is followed
    from the last layer to the first: a k×k convolution widens it by (k − 1)/2 on both sides, a ×2
    pixel shuffle halves it (rounded outwards). For the published kernel sizes the halo is
    2·blocks + 8, that is 40 for 16 blocks; with direct upsampling it is 2·blocks + 6.
    """
    low, high = 0, network.config.scale // network.config.last_shuffle - 1

    def widen(kernel: tuple[int, ...]) -> None:
        nonlocal low, high
        low, high = low - kernel[0] // 2, high + kernel[0] // 2

    widen(network.tail.kernel_size)
    for stage in reversed(list(network.upsample)):
        assert isinstance(stage, UpsampleStage)
        low, high = low // 2, high // 2
        widen(stage.conv.kernel_size)
    widen(network.body_conv.kernel_size)
    for block in network.body:
        assert isinstance(block, ResidualBlock)
        widen(block.conv2.kernel_size)
        widen(block.conv1.kernel_size)
    widen(network.head.kernel_size)
    return max(-low, high)
