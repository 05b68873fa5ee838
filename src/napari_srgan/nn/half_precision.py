"""Half-precision inference with correction of its systematic rounding error."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .folding import conv_parameters, rows_first
from .inference import InferenceGenerator

CALIBRATION_SIDE = 48
"""side in pixels of the image that the correction is measured on"""
CALIBRATION_COLOUR = 0.3
"""weight of the random colour in that image; the rest is the same in all channels"""
CORRECTION_STEP = 2.0**-16
"""gain and shift are rounded to multiples of this"""
INPUT_GAIN = 255 / 256
"""Factor on the input, so that 8-bit levels become multiples of 1/256, which bfloat16 holds
exactly. Multiples of 1/255 are rounded up more often than down, by 0.08 % of the range."""
OUTPUT_OFFSET = 0.5
"""Offset subtracted before casting to half precision and added back afterwards, because bfloat16
resolves small magnitudes more finely: the upper half of the range has only 128 values otherwise."""
OUTPUT_GAIN = (5 + 5**0.5) / 8
"""Factor on the output before casting to half precision, divided out afterwards. Without it every
fourth bfloat16 value near the ends of the range lies halfway between two 8-bit levels, and a small
shift rounds all of those in one direction. With 3.618 values a level, no two levels are alike."""


@torch.no_grad()
def set_dtype(
    network: InferenceGenerator, dtype: torch.dtype, tail_dtype: torch.dtype
) -> InferenceGenerator:
    """Cast a network for inference, in place. To be called once.

    A tail in half precision is for 8-bit images only. All activations are then scaled by
    `INPUT_GAIN`; sums and leaky ReLU commute with a positive factor, so only biases change.

    Parameters
    ----------
    network
        In float32.
    dtype, tail_dtype
        dtypes of the trunk and of the last convolution, which writes the pixels.

    Returns
    -------
    InferenceGenerator
        The same network.
    """
    if tail_dtype != torch.float32:
        _rescale(network)
    for part in (network.head, network.body, network.body_conv, network.upsample):
        part.to(dtype)
    network.tail.to(tail_dtype)
    return network


@torch.no_grad()
def measure_correction(network: InferenceGenerator, exact: InferenceGenerator) -> Tensor:
    """Measure the gain and shift that bring a half-precision network to its float32 output.

    Rounded weights change the mean output of a convolution, differently for each sub-pixel, and
    more where the image is bright. Gain and shift of each sub-pixel and channel are fitted by
    least squares on a smooth random image that covers all levels.

    Parameters
    ----------
    network
        In half precision (`set_dtype`).
    exact
        The same network in float32, on the same device.

    Returns
    -------
    Tensor
        ``(2, channels · last_shuffle²)``: gains and shifts in the order of `rows_first`.

    Notes
    -----
    Bias correction of Nagel et al. 2019, *Data-Free Quantization Through Weight Equalization and
    Bias Correction*, section 4.2, applied once, at the end of the network.
    """
    shape = (1 + network.config.channels, CALIBRATION_SIDE // 8, CALIBRATION_SIDE // 8)
    coarse = torch.rand(shape, generator=seeded())
    mixed = torch.lerp(coarse[:1], coarse[1:], CALIBRATION_COLOUR)[None]
    x = F.interpolate(mixed, scale_factor=8.0, mode="bilinear", align_corners=False)
    x = x.to(network.tail.weight.device)
    rounded, meant = (_by_sub_pixel(each, x) for each in (network, exact))
    means = torch.stack([each.mean(1) for each in (rounded, meant)])
    apart = rounded - means[0][:, None]
    gain = (apart * meant).sum(1) / apart.square().sum(1)
    found = torch.stack([gain, means[1] - gain * means[0]])
    if not bool(torch.isfinite(found).all()):
        found = torch.stack([torch.ones_like(gain), torch.zeros_like(gain)])
    # Rounded, so that it does not depend on how the sums were split between threads.
    return (found / CORRECTION_STEP).round() * CORRECTION_STEP


@torch.no_grad()
def correct(network: InferenceGenerator, correction: Tensor) -> InferenceGenerator:
    """Apply a correction ``(2, channels · last_shuffle²)`` to a network's output, in place."""
    if network.correction is not None:
        gain, shift = correction
        correction = torch.stack(
            [network.correction[0] * gain, network.correction[1] * gain + shift]
        )
    network.correction = correction
    return network


def seeded() -> torch.Generator:
    """Return a random generator with a fixed seed."""
    return torch.Generator().manual_seed(0)


def _by_sub_pixel(network: InferenceGenerator, x: Tensor) -> Tensor:
    """Return the output of a network as ``(channels · last_shuffle², n)``, `rows_first` order."""
    values = F.pixel_unshuffle(network(x), network.last_shuffle)[0].flatten(1)
    return rows_first(values, network.last_shuffle)


def _rescale(network: InferenceGenerator) -> None:
    """Scale all activations by `INPUT_GAIN`, and centre the output before it is cast.

    A final tanh needs its unscaled input. A residual on an interpolation is centred already.
    """
    network.in_gain = INPUT_GAIN
    for conv in (network.head, *network.body, network.body_conv, *network.upsample):
        conv_parameters(conv)[1].mul_(INPUT_GAIN)
    weight, bias = conv_parameters(network.tail)
    if network.config.activation is not None:
        weight /= INPUT_GAIN
        return
    more, middle = OUTPUT_GAIN, OUTPUT_OFFSET
    if network.anchor is not None:
        network.anchor.kernel *= INPUT_GAIN
        more, middle = 1.0, 0.0
    gain = INPUT_GAIN * more
    weight *= more
    bias.mul_(gain).sub_(middle)
    one = torch.ones_like(bias)
    correct(network, torch.stack([one / gain, one * (middle / gain)]))
