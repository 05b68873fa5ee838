"""Auxiliary losses that are added to the pixel loss, each with a weight in the configuration."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.image import structural_similarity_index_measure

Loss = Callable[[Tensor, Tensor, int], Tensor]
"""loss function of SR, HR and the scale"""

WINDOW = 16
"""side in HR pixels of the windows of the amplitude loss"""
VALUES_PER_OUTLIER = 256
"""number of values in a constant patch per outlier of the flat loss"""


def coarse_loss(sr: Tensor, hr: Tensor, scale: int) -> Tensor:
    """Return the mean absolute difference of the means over blocks of ``scale`` × ``scale`` pixels.

    The loss constrains brightness and colour, which the LR image determines, and leaves fine detail
    unconstrained.
    """
    return F.l1_loss(F.avg_pool2d(sr, scale), F.avg_pool2d(hr, scale))


def grid_loss(sr: Tensor, hr: Tensor, scale: int) -> Tensor:
    """Return the mean absolute difference of the means of the scale² sub-pixel positions.

    The means are taken for each patch and channel. A generator whose sub-pixels differ after the
    pixel shuffle has a regular grid in its output, which is small at each pixel but shows in the
    means.
    """
    n, channels, height, width = sr.shape
    difference = (sr - hr).reshape(n, channels, height // scale, scale, width // scale, scale)
    return difference.mean((2, 4)).abs().mean()


def flat_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Return the mean of the largest absolute differences in constant patches.

    One of every `VALUES_PER_OUTLIER` values of a patch enters the mean; patches that are not
    constant contribute 0. Artefacts in constant areas occur at the corners and have little
    influence on a mean over all pixels.
    """
    flat = (hr.amax((2, 3)) == hr.amin((2, 3))).all(1)
    difference = (sr - hr).abs().flatten(1)
    outliers = difference.topk(max(1, difference.shape[1] // VALUES_PER_OUTLIER)).values.mean(1)
    return (outliers * flat).mean()


def amplitude_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Return the mean absolute difference of the Fourier amplitudes of local windows.

    Windows are `WINDOW` pixels wide, Hann-weighted and overlap by half. The phase of fine detail is
    mostly unknown, and pixel losses average over all phases, which blurs. A loss of the amplitudes
    alone restores the local contrast at each frequency.

    Source: Fuoli et al. 2021, *Fourier Space Losses for Efficient Perceptual Image
    Super-Resolution*, section 3.2, where whole patches and the phase are compared as well.
    """
    step = WINDOW // 2
    window = torch.hann_window(WINDOW, device=sr.device)

    def amplitudes(x: Tensor) -> Tensor:
        windows = x.float().unfold(2, WINDOW, step).unfold(3, WINDOW, step)
        spectra: Tensor = torch.fft.rfft2(windows * window * window[:, None], norm="ortho")
        return spectra.abs()

    return F.l1_loss(amplitudes(sr), amplitudes(hr))


def structure_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Return 1 − SSIM (Wang et al. 2004) of the channel means of two batches on [0, 1].

    SSIM compares local contrast and correlation. Blur therefore increases this loss more than an L1
    or L2 loss; misplaced detail increases it as well.

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
"""auxiliary losses of ``sr``, ``hr`` ``(N, C, H, W)`` and the scale, by the name of their weight in
`srgan_training.config.Config`

To add a loss, write its function here, add it to this table, add the field of its weight to
`srgan_training.config.Config`, and test it in ``tests/training/losses/test_auxiliary.py``."""
