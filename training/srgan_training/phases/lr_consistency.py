"""Differentiable reduction to LR, for the LR consistency loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_srgan.nn.resample import bicubic_down

from ..config import Config
from ..data.lr_images import LRSynthesis, lr_synthesis_of
from ..degradations.base import Degradation
from ..degradations.kernels import gaussian
from ..degradations.noise import PoissonGaussian, Round8
from ..degradations.optics import Area, Bicubic, GaussianPSF

Reduce = Callable[[Tensor], Tensor]
"""differentiable map of images ``(N, C, H, W)``"""


def differentiable_reduction(config: Config) -> Reduce:
    """Return the reduction of HR patches ``(N, C, H, W)`` to LR, without noise and rounding.

    Raises
    ------
    ValueError
        If LR is read from files, if the sources have different degradations, or if a degradation is
        not a fixed linear filter.
    """
    advice = "; set consistency_weight to 0"
    syntheses = [lr_synthesis_of(source, config) for source in config.sources]
    known: list[LRSynthesis] = [synthesis for synthesis in syntheses if synthesis is not None]
    if len(known) < len(syntheses):
        raise ValueError(f"how LR images that are read came about is not known{advice}")
    chains = dict.fromkeys(synthesis.degrade for synthesis in known)
    if len(chains) > 1:
        raise ValueError(f"the sources have different degradations{advice}")
    (chain,) = chains
    if chain is None:
        return lambda x: bicubic_down(x, config.scale)
    steps = [differentiable_step(step, config.scale, advice) for step in chain.steps]

    def reduce(x: Tensor) -> Tensor:
        for step in steps:
            x = step(x)
        return x

    return reduce


def differentiable_step(step: Degradation, scale: int, advice: str = "") -> Reduce:
    """Return a degradation step as a differentiable map; noise and rounding are the identity."""
    if isinstance(step, Bicubic):
        return lambda x: bicubic_down(x, scale)
    if isinstance(step, Area):
        return lambda x: F.avg_pool2d(x, scale)
    if isinstance(step, PoissonGaussian | Round8):
        return lambda x: x
    if isinstance(step, GaussianPSF):
        along_y, along_x = step.sigmas
        if not isinstance(along_y, tuple) and not isinstance(along_x, tuple):
            stride = scale if step.decimate else 1
            rows, columns = gaussian(along_y * scale, stride), gaussian(along_x * scale, stride)
            return lambda x: filter_axis(filter_axis(x, 2, rows, stride), 3, columns, stride)
    raise ValueError(f"{step.describe()} is no fixed weighting of pixels{advice}")


def filter_axis(x: Tensor, axis: int, weights: np.ndarray, step: int) -> Tensor:
    """Filter ``(N, C, H, W)`` along an axis with a stride and symmetric padding.

    This is the tensor version of `srgan_training.degradations.kernels.filter_axis`.
    """
    length = x.shape[axis]
    pad = (len(weights) - step) // 2
    indices = np.pad(np.arange(length), pad, mode="symmetric")
    x = x.index_select(axis, torch.from_numpy(indices).to(x.device))
    shape = [1, 1, 1, 1]
    shape[axis] = len(weights)
    kernel = torch.from_numpy(weights).to(x).reshape(shape)
    strides = (step, 1) if axis == 2 else (1, step)
    channels = x.shape[1]
    return F.conv2d(x, kernel.expand(channels, 1, -1, -1), stride=strides, groups=channels)
