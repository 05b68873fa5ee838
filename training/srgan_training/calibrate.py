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
from .metrics import crop_border

BORDER = 4
"""LR pixels that are left out at each side"""
MOST = 16
"""images of a folder that are looked at, evenly spread over it"""


def calibrate(path: Path, folders: Sequence[Path], degradation: Degradation | None = None) -> float:
    """Shift the channels of a model so that their means on some HR images are right.

    Results are those of the automatic precision, rounded as a user gets them. The model's measured
    figures are forgotten.

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
                apart = crop_border(sr - pair.hr, BORDER * card.scale).mean((1, 2))
                shifts.append(apart if card.channels > 1 else apart.mean(keepdims=True))
    if not shifts:
        raise ValueError(f"no image of {card.channels} channels in {', '.join(map(str, folders))}")
    found = np.mean(shifts, 0)
    shift_(model.network, torch.from_numpy(-found))
    save_model(path, model.state_dict(), replace(card, figures={}, command=""))
    return float(100 * np.abs(found).max())


@torch.no_grad()
def shift_(network: Generator, values: Tensor) -> None:
    """Add values ``(C,)`` to the channels of what a network gives, in place."""
    bias = network.tail.bias
    assert bias is not None
    bias.add_(values.repeat_interleave(len(bias) // len(values)))
