"""``srgan-train calibrate``: takes out what a model adds to the brightness of every image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_srgan.models import load_model, save_model
from napari_srgan.nn.generator import Generator

from .cases import Degradation, Reduction, read_cases
from .evaluation import Row, run
from .images import Array
from .metrics import crop_border

BORDER = 4
"""LR pixels that are left out at each side"""
MOST = 16
"""images of a folder that are looked at, evenly spread over it"""


def calibrate(path: Path, folders: Sequence[Path], degradation: Degradation | None = None) -> float:
    """Shift the channels of a model so that their means on some HR images are right.

    Of a model with direct upsampling each sub-pixel is shifted on its own, which takes out the
    part of its grid that is the same everywhere. Results are those of the automatic precision,
    rounded as a user gets them. The model's measured figures are forgotten.

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
    model = load_model(path)
    card, row = model.card, Row(model.card.name, model.scale, model)
    reduction = Reduction(None, degradation)
    shifts = []
    for folder in folders:
        cases = read_cases(folder)
        for number, case in enumerate(cases[:: -(-len(cases) // MOST)]):
            if card.channels in (1, case.image.pixels.shape[0]):
                sr, pair = run(case, row, reduction, number, 0)
                apart = _apart(sr, pair.hr, card.scale)
                shifts.append(apart if card.channels > 1 else apart.mean(0, keepdims=True))
    if not shifts:
        raise ValueError(f"no image of {card.channels} channels in {', '.join(map(str, folders))}")
    found = np.mean(shifts, 0)
    shift_(model.network, torch.from_numpy(-found))
    save_model(path, model.state_dict(), replace(card, figures={}, command=""))
    return float(100 * np.abs(found).max())


def _apart(sr: Array, hr: Array, scale: int) -> Array:
    """Return the mean difference ``(C, scale, scale)`` of each channel and sub-pixel."""
    inner = crop_border(sr - hr, BORDER * scale)
    channels, height, width = inner.shape
    blocks = inner.reshape(channels, height // scale, scale, width // scale, scale)
    return np.asarray(blocks.mean((1, 3)))


@torch.no_grad()
def shift_(network: Generator, values: Tensor) -> None:
    """Add values ``(C, scale, scale)`` to what a network gives, in place.

    Where sub-pixels share a convolution, their mean is added.
    """
    bias = network.tail.bias
    assert bias is not None
    each = len(bias) == values.numel()
    bias.add_(values.flatten() if each else values.mean((1, 2)))
