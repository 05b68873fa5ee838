"""Rewrite convolutions for inference: BatchNorm folding, kernels moved before a pixel shuffle."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def fold_batchnorm(conv: nn.Conv2d, bn: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the convolution that equals ``bn(conv(x))`` in evaluation mode.

    Computed in float64, returned as float32.
    """
    assert bn.running_mean is not None
    assert bn.running_var is not None
    gain = bn.weight.double() / torch.sqrt(bn.running_var.double() + bn.eps)
    bias = torch.zeros_like(gain) if conv.bias is None else conv.bias.double()
    weight = conv.weight.double() * gain[:, None, None, None]
    return weight.float(), (bn.bias + (bias - bn.running_mean) * gain).float()


def conv_of(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """Return a size-preserving convolution with copies of these parameters."""
    out_channels, in_channels, height, width = weight.shape
    conv = nn.Conv2d(in_channels, out_channels, (height, width), padding=(height // 2, width // 2))
    conv.weight, conv.bias = (nn.Parameter(t.detach().clone(), False) for t in (weight, bias))
    return conv


def subpixel_kernel(weight: Tensor) -> Tensor:
    """Return the kernel that, applied before a ×2 pixel shuffle, equals ``weight`` applied after.

    ``conv(pixel_shuffle(x, 2), weight) == pixel_shuffle(conv(x, subpixel_kernel(weight)), 2)``,
    zero padding included. ``weight`` ``(O, C, k, k)`` becomes ``(4·O, 4·C, k', k')`` with
    k' = 2·⌈(k//2)/2⌉ + 1: 9 becomes 5. Input and output channels are in the order (i, j, C) of
    `shuffle_rows`, with (i, j) the position in the 2×2 block.
    """
    out_channels, in_channels, size, _ = weight.shape
    radius = size // 2
    coarse = (radius + 1) // 2
    side = 2 * coarse + 1
    kernel = weight.new_zeros(2, 2, out_channels, 2, 2, in_channels, side, side)
    for oy in range(2):
        for ox in range(2):
            for ky in range(size):
                for kx in range(size):
                    y, x = oy + ky - radius, ox + kx - radius
                    kernel[oy, ox, :, y % 2, x % 2, :, y // 2 + coarse, x // 2 + coarse] = weight[
                        :, :, ky, kx
                    ]
    return kernel.reshape(4 * out_channels, 4 * in_channels, side, side)


def shuffle_rows(x: Tensor, factor: int = 2) -> Tensor:
    """Pixel shuffle ``(N, factor²·C, H, W)`` → ``(N, C, factor·H, factor·W)``, channels (i, j, C).

    In channels_last memory this order makes factor·C consecutive values of an output row
    contiguous in the input, so that the shuffle copies blocks instead of single values.
    """
    n, channels, height, width = x.shape
    c = channels // factor**2
    rows = x.permute(0, 2, 3, 1).reshape(n, height, width, factor, factor * c).transpose(2, 3)
    return rows.reshape(n, factor * height, factor * width, c).permute(0, 3, 1, 2)


def rows_first(values: Tensor, factor: int = 2) -> Tensor:
    """Reorder output channels from PyTorch's (C, i, j) to the (i, j, C) of `shuffle_rows`."""
    reordered: Tensor = values.unflatten(0, (-1, factor**2)).transpose(0, 1).flatten(0, 1)
    return reordered


def conv_parameters(conv: nn.Module) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution."""
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    return conv.weight, conv.bias
