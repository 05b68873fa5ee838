"""Perceptual distances: GMSD, MDSI and LPIPS."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Array = npt.NDArray[np.float64]
Distance = Callable[[npt.NDArray[Any], npt.NDArray[Any]], float]
"""distance between two images ``(C, H, W)``"""

STABILITY = 170.0
"""constant c of the similarity of GMSD, for 8-bit levels"""
GRADIENT, FUSED, CHROMA = 140.0, 55.0, 550.0
"""constants C1, C2 and C3 of the similarities of MDSI, for 8-bit levels"""
OPPONENT = np.array([[0.2989, 0.5870, 0.1140], [0.30, 0.04, -0.35], [0.34, -0.60, 0.17]])
"""matrix from RGB to luminance and the two chromaticity channels of MDSI"""


def gmsd(a: Array, b: Array, *, data_range: float = 255) -> float:
    """Return the gradient magnitude similarity deviation of two planes ``(H, W)``.

    It is 0 for equal images and up to about 0.35 for strong distortion. No model of this project is
    trained with it.

    Notes
    -----
    Xue, Zhang, Mou and Bovik 2014, *Gradient Magnitude Similarity Deviation*, IEEE TIP 23(2):
    section II: both images are averaged over 2 × 2 pixels and decimated by two; Prewitt gradients
    are divided by 3; GMSD is the standard deviation of the similarity
    ``(2·m·n + c) / (m² + n² + c)`` with c = 170 for 8-bit levels over all pixels. Images are
    zero-padded, as in the authors' program.
    """
    m, n = (_gradient_magnitude(_reduced(x * (255 / data_range), 2)) for x in (a, b))
    return float(_similarity(m, n, STABILITY).std())


def mdsi(sr: npt.NDArray[Any], hr: npt.NDArray[Any]) -> float:
    """Return the mean deviation similarity index of a result and HR ``(C, H, W)``, on [0, 1].

    C is 3 for RGB, or 1 for grey, whose chromaticities are equal. The index is 0 for equal images,
    lower is better, and it is not symmetric. No model of this project is trained with it.

    Notes
    -----
    Nafchi, Shahkolaei, Hedjam and Cheriet 2016, *Mean Deviation Similarity Index: Efficient and
    Reliable Full-Reference Image Quality Evaluator*, IEEE Access 4, section III. Images are
    averaged and decimated to about 256 pixels at their shorter side. The similarities of the
    Prewitt gradients of luminance (R of HR, D of the result, F of their mean: RD + DF − RF) and of
    chromaticity are summed with the weights 0.6 and 0.4. MDSI is the fourth root of the mean
    deviation of the fourth root of that sum, which is complex where the sum is negative, as in the
    authors' program.
    """
    (y, h, m), (hr_y, hr_h, hr_m) = (_opponent(x) for x in (sr, hr))
    distorted, reference, fused = (_gradient_magnitude(x) for x in (y, hr_y, (y + hr_y) / 2))
    gradients = (
        _similarity(reference, distorted, GRADIENT)
        + _similarity(distorted, fused, FUSED)
        - _similarity(reference, fused, FUSED)
    )
    products = 2 * (h * hr_h + m * hr_m) + CHROMA
    chroma = products / (h**2 + hr_h**2 + m**2 + hr_m**2 + CHROMA)
    roots = (0.6 * gradients + 0.4 * chroma).astype(complex) ** 0.25
    return float(np.abs(roots - roots.mean()).mean() ** 0.25)


def _opponent(image: npt.NDArray[Any]) -> Array:
    rgb = np.broadcast_to(image, (3, *image.shape[1:])) * 255.0
    step = max(1, round(min(rgb.shape[1:]) / 256))
    return np.asarray(np.tensordot(OPPONENT, _reduced(rgb, step), 1))


def _similarity(m: Array, n: Array, stability: float) -> Array:
    return (2 * m * n + stability) / (m**2 + n**2 + stability)


def _reduced(planes: Array, step: int) -> Array:
    """Return the zero-padded means over windows of ``step`` pixels, decimated by ``step``."""
    rim = ((step - 1) // 2, step // 2)
    padded = np.pad(planes, [(0, 0)] * (planes.ndim - 2) + [rim, rim])
    windows = sliding_window_view(padded, (step, step), (-2, -1))
    return np.asarray(windows[..., ::step, ::step, :, :].mean((-2, -1)))


def _gradient_magnitude(plane: Array) -> Array:
    padded = np.pad(plane, 1)
    along_x = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    along_y = padded[:-2] + padded[1:-1] + padded[2:]
    dy, dx = along_x[2:] - along_x[:-2], along_y[:, 2:] - along_y[:, :-2]
    return np.asarray(np.hypot(dy, dx) / 3)


def load_lpips(net: str = "alex") -> tuple[Distance | None, str]:
    """Return LPIPS (Zhang et al. 2018, version 0.1), or None and why it is unavailable.

    The distance takes two images ``(C, H, W)`` with 1 or 3 bands; values are clipped to [0, 1].
    """
    try:
        lpips: Any = import_module("lpips")
    except ImportError:
        return None, "LPIPS is not measured: `pip install lpips` adds it"
    import torch

    try:
        with warnings.catch_warnings():
            # lpips loads its weights through a deprecated argument of torchvision.
            warnings.simplefilter("ignore")
            network = lpips.LPIPS(net=net, verbose=False).eval()
    except (OSError, RuntimeError) as error:
        return None, f"LPIPS is not measured: its weights cannot be had ({error})"

    def tensor(image: npt.NDArray[Any]) -> torch.Tensor:
        rgb = np.clip(np.broadcast_to(image, (3, *image.shape[1:])), 0, 1) * 2 - 1
        return torch.from_numpy(rgb[None].astype(np.float32))

    @torch.inference_mode()
    def distance(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
        return float(network(tensor(a), tensor(b)))

    return distance, ""
