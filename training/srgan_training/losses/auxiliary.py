"""Losses added to the pixel loss, each with a weight of its own in the configuration."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.image import structural_similarity_index_measure

Loss = Callable[[Tensor, Tensor, int], Tensor]

WINDOW = 16
"""side in HR pixels of the windows whose amplitudes are compared"""
WORST = 256
"""of how many values in a flat patch one counts as standing out"""


def coarse_loss(sr: Tensor, hr: Tensor, scale: int) -> Tensor:
    """Return the mean absolute difference of the means over blocks of ``scale`` × ``scale`` pixels.

    What the LR image knows already: held to it, a generator may invent fine detail and still keeps
    brightness and colour.
    """
    return F.l1_loss(F.avg_pool2d(sr, scale), F.avg_pool2d(hr, scale))


def grid_loss(sr: Tensor, hr: Tensor, scale: int) -> Tensor:
    """Return the mean absolute difference of the means over each of the scale² sub-pixels.

    The means are those of every patch and channel. A generator that treats the sub-pixels behind
    its pixel shuffle differently has a grid in them, faint in each pixel and plain in the whole.
    """
    n, channels, height, width = sr.shape
    apart = (sr - hr).reshape(n, channels, height // scale, scale, width // scale, scale)
    return apart.mean((2, 4)).abs().mean()


def flat_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Return the mean of the largest absolute differences in patches of one colour throughout.

    The largest are one in `WORST` values of a patch; other patches count as 0. What stands out of a
    flat area does so at its corners, where a mean over all pixels hardly counts it.
    """
    flat = (hr.amax((2, 3)) == hr.amin((2, 3))).all(1)
    apart = (sr - hr).abs().flatten(1)
    worst = apart.topk(max(1, apart.shape[1] // WORST)).values.mean(1)
    return (worst * flat).mean()


def amplitude_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Return the mean absolute difference of the amplitudes in the spectra of small windows.

    Windows are `WINDOW` pixels wide, Hann-weighted and overlap by half. What cannot be known of a
    detail is mostly its phase, and the mean of all phases is blur: a generator held to the
    amplitudes alone gives each place the contrast at each frequency that such places have.

    Source: Fuoli et al. 2021, *Fourier Space Losses for Efficient Perceptual Image
    Super-Resolution*, section 3.2; there of whole patches and with the phase.
    """
    step = WINDOW // 2
    ramps = torch.hann_window(WINDOW, device=sr.device)

    def amplitudes(x: Tensor) -> Tensor:
        windows = x.float().unfold(2, WINDOW, step).unfold(3, WINDOW, step)
        spectra: Tensor = torch.fft.rfft2(windows * ramps * ramps[:, None], norm="ortho")
        return spectra.abs()

    return F.l1_loss(amplitudes(sr), amplitudes(hr))


def structure_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Return 1 − SSIM (Wang et al. 2004) of the means over the channels of two batches on [0, 1].

    It compares contrast where means and squares compare levels: blur costs more of it, and detail
    in the wrong place costs it too.

    Source: Zhao et al. 2017, *Loss Functions for Image Restoration With Neural Networks*, section
    III.
    """
    sr, hr = (x.float().mean(1, keepdim=True) for x in (sr, hr))
    similarity = structural_similarity_index_measure(sr, hr, data_range=1.0)
    assert isinstance(similarity, Tensor)
    return 1 - similarity


AUXILIARY: dict[str, Loss] = {
    "amplitude": lambda sr, hr, scale: amplitude_loss(sr, hr),
    "structure": lambda sr, hr, scale: structure_loss(sr, hr),
    "coarse": coarse_loss,
    "grid": grid_loss,
    "flat": lambda sr, hr, scale: flat_loss(sr, hr),
}
"""Weight's field in `Config` → loss of ``sr``, ``hr`` ``(N, C, H, W)`` and the scale.

To add a loss, write its function here, enter it in this table, add the field of its weight to
`srgan_training.config.Config`, and test it in ``tests/training/losses/test_auxiliary.py``."""
