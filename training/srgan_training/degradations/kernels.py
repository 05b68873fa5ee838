"""One-dimensional filter kernels and strided filtering at the centres of LR pixels."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..images import Array


def sigma_of_mtf(mtf: float) -> float:
    """Return σ in LR pixels of the Gaussian whose MTF at the LR Nyquist frequency is ``mtf``.

    It follows from ``mtf = exp(−2 π² σ² f²)`` with f = ½ cycle per LR pixel.
    """
    return math.sqrt(-2 * math.log(mtf)) / math.pi


def pixel_offsets(radius: float, step: int) -> npt.NDArray[np.float64]:
    """Return the offsets of input pixels within ``radius`` of the centre of ``step`` pixels."""
    middle = (step - 1) / 2
    pad = max(0, math.ceil(radius - middle))
    return np.arange(-pad, step + pad, dtype=np.float64) - middle


def gaussian(sigma: float, step: int) -> npt.NDArray[np.float64]:
    """Return a Gaussian kernel of sum 1, centred on a block of ``step`` pixels."""
    t = pixel_offsets(5 * sigma, step)
    # Exponents relative to the nearest pixel avoid 0 / 0 by underflow for a small σ.
    weights = np.exp((np.min(t**2) - t**2) / (2 * sigma**2))
    return np.asarray(weights / weights.sum())


def filter_axis(image: Array, axis: int, weights: npt.NDArray[np.float64], step: int) -> Array:
    """Filter along an axis with stride ``step`` and symmetric padding, centred on each block."""
    pad = (len(weights) - step) // 2
    padded = np.pad(np.moveaxis(image, axis, 0), ((pad, pad), (0, 0), (0, 0)), mode="symmetric")
    length = image.shape[axis] // step * step
    out = np.zeros((length // step, *padded.shape[1:]), np.float32)
    for first, weight in enumerate(weights.tolist()):
        out += weight * padded[first : first + length : step]
    return np.moveaxis(out, 0, axis)
