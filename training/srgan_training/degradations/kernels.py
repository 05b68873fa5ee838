"""Blur along one axis, sampled at the centres of LR pixels."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..images import Array


def sigma_of_mtf(mtf: float) -> float:
    """Return σ in LR pixels of the Gaussian whose MTF at the LR Nyquist frequency is ``mtf``.

    From ``mtf = exp(−2 π² σ² f²)`` with f = ½ cycle per LR pixel.
    """
    return math.sqrt(-2 * math.log(mtf)) / math.pi


def offsets(radius: float, step: int) -> npt.NDArray[np.float64]:
    """Places of the input pixels within ``radius`` of the centre of a block of ``step``."""
    middle = (step - 1) / 2
    pad = max(0, math.ceil(radius - middle))
    return np.arange(-pad, step + pad, dtype=np.float64) - middle


def gaussian(sigma: float, step: int) -> npt.NDArray[np.float64]:
    """Return the weights of a Gaussian about the centre of a block of ``step``, of sum 1."""
    t = offsets(5 * sigma, step)
    # Relative to the nearest pixel, so that a narrow one does not underflow to 0 / 0.
    weights = np.exp((np.min(t**2) - t**2) / (2 * sigma**2))
    return np.asarray(weights / weights.sum())


def filter_axis(image: Array, axis: int, weights: npt.NDArray[np.float64], step: int) -> Array:
    """Weigh along one axis about the centre of each block of ``step``; mirror at the border."""
    pad = (len(weights) - step) // 2
    padded = np.pad(np.moveaxis(image, axis, 0), ((pad, pad), (0, 0), (0, 0)), mode="symmetric")
    length = image.shape[axis] // step * step
    out = np.zeros((length // step, *padded.shape[1:]), np.float32)
    for first, weight in enumerate(weights.tolist()):
        out += weight * padded[first : first + length : step]
    return np.moveaxis(out, 0, axis)
