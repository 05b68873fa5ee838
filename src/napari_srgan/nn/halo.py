"""How far a generator looks: the pixels beyond a tile that its result depends on."""

from __future__ import annotations

from .generator import Generator, ResidualBlock, UpsampleStage


def halo_of(network: Generator) -> int:
    """Return the reach of the network in LR pixels on each side, from its layers.

    The span of input pixels behind the ``scale`` output pixels of LR pixel 0 is followed from the
    tail to the head: a k×k convolution widens it by (k − 1)/2 on both sides, a ×2 pixel shuffle
    halves it (rounding outwards). 2·blocks + 8 for the published kernel sizes: 40 for 16 blocks;
    2·blocks + 6 with direct upsampling.
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
