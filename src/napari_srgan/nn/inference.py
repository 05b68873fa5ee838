"""The generator rewritten for inference: same result, less work."""

from __future__ import annotations

from collections.abc import Generator as Generator_
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .folding import (
    conv_of,
    conv_parameters,
    fold_batchnorm,
    rows_first,
    shuffle_rows,
    subpixel_kernel,
)
from .generator import (
    Anchor,
    Generator,
    ResidualBlock,
    UpsampleStage,
    channels_last_,
    squash,
)

STRIP_PIXELS = 1 << 16
"""LR pixels that a layer goes over at a time: what it makes of them should stay in the cache"""
TRUNK = 0.55
"""part of the work that is done before upsampling"""


class InferenceGenerator(nn.Module):
    """A generator in evaluation mode, folded and rearranged; the same function as its source.

    * BatchNorm is folded into the convolutions (`fold_batchnorm`).
    * A PReLU with one slope is a leaky ReLU, done in place.
    * The pixel shuffle moves rows (`shuffle_rows`); the last one moves ``channels`` values a pixel
      instead of ``features``: the 9×9 tail behind it is a 5×5 one before it (`subpixel_kernel`).
    * On a CPU every layer runs in strips of rows, so that what follows a convolution finds its
      result in the cache, and the features at full size are never whole in memory.

    Parameters
    ----------
    source
        The network; it is not changed.
    strip
        LR pixels that a layer goes over at a time, None for all at once.
    """

    def __init__(self, source: Generator, strip: int | None = STRIP_PIXELS) -> None:
        super().__init__()
        self.config = source.config
        self.strip = strip
        self.head = conv_of(*conv_parameters(source.head))
        self.head_slope = source.head_act.weight.item()
        self.in_gain = 1.0
        convs: list[nn.Conv2d] = []
        self.slopes: list[float] = []
        for block in source.body:
            assert isinstance(block, ResidualBlock)
            convs.append(conv_of(*fold_batchnorm(block.conv1, block.bn1)))
            convs.append(conv_of(*fold_batchnorm(block.conv2, block.bn2)))
            self.slopes.append(block.act.weight.item())
        self.body = nn.ModuleList(convs)
        self.body_conv = conv_of(*fold_batchnorm(source.body_conv, source.body_bn))
        ups: list[nn.Conv2d] = []
        self.up_slopes: list[float] = []
        for stage in source.upsample:
            assert isinstance(stage, UpsampleStage)
            ups.append(conv_of(*map(rows_first, conv_parameters(stage.conv))))
            self.up_slopes.append(stage.act.weight.item())
        self.upsample = nn.ModuleList(ups)
        weight, bias = conv_parameters(source.tail)
        if ups:
            self.last_shuffle = 2
            self.tail = conv_of(subpixel_kernel(weight), bias.repeat(4))
        else:
            self.last_shuffle = source.config.last_shuffle
            self.tail = conv_of(*(rows_first(p, self.last_shuffle) for p in (weight, bias)))
        self.anchor: Anchor | None = None
        if source.anchor is not None:
            self.anchor = Anchor(source.config)
            kernel = rows_first(self.anchor.kernel, self.last_shuffle)
            self.anchor.kernel = kernel.contiguous(memory_format=torch.channels_last)
        self.correction: Tensor | None
        self.register_buffer("correction", None)
        self.reach = _tail_reach(self)
        self.eval().requires_grad_(False)
        channels_last_(self)

    def forward(self, x: Tensor) -> Tensor:
        """Upscale ``(N, C, H, W)``; the result is float32 ``(N, C, scale·H, scale·W)``."""
        stages = self.stages(x)
        while True:
            try:
                next(stages)
            except StopIteration as end:
                return cast("Tensor", end.value)

    def stages(self, x: Tensor) -> Generator_[float, None, Tensor]:
        """Do what `forward` does bit by bit, yielding the part of the work that is done.

        Where the network takes seconds, this is what keeps a progress bar moving and lets a
        cancel take hold.
        """
        batch, _, height, width = x.shape
        rows = height if self.strip is None else max(8, self.strip // (batch * width))
        if batch > 1 and rows < height:
            parts = []
            for i in range(batch):
                whole = yield from share_of(self.stages(x[i : i + 1]), i / batch, 1 / batch)
                parts.append(whole)
            return torch.cat(parts)
        seen = x if self.in_gain == 1 else x * self.in_gain
        narrow = seen.to(self.head.weight.dtype, memory_format=torch.channels_last)
        y = yield from share_of(self._trunk(narrow, rows), 0, TRUNK)
        with torch.inference_mode():
            s = self.config.scale
            shape = (batch, self.config.channels, s * height, s * width)
            out = torch.empty(shape, device=x.device, memory_format=torch.channels_last)
        for top in range(0, height, rows):
            yield TRUNK + (1 - TRUNK) * top / height
            bottom = min(top + rows, height)
            first, last = max(0, top - self.reach), min(height, bottom + self.reach)
            with torch.inference_mode():
                strip = self.pixels(y[:, :, first:last], x[:, :, first:last])
                part = strip[:, :, s * (top - first) : s * (bottom - first)]
                out[:, :, s * top : s * bottom] = part
        return out

    def _trunk(self, x: Tensor, rows: int) -> Generator_[float, None, Tensor]:
        """Return the trunk's output ``(N, features, H, W)``, the long skip added.

        Every layer goes over the image in strips of ``rows`` rows and does all it has to while
        a strip is in the cache: convolution, then slope or sum. It reads the rows above and
        below from buffers with a row of zeros at either end, which stand for the padding.
        """
        height = x.shape[-2]
        if rows >= height:
            with torch.inference_mode():
                y = skip = F.leaky_relu(self.head(x), self.head_slope, inplace=True)
            for i, slope in enumerate(self.slopes):
                yield i / len(self.slopes)
                with torch.inference_mode():
                    z = F.leaky_relu(self.body[2 * i](y), slope, inplace=True)
                    y = self.body[2 * i + 1](z).add_(y)
            with torch.inference_mode():
                return cast("Tensor", self.body_conv(y).add_(skip))
        with torch.inference_mode():
            reach = self.head.padding[0]
            padded = F.pad(x, (0, 0, int(reach), int(reach)))
            padded = padded.contiguous(memory_format=torch.channels_last)
            skip, sums, z = (self._buffer(x) for _ in range(3))
            _by_rows(self.head, padded, skip, rows, slope=self.head_slope)
        y = skip
        for i, slope in enumerate(self.slopes):
            yield i / len(self.slopes)
            with torch.inference_mode():
                _by_rows(self.body[2 * i], y, z, rows, slope=slope)
            yield (i + 0.5) / len(self.slopes)
            with torch.inference_mode():
                _by_rows(self.body[2 * i + 1], z, sums, rows, add=y)
            y = sums
        with torch.inference_mode():
            _by_rows(self.body_conv, y, z, rows, add=skip)
            return z[:, :, 1:-1]

    def _buffer(self, x: Tensor) -> Tensor:
        """Return room for a feature map, with a row of zeros above and below."""
        batch, _, height, width = x.shape
        shape = (batch, self.config.features, height + 2, width)
        buffer = torch.empty(
            shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last
        )
        buffer[:, :, 0] = 0
        buffer[:, :, -1] = 0
        return buffer

    def pixels(self, y: Tensor, x: Tensor) -> Tensor:
        """Return the image ``(N, C, scale·H, scale·W)`` from the trunk's output and its input."""
        for i, (conv, slope) in enumerate(zip(self.upsample, self.up_slopes, strict=True)):
            if i:
                y = shuffle_rows(y)
            y = F.leaky_relu(conv(y), slope, inplace=True)
        y = self.tail(y.to(self.tail.weight.dtype)).float()
        if self.anchor is not None:
            y += self.anchor(x)
        y = squash(y, self.config.activation)
        if self.correction is not None:
            gain, shift = self.correction[..., None, None]
            torch.addcmul(shift, y, gain, out=y)
        return shuffle_rows(y, self.last_shuffle)


def share_of(
    stages: Generator_[float, None, Tensor], start: float, share: float
) -> Generator_[float, None, Tensor]:
    """Pass on what part of the whole is done, where ``stages`` are a share of it."""
    while True:
        try:
            part = next(stages)
        except StopIteration as end:
            return cast("Tensor", end.value)
        yield start + share * part


def _by_rows(
    conv: nn.Module,
    source: Tensor,
    target: Tensor,
    rows: int,
    *,
    slope: float = 1,
    add: Tensor | None = None,
) -> None:
    """Convolve strip by strip from one buffer into another, then add, or apply the slope.

    See `InferenceGenerator`.
    """
    assert isinstance(conv, nn.Conv2d)
    reach = conv.kernel_size[0] // 2
    height = target.shape[-2] - 2
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        strip = source[:, :, top : bottom + 2 * reach]
        result = F.conv2d(strip, conv.weight, conv.bias, padding=(0, reach))
        place = target[:, :, top + 1 : bottom + 1]
        if add is not None:
            torch.add(result, add[:, :, top + 1 : bottom + 1], out=place)
        else:
            place.copy_(F.leaky_relu(result, slope, inplace=True))


def _tail_reach(network: InferenceGenerator) -> int:
    """Return how many rows of the trunk's output and its input a row of pixels depends on."""
    reach = network.tail.kernel_size[0] // 2
    if network.anchor is not None:
        reach = max(reach, network.anchor.kernel.shape[-1] // 2)
    for i in reversed(range(len(network.upsample))):
        if i < len(network.upsample) - 1:
            reach = (reach + 1) // 2
        conv = network.upsample[i]
        assert isinstance(conv, nn.Conv2d)
        reach += conv.kernel_size[0] // 2
    return reach
