"""Full-reference metrics by the conventions of the super-resolution literature.

The values of the two conventions are not comparable:

Y
    8-bit natural images: Y of BT.601 studio range (16…235) of values rounded to 8 bits, a peak of
    255, ``scale`` pixels cut at each border (`luma`).
full range
    Images of more than 8 bits: every band unchanged, peak = maximum − minimum of the HR band unless
    a range is given, ``scale`` pixels cut at each border.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SSIM_WINDOW = 11
"""side of the window of SSIM in pixels"""


def luma(pixels: npt.NDArray[Any]) -> Array:
    """Return Y of ``(C, H, W)`` on [0, 1], in 8-bit levels.

    Values are rounded to 8 bits first. RGB is converted by BT.601 studio range (16…235), as in the
    literature; a single channel is returned as it is.
    """
    levels = np.clip(np.round(pixels.astype(np.float64) * 255), 0, 255)
    if levels.shape[0] == 1:
        return np.asarray(levels[0])
    red, green, blue = levels
    return np.asarray(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255)


def psnr(
    a: npt.NDArray[Any], b: npt.NDArray[Any], *, data_range: float = 255, border: int = 0
) -> float:
    """Return the peak signal-to-noise ratio in dB without ``border`` pixels on each side.

    Parameters
    ----------
    a, b
        Images ``(..., H, W)``, compared by one mean squared error over all entries.
    data_range
        Peak: 255 for Y, the range of HR for images of more than 8 bits.
    border
        Number of pixels cropped on each side; by convention the scale.
    """
    a, b = (crop_border(x, border).astype(np.float64) for x in (a, b))
    error = float(np.mean((a - b) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(data_range**2 / error))


def ssim(a: Array, b: Array, *, data_range: float = 255, border: int = 0) -> float:
    """Return the structural similarity of two planes ``(H, W)`` (Wang et al. 2004).

    The window is an 11×11 Gaussian of σ 1.5; the mean is over positions where it fits. Images are
    not downsampled. ``data_range`` and ``border`` are those of `psnr`.

    Raises
    ------
    ValueError
        If the cropped image is smaller than the window.
    """
    from skimage.metrics import structural_similarity

    a, b = (crop_border(x, border) for x in (a, b))
    if min(a.shape) < SSIM_WINDOW:
        raise ValueError(
            f"{a.shape[0]} × {a.shape[1]} pixels; SSIM needs {SSIM_WINDOW} × {SSIM_WINDOW} at least"
        )
    _, similarity = structural_similarity(
        a,
        b,
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return float(crop_border(similarity, SSIM_WINDOW // 2).mean())


def spectral_angle(sr: npt.NDArray[Any], hr: npt.NDArray[Any]) -> float:
    """Return the mean angle in degrees between the spectra of two images ``(C, H, W)``.

    Values must be those of the sensor, since an offset changes the angle. Pixels that are zero in
    all bands of either image are excluded. The result is NaN for one band or without pixels.

    Notes
    -----
    Spectral angle mapper, Kruse et al. 1993.
    """
    a, b = sr.astype(np.float64), hr.astype(np.float64)
    lengths = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    known = lengths > 0
    if len(a) < 2 or not known.any():
        return float("nan")
    cosine = (a * b).sum(0)[known] / lengths[known]
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())


def drift(sr: npt.NDArray[Any], hr: npt.NDArray[Any], *, data_range: float = 1) -> float:
    """Return the largest difference between the band means of two images, in percent of the range.

    Images are ``(C, H, W)``; the difference is that of the band with the largest one.
    """
    means = (x.astype(np.float64).mean((1, 2)) for x in (sr, hr))
    return float(np.abs(np.subtract(*means)).max() / data_range * 100)


def crop_border(image: npt.NDArray[Any], border: int) -> npt.NDArray[Any]:
    """Crop ``border`` pixels on each side of ``(..., H, W)``."""
    height, width = image.shape[-2:]
    return np.asarray(image[..., border : height - border, border : width - border])
