"""Generator rewritten for inference: the same function with fewer operations and less memory."""

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
from .generator import Anchor, Generator, ResidualBlock, UpsampleStage, channels_last_, squash

STRIP_PIXELS = 1 << 16
"""LR pixels per strip; the activations of a strip should fit into the CPU cache"""
TRUNK_SHARE = 0.55
"""estimated fraction of the computing time spent before upsampling, for progress reports"""


class InferenceGenerator(nn.Module):
    """Inference version of a generator; the same function as its source in evaluation mode.

    * BatchNorm is folded into the convolutions (`fold_batchnorm`).
    * A PReLU with a single slope is an in-place leaky ReLU.
    * Pixel shuffles copy rows (`shuffle_rows`). The last one follows the tail instead of preceding
      it and so moves ``channels`` values per pixel instead of ``features``: the 9×9 tail after the
      shuffle becomes a 5×5 tail before it (`subpixel_kernel`).
    * On a CPU every layer runs in strips of rows, so that the operation after a convolution reads
      its output from the CPU cache, and the feature maps at full resolution are never in memory as
      a whole.

    Parameters
    ----------
    source
        The network; it is not modified.
    strip
        LR pixels per strip; None processes the whole image at once.

    Attributes
    ----------
    in_gain
        Factor on the input (`half_precision.set_dtype`).
    last_shuffle
        Factor of the last pixel shuffle.
    correction
        Gain and shift of the output, ``(2, channels · last_shuffle²)``, or None
        (`half_precision.correct`).
    tail_radius
        Rows of the trunk's output above and below that an output row depends on.
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
        self.tail_radius = _tail_radius(self)
        self.eval().requires_grad_(False)
        channels_last_(self)

    def forward(self, x: Tensor) -> Tensor:
        """Super-resolve ``(N, C, H, W)``; returns float32 ``(N, C, scale·H, scale·W)``."""
        stages = self.stages(x)
        while True:
            try:
                next(stages)
            except StopIteration as end:
                return cast("Tensor", end.value)

    def stages(self, x: Tensor) -> Generator_[float, None, Tensor]:
        """Run `forward` in steps, yielding the completed fraction, 0 to 1, between them.

        Used to report progress and to cancel while a network runs for seconds.
        """
        batch, _, height, width = x.shape
        rows = height if self.strip is None else max(8, self.strip // (batch * width))
        if batch > 1 and rows < height:
            parts = []
            for i in range(batch):
                output = yield from share_of(self.stages(x[i : i + 1]), i / batch, 1 / batch)
                parts.append(output)
            return torch.cat(parts)
        scaled = x if self.in_gain == 1 else x * self.in_gain
        features_in = scaled.to(self.head.weight.dtype, memory_format=torch.channels_last)
        y = yield from share_of(self._trunk(features_in, rows), 0, TRUNK_SHARE)
        with torch.inference_mode():
            s = self.config.scale
            shape = (batch, self.config.channels, s * height, s * width)
            out = torch.empty(shape, device=x.device, memory_format=torch.channels_last)
        for top in range(0, height, rows):
            yield TRUNK_SHARE + (1 - TRUNK_SHARE) * top / height
            bottom = min(top + rows, height)
            first, last = max(0, top - self.tail_radius), min(height, bottom + self.tail_radius)
            with torch.inference_mode():
                strip = self.pixels(y[:, :, first:last], x[:, :, first:last])
                part = strip[:, :, s * (top - first) : s * (bottom - first)]
                out[:, :, s * top : s * bottom] = part
        return out

    def _trunk(self, x: Tensor, rows: int) -> Generator_[float, None, Tensor]:
        """Return the trunk's output ``(N, features, H, W)``, long skip connection included.

        Every layer processes strips of ``rows`` rows: convolution, then leaky ReLU or sum, while
        the strip is in the CPU cache. Feature maps have a row of zeros above and below as padding.
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
            radius = self.head.padding[0]
            padded = F.pad(x, (0, 0, int(radius), int(radius)))
            padded = padded.contiguous(memory_format=torch.channels_last)
            skip, sums, z = (self._buffer(x) for _ in range(3))
            _conv_in_strips(self.head, padded, skip, rows, slope=self.head_slope)
        y = skip
        for i, slope in enumerate(self.slopes):
            yield i / len(self.slopes)
            with torch.inference_mode():
                _conv_in_strips(self.body[2 * i], y, z, rows, slope=slope)
            yield (i + 0.5) / len(self.slopes)
            with torch.inference_mode():
                _conv_in_strips(self.body[2 * i + 1], z, sums, rows, add=y)
            y = sums
        with torch.inference_mode():
            _conv_in_strips(self.body_conv, y, z, rows, add=skip)
            return z[:, :, 1:-1]

    def _buffer(self, x: Tensor) -> Tensor:
        """Return an uninitialised feature map with a row of zeros above and below."""
        batch, _, height, width = x.shape
        shape = (batch, self.config.features, height + 2, width)
        buffer = torch.empty(
            shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last
        )
        buffer[:, :, 0] = 0
        buffer[:, :, -1] = 0
        return buffer

    def pixels(self, y: Tensor, x: Tensor) -> Tensor:
        """Return ``(N, C, scale·H, scale·W)`` from the trunk's output ``y`` and the image ``x``."""
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
    """Yield progress of a sub-task that takes ``share`` of the whole and begins at ``start``."""
    while True:
        try:
            part = next(stages)
        except StopIteration as end:
            return cast("Tensor", end.value)
        yield start + share * part


def _conv_in_strips(
    conv: nn.Module,
    source: Tensor,
    target: Tensor,
    rows: int,
    *,
    slope: float = 1,
    add: Tensor | None = None,
) -> None:
    """Convolve ``source`` into ``target`` in strips, then add ``add`` or apply a leaky ReLU.

    Both have rows of padding above and below: ``source`` the radius of the kernel, ``target`` one.
    """
    assert isinstance(conv, nn.Conv2d)
    radius = conv.kernel_size[0] // 2
    height = target.shape[-2] - 2
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        strip = source[:, :, top : bottom + 2 * radius]
        result = F.conv2d(strip, conv.weight, conv.bias, padding=(0, radius))
        target_strip = target[:, :, top + 1 : bottom + 1]
        if add is not None:
            torch.add(result, add[:, :, top + 1 : bottom + 1], out=target_strip)
        else:
            target_strip.copy_(F.leaky_relu(result, slope, inplace=True))


def _tail_radius(network: InferenceGenerator) -> int:
    """Return the LR rows above and below that an output row depends on after the trunk."""
    radius = network.tail.kernel_size[0] // 2
    if network.anchor is not None:
        radius = max(radius, network.anchor.kernel.shape[-1] // 2)
    for i in reversed(range(len(network.upsample))):
        if i < len(network.upsample) - 1:
            radius = (radius + 1) // 2
        conv = network.upsample[i]
        assert isinstance(conv, nn.Conv2d)
        radius += conv.kernel_size[0] // 2
    return radius
