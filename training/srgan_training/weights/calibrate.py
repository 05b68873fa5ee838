"""``srgan-train calibrate``: takes out what a model changes in the colour of every image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import avg_pool2d

from napari_srgan.models import load_model, save_model
from napari_srgan.nn.generator import Generator

from ..evaluation.benchmark_images import Degradation, Reduction, read_cases
from ..evaluation.metrics import crop_border
from ..images import Array
from ..upscaling import enlarge

BORDER = 4
"""LR pixels that are left out at each side"""
MOST = 24
"""images of a folder that are looked at, evenly spread over it"""
BLOCK = 64
"""side in HR pixels of the blocks whose means are compared"""
RIDGE = 0.002
"""weight of small gains against small differences; the levels of images vary by some 0.06"""

Matrix = npt.NDArray[np.float64]


def calibrate(path: Path, folders: Sequence[Path], degradation: Degradation | None = None) -> float:
    """Change the last convolution of a model so that it keeps means at every level and colour.

    A channel is shifted by what depends on the levels of all, ``offset + gain · (level − 1/2)``,
    by least squares over the means of blocks of some HR images. Where the network adds to an
    interpolation or ends in an activation, its levels are not those of its last convolution, and
    channels are shifted by an offset alone. Results are those of the automatic precision, rounded
    as a user gets them. The model's measured figures are forgotten.

    Parameters
    ----------
    path
        Model file; it is written anew.
    folders
        Of HR images, grey ones too; those with another number of bands than the model has
        channels are left out, unless they or the model have one.
    degradation
        Makes the LR; None is antialiased bicubic.

    Returns
    -------
    float
        The largest shift on any block, in percent of the range.

    Raises
    ------
    ValueError
        If no image fits the model.
    """
    model = load_model(path)
    card, reduction = model.card, Reduction(None, degradation)
    levels: list[Matrix] = []
    apart: list[Matrix] = []
    for folder in folders:
        cases = read_cases(folder)
        for number, case in enumerate(cases[:: -(-len(cases) // MOST)]):
            pair = reduction.pair(case, card.channels, card.scale, number)
            if len(pair.hr) == card.channels or card.channels == 1:
                eight_bit = case.image.eight_bit
                sr = enlarge(pair.lr, model, scale=card.scale, eight_bit=eight_bit, limited=False)
                made, right = (block_means(p, BORDER * card.scale) for p in (sr, pair.hr))
                levels.append(made.reshape(-1, card.channels))
                apart.append((right - made).reshape(-1, card.channels))
    if not levels:
        raise ValueError(f"no image of {card.channels} channels in {', '.join(map(str, folders))}")
    by_level = model.network.anchor is None and card.config.activation is None
    gain, offset = fitted(levels, apart, by_level=by_level)
    recolour_(model.network, gain, offset)
    save_model(path, model.state_dict(), replace(card, figures={}, command=""))
    return float(100 * max(np.abs((x - 0.5) @ gain.T + offset).max() for x in levels))


def block_means(pixels: Array, border: int) -> Matrix:
    """Return the means ``(blocks, C)`` of an image ``(C, H, W)`` over square blocks.

    What does not fill a block is left out, as is the border; an image smaller than a block is one.
    """
    inner = torch.from_numpy(crop_border(pixels, border).astype(np.float64))
    means: Matrix = avg_pool2d(inner, [min(BLOCK, n) for n in inner.shape[1:]]).flatten(1).T.numpy()
    return means


def fitted(
    levels: Sequence[Matrix], apart: Sequence[Matrix], *, by_level: bool
) -> tuple[Matrix, Matrix]:
    """Return gain ``(C, C)`` and offset ``(C,)`` that explain differences by levels.

    Parameters
    ----------
    levels, apart
        Of each image, ``(blocks, C)``; images count alike, however many blocks they have.
    by_level
        Whether there is a gain; otherwise it is 0.
    """
    weight = np.concatenate([np.full(len(x), 1 / len(x) / len(levels)) for x in levels])
    x, y = np.concatenate(levels) - 0.5, np.concatenate(apart)
    channels = x.shape[1]
    if not by_level:
        return np.zeros((channels, channels)), weight @ y
    known = np.column_stack([x, np.ones(len(x))])
    ridge = np.diag([RIDGE] * channels + [0])
    found = np.linalg.solve(known.T * weight @ known + ridge, known.T * weight @ y)
    return found[:-1].T, found[-1]


@torch.no_grad()
def recolour_(network: Generator, gain: Matrix, offset: Matrix) -> None:
    """Add ``gain @ (level - 1/2) + offset`` to the channels that the last convolution gives."""
    tail = network.tail
    assert tail.bias is not None
    matrix = torch.from_numpy(np.eye(len(gain)) + gain)
    # The channels of the convolution are (C, i, j), with (i, j) the sub-pixel of a pixel shuffle.
    for parameter in (tail.weight, tail.bias):
        by_channel = parameter.double().unflatten(0, (len(gain), -1))
        parameter.copy_(torch.einsum("dc,c...->d...", matrix, by_channel).flatten(0, 1))
    rest = torch.from_numpy(offset - gain.sum(1) / 2)
    tail.bias.add_(rest.repeat_interleave(len(tail.bias) // len(rest)))
