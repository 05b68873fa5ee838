"""The generator rewritten for inference: same result, less work."""

from __future__ import annotations

from collections.abc import Generator as Generator_
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
SAMPLE = 48
"""side in pixels of the image to which half precision is matched"""
COLOURED = 0.3
"""part of that image in which its channels differ"""
STEP = 2.0**-16
"""smallest change of gain and shift"""
IN_256 = 255 / 256
"""what an image is multiplied by before half precision: 8-bit levels are then parts of 256, which
it holds exactly; as parts of 255 bfloat16 rounds most of them up, by 0.08 % of the range in the
mean"""
MIDDLE = 0.5
"""what is taken from the pixels before they are written in half precision and added after: the
smaller a number, the finer it is held; the bright half of the range would else have 128 levels,
which rounded to those of 8 bits shift the mean"""
OFF_LEVELS = (5 + 5**0.5) / 8
"""what the pixels are multiplied by before that: else every fourth number that half precision has
for the darkest and brightest lies halfway between two levels of 8 bits, and a shift of a sub-pixel,
however small, rounds all of those one way; of 3.618 numbers a level, each level has others"""


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
    """Return a size-preserving convolution with these parameters."""
    out_channels, in_channels, height, width = weight.shape
    conv = nn.Conv2d(in_channels, out_channels, (height, width), padding=(height // 2, width // 2))
    conv.weight, conv.bias = (nn.Parameter(t.detach().clone(), False) for t in (weight, bias))
    return conv


def subpixel_kernel(weight: Tensor) -> Tensor:
    """Return the kernel on the coarse grid that equals ``weight`` behind a ×2 pixel shuffle.

    ``conv(pixel_shuffle(x, 2), weight) == pixel_shuffle(conv(x, subpixel_kernel(weight)), 2)``,
    zero padding included. ``weight`` ``(O, C, k, k)`` becomes ``(4·O, 4·C, k', k')`` with
    k' = 2·⌈(k//2)/2⌉ + 1: 9 becomes 5. Input and output channels are in the order (i, j, C) of
    `PixelRows`, with (i, j) the place in the 2×2 block.
    """
    out_channels, in_channels, size, _ = weight.shape
    reach = size // 2
    coarse = (reach + 1) // 2
    side = 2 * coarse + 1
    kernel = weight.new_zeros(2, 2, out_channels, 2, 2, in_channels, side, side)
    for oy in range(2):
        for ox in range(2):
            for ky in range(size):
                for kx in range(size):
                    y, x = oy + ky - reach, ox + kx - reach
                    kernel[oy, ox, :, y % 2, x % 2, :, y // 2 + coarse, x // 2 + coarse] = weight[
                        :, :, ky, kx
                    ]
    return kernel.reshape(4 * out_channels, 4 * in_channels, side, side)


def shuffle_rows(x: Tensor, factor: int = 2) -> Tensor:
    """Pixel shuffle of channels in the order (i, j, C).

    In channels_last memory the values of an output row are then runs of factor·C neighbours, so
    that the shuffle copies whole rows instead of single values.
    """
    n, channels, height, width = x.shape
    c = channels // factor**2
    rows = x.permute(0, 2, 3, 1).reshape(n, height, width, factor, factor * c).transpose(2, 3)
    return rows.reshape(n, factor * height, factor * width, c).permute(0, 3, 1, 2)


def rows_first(values: Tensor, factor: int = 2) -> Tensor:
    """Reorder weights or biases from torch's (C, i, j) to the (i, j, C) of `shuffle_rows`."""
    reordered: Tensor = values.unflatten(0, (-1, factor**2)).transpose(0, 1).flatten(0, 1)
    return reordered


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
        self.head = conv_of(*_parameters(source.head))
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
            ups.append(conv_of(*map(rows_first, _parameters(stage.conv))))
            self.up_slopes.append(stage.act.weight.item())
        self.upsample = nn.ModuleList(ups)
        weight, bias = _parameters(source.tail)
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

    @torch.no_grad()
    def measure_correction(self, exact: InferenceGenerator) -> Tensor:
        """Return what brings the pixels to the levels of the same network in float32.

        Rounded weights change what a convolution gives in the mean, of each sub-pixel by another
        amount where they have weights of their own, and more where an image is bright. Gain and
        shift of each sub-pixel and channel ``(2, channels · last_shuffle²)`` are fitted by least
        squares to a smooth image of all levels, whose channels are alike for the most part.

        Parameters
        ----------
        exact
            The network before its numbers were set, on the same device.

        Notes
        -----
        Nagel et al. 2019, *Data-Free Quantization Through Weight Equalization and Bias Correction*,
        section 4.2; here the whole network is corrected at its end.
        """
        shape = (1 + self.config.channels, SAMPLE // 8, SAMPLE // 8)
        coarse = torch.rand(shape, generator=seeded())
        mixed = torch.lerp(coarse[:1], coarse[1:], COLOURED)[None]
        x = F.interpolate(mixed, scale_factor=8.0, mode="bilinear", align_corners=False)
        x = x.to(self.tail.weight.device)
        rounded, meant = (self._by_sub_pixel(network(x)) for network in (self, exact))
        means = torch.stack([each.mean(1) for each in (rounded, meant)])
        apart = rounded - means[0][:, None]
        gain = (apart * meant).sum(1) / apart.square().sum(1)
        found = torch.stack([gain, means[1] - gain * means[0]])
        if not bool(torch.isfinite(found).all()):
            found = torch.stack([torch.ones_like(gain), torch.zeros_like(gain)])
        # In steps, so that it does not depend on how the sums were split between threads.
        return (found / STEP).round() * STEP

    def _by_sub_pixel(self, image: Tensor) -> Tensor:
        """Return the values ``(channels · last_shuffle², n)``, in the order of `rows_first`."""
        values = F.pixel_unshuffle(image, self.last_shuffle)[0].flatten(1)
        return rows_first(values, self.last_shuffle)

    @torch.no_grad()
    def correct(self, correction: Tensor) -> InferenceGenerator:
        """Have what `measure_correction` returned done to the pixels."""
        if self.correction is not None:
            gain, shift = correction
            correction = torch.stack([self.correction[0] * gain, self.correction[1] * gain + shift])
        self.correction = correction
        return self

    @torch.no_grad()
    def set_dtype(self, dtype: torch.dtype, tail_dtype: torch.dtype) -> InferenceGenerator:
        """Set the numbers that the trunk and the pixel-writing tail compute with, in place, once.

        With a tail of half precision, as 8-bit images have it, all values within the network are
        smaller by `IN_256`, which its weights need not know of: what is between them, sums and
        leaky ReLU, does not mind.
        """
        if tail_dtype != torch.float32:
            self._shrink()
        for part in (self.head, self.body, self.body_conv, self.upsample):
            part.to(dtype)
        self.tail.to(tail_dtype)
        return self

    def _shrink(self) -> None:
        """Make all values smaller by `IN_256`, and the pixels lie around 0 before they are written.

        A tanh needs its own values, and what is added to an interpolation lies around 0 anyway.
        """
        self.in_gain = IN_256
        for conv in (self.head, *self.body, self.body_conv, *self.upsample):
            _parameters(conv)[1].mul_(IN_256)
        weight, bias = _parameters(self.tail)
        if self.config.activation is not None:
            weight /= IN_256
            return
        more, middle = OFF_LEVELS, MIDDLE
        if self.anchor is not None:
            self.anchor.kernel *= IN_256
            more, middle = 1.0, 0.0
        gain = IN_256 * more
        weight *= more
        bias.mul_(gain).sub_(middle)
        one = torch.ones_like(bias)
        self.correct(torch.stack([one / gain, one * (middle / gain)]))


def seeded() -> torch.Generator:
    """Return random numbers that are always the same."""
    return torch.Generator().manual_seed(0)


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


def _parameters(conv: nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    return conv.weight, conv.bias


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
