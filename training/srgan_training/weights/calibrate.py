"""``srgan-train calibrate``: correct the colour bias of the last layer."""

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
"""number of LR pixels cropped at each side"""
MAX_IMAGES = 24
"""maximum number of images per folder, which are evenly spaced"""
BLOCK = 64
"""side in HR pixels of the blocks whose means are compared"""
RIDGE = 0.002
"""regularisation weight of the gains (ridge regression); levels of images vary by about 0.06"""

Matrix = npt.NDArray[np.float64]


def calibrate(path: Path, folders: Sequence[Path], degradation: Degradation | None = None) -> float:
    """Correct the last convolution of a model so that it preserves local means of all colours.

    Each channel is corrected by an affine function of all channels, ``offset + gain · (level −
    1/2)``, fitted by ridge regression to block means of HR images. If the network adds its output
    to an interpolated image or ends in an activation, the output levels are not those of the last
    convolution, and only an offset is fitted. Results are computed in the automatic precision and
    rounded, as at inference. Measured figures are removed from the model card.

    Parameters
    ----------
    path
        Model file, which is overwritten.
    folders
        Folders of HR images. Images whose number of bands differs from the number of channels of
        the model are left out, unless either is one.
    degradation
        Degradation that makes LR; None is antialiased bicubic.

    Returns
    -------
    float
        Largest correction of a block, in percent of the range.

    Raises
    ------
    ValueError
        If no image has a suitable number of channels.
    """
    model = load_model(path)
    card, reduction = model.card, Reduction(None, degradation)
    levels: list[Matrix] = []
    errors: list[Matrix] = []
    for folder in folders:
        cases = read_cases(folder)
        for number, case in enumerate(cases[:: -(-len(cases) // MAX_IMAGES)]):
            pair = reduction.pair(case, card.channels, card.scale, number)
            if len(pair.hr) == card.channels or card.channels == 1:
                eight_bit = case.image.eight_bit
                sr = enlarge(pair.lr, model, scale=card.scale, eight_bit=eight_bit, limited=False)
                sr_means, hr_means = (block_means(p, BORDER * card.scale) for p in (sr, pair.hr))
                levels.append(sr_means.reshape(-1, card.channels))
                errors.append((hr_means - sr_means).reshape(-1, card.channels))
    if not levels:
        raise ValueError(f"no image of {card.channels} channels in {', '.join(map(str, folders))}")
    by_level = model.network.anchor is None and card.config.activation is None
    gain, offset = fit_correction(levels, errors, by_level=by_level)
    apply_correction_(model.network, gain, offset)
    save_model(path, model.state_dict(), replace(card, figures={}, command=""))
    return float(100 * max(np.abs((x - 0.5) @ gain.T + offset).max() for x in levels))


def block_means(pixels: Array, border: int) -> Matrix:
    """Return the means ``(blocks, C)`` of an image ``(C, H, W)`` over square blocks.

    The border and incomplete blocks are left out; an image smaller than a block is one block.
    """
    inner = torch.from_numpy(crop_border(pixels, border).astype(np.float64))
    means: Matrix = avg_pool2d(inner, [min(BLOCK, n) for n in inner.shape[1:]]).flatten(1).T.numpy()
    return means


def fit_correction(
    levels: Sequence[Matrix], errors: Sequence[Matrix], *, by_level: bool
) -> tuple[Matrix, Matrix]:
    """Fit gain ``(C, C)`` and offset ``(C,)`` of the errors as a function of the levels.

    Parameters
    ----------
    levels, apart
        Block means of the results and their errors, ``(blocks, C)`` per image. Images have equal
        weight regardless of their number of blocks.
    by_level
        Whether to fit a gain; otherwise it is 0.
    """
    weight = np.concatenate([np.full(len(x), 1 / len(x) / len(levels)) for x in levels])
    x, y = np.concatenate(levels) - 0.5, np.concatenate(errors)
    channels = x.shape[1]
    if not by_level:
        return np.zeros((channels, channels)), weight @ y
    regressors = np.column_stack([x, np.ones(len(x))])
    ridge = np.diag([RIDGE] * channels + [0])
    solution = np.linalg.solve(
        regressors.T * weight @ regressors + ridge, regressors.T * weight @ y
    )
    return solution[:-1].T, solution[-1]


@torch.no_grad()
def apply_correction_(network: Generator, gain: Matrix, offset: Matrix) -> None:
    """Add ``gain @ (level - 1/2) + offset`` to the output of the last convolution, in place."""
    tail = network.tail
    assert tail.bias is not None
    matrix = torch.from_numpy(np.eye(len(gain)) + gain)
    # Output channels are ordered (C, i, j), where (i, j) is the sub-pixel of the pixel shuffle.
    for parameter in (tail.weight, tail.bias):
        by_channel = parameter.double().unflatten(0, (len(gain), -1))
        parameter.copy_(torch.einsum("dc,c...->d...", matrix, by_channel).flatten(0, 1))
    rest = torch.from_numpy(offset - gain.sum(1) / 2)
    tail.bias.add_(rest.repeat_interleave(len(tail.bias) // len(rest)))
