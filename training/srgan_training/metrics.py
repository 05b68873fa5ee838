"""PSNR and SSIM as the super-resolution literature counts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def luma(pixels: npt.NDArray[Any]) -> Array:
    """Return Y of ``(C, H, W)`` on [0, 1], as 8-bit levels.

    Values are rounded to 8 bits first. RGB goes through BT.601 studio range (16…235), as in the
    literature; a single channel is taken as it is.
    """
    levels = np.clip(np.round(pixels.astype(np.float64) * 255), 0, 255)
    if levels.shape[0] == 1:
        return np.asarray(levels[0])
    red, green, blue = levels
    return np.asarray(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255)


def psnr(a: Array, b: Array, *, data_range: float = 255, border: int = 0) -> float:
    """Return the peak signal-to-noise ratio in dB, ``border`` pixels left out on each side."""
    a, b = (crop_border(x, border) for x in (a, b))
    error = float(np.mean((a - b) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(data_range**2 / error))


def ssim(a: Array, b: Array, *, data_range: float = 255, border: int = 0) -> float:
    """Return the structural similarity (Wang et al. 2004).

    11×11 Gaussian window of σ 1.5, mean over the region where the window fits.
    """
    from skimage.metrics import structural_similarity

    a, b = (crop_border(x, border) for x in (a, b))
    _, similarity = structural_similarity(
        a,
        b,
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return float(crop_border(similarity, 5).mean())


def crop_border(image: npt.NDArray[Any], border: int) -> Array:
    """Leave out ``border`` pixels on each side of ``(..., H, W)``."""
    height, width = image.shape[-2:]
    return np.asarray(image[..., border : height - border, border : width - border])
