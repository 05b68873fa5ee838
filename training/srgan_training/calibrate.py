"""``srgan-train calibrate``: takes out what a model adds to the brightness of every image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_srgan.models import load_file, save_model
from napari_srgan.nn.generator import Generator
from napari_srgan.nn.inference import InferenceGenerator

from .cases import Degradation, Reduction, read_cases

BORDER = 4
"""LR pixels that are left out at each side"""


def calibrate(path: Path, folders: Sequence[Path], degradation: Degradation | None = None) -> float:
    """Shift the channels of a model so that their means on some HR images are right.

    Of a model with direct upsampling each sub-pixel is shifted on its own, which takes out the
    part of its grid that is the same everywhere. Its measured figures are forgotten.

    Parameters
    ----------
    path
        Model file; it is written anew.
    folders
        Of HR images; those with another number of bands than the model has channels are left out,
        unless the model takes one.
    degradation
        Makes the LR; None is antialiased bicubic.

    Returns
    -------
    float
        The largest shift, in percent of the range.

    Raises
    ------
    ValueError
        If no image fits the model.
    """
    network, card = load_file(path)
    shifts = []
    reduction = Reduction(None, degradation)
    inference = InferenceGenerator(network)
    for folder in folders:
        for number, case in enumerate(read_cases(folder)):
            if card.channels in (1, case.image.pixels.shape[0]):
                pair = reduction.pair(case, card.channels, card.scale, number)
                lr, hr = (torch.from_numpy(np.ascontiguousarray(x)) for x in (pair.lr, pair.hr))
                if card.channels == 1:
                    lr, hr = lr[:, None], hr[:, None]
                else:
                    lr, hr = lr[None], hr[None]
                shifts.append(_apart(inference(lr), hr, card.scale))
    if not shifts:
        raise ValueError(f"no image of {card.channels} channels in {', '.join(map(str, folders))}")
    found = torch.stack(shifts).mean(0)
    shift_(network, -found)
    card = replace(card, figures={}, command="")
    save_model(path, network.state_dict(), card)
    return float(100 * found.abs().max())


def _apart(sr: Tensor, hr: Tensor, scale: int) -> Tensor:
    """Return the mean difference ``(C, scale, scale)`` of each channel and sub-pixel."""
    border = BORDER * scale
    inner = (sr - hr)[..., border : sr.shape[-2] - border, border : sr.shape[-1] - border]
    n, channels, height, width = inner.shape
    blocks = inner.reshape(n, channels, height // scale, scale, width // scale, scale)
    return blocks.mean((0, 2, 4))


@torch.no_grad()
def shift_(network: Generator, values: Tensor) -> None:
    """Add values ``(C, scale, scale)`` to what a network gives, in place.

    Where sub-pixels share a convolution, their mean is added.
    """
    bias = network.tail.bias
    assert bias is not None
    each = len(bias) == values.numel()
    bias.add_(values.flatten() if each else values.mean((1, 2)))
