"""PSNR and SSIM as the super-resolution literature counts them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def luma(image: npt.NDArray[np.floating]) -> Array:
    """Y of ``(C, H, W)`` on [0, 1], as 8-bit levels.

    RGB goes through BT.601 studio range (16…235), as in the literature. A single channel is taken
    as it is (0…255).
    """
    levels = np.clip(np.round(image.astype(np.float64) * 255), 0, 255)
    if levels.shape[0] == 1:
        return np.asarray(levels[0])
    red, green, blue = levels
    return np.asarray(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255)


def psnr(a: Array, b: Array, *, data_range: float = 255, border: int = 0) -> float:
    """Peak signal-to-noise ratio in dB, ``border`` pixels left out on each side."""
    a, b = (crop_border(x, border) for x in (a, b))
    error = float(np.mean((a - b) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(data_range**2 / error))


def ssim(a: Array, b: Array, *, data_range: float = 255, border: int = 0) -> float:
    """Structural similarity: 11×11 Gaussian window, σ 1.5, valid region (Wang et al. 2004)."""
    from skimage.metrics import structural_similarity

    a, b = (crop_border(x, border) for x in (a, b))
    return float(
        structural_similarity(
            a,
            b,
            data_range=data_range,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def crop_border(image: Array, border: int) -> Array:
    """Leave out ``border`` pixels on each side of ``(H, W)``."""
    return image[border : image.shape[0] - border, border : image.shape[1] - border]
