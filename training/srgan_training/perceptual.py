"""Perceptual distances: GMSD, which is computed, and LPIPS, which is a network."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Distance = Callable[[npt.NDArray[Any], npt.NDArray[Any]], float]

STABILITY = 170.0
"""c of the similarity, for 8-bit levels"""


def gmsd(a: Array, b: Array, *, data_range: float = 255) -> float:
    """Return the gradient magnitude similarity deviation of two planes ``(H, W)``.

    0 for equal images, up to about 0.35 for bad ones. Nothing in this project is trained on it.

    Notes
    -----
    Xue, Zhang, Mou and Bovik 2014, *Gradient Magnitude Similarity Deviation*, IEEE TIP 23(2):
    section II: both images averaged over 2 × 2 pixels and reduced to every second one, Prewitt
    gradients divided by 3, similarity ``(2·m·n + c) / (m² + n² + c)`` with c = 170 for 8-bit
    levels, its standard deviation over all pixels. What lies outside the image is 0, as in the
    authors' program.
    """
    m, n = (_gradient_magnitude(x * (255 / data_range)) for x in (a, b))
    similarity = (2 * m * n + STABILITY) / (m**2 + n**2 + STABILITY)
    return float(similarity.std())


def _gradient_magnitude(plane: Array) -> Array:
    height, width = plane.shape
    even = np.pad(plane, ((0, height % 2), (0, width % 2)))
    half = even.reshape(len(even) // 2, 2, -1, 2).mean((1, 3))
    padded = np.pad(half, 1)
    along_x = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    along_y = padded[:-2] + padded[1:-1] + padded[2:]
    dy, dx = along_x[2:] - along_x[:-2], along_y[:, 2:] - along_y[:, :-2]
    return np.asarray(np.hypot(dy, dx) / 3)


def load_lpips(net: str = "alex") -> tuple[Distance | None, str]:
    """Return LPIPS (Zhang et al. 2018, version 0.1), or None and why it cannot be had.

    The distance takes two images ``(C, H, W)`` of 1 or 3 bands on [0, 1]; what lies outside is
    clipped.
    """
    try:
        lpips: Any = import_module("lpips")
    except ImportError:
        return None, "LPIPS is not measured: `pip install lpips` adds it"
    import torch

    try:
        with warnings.catch_warnings():
            # torchvision deprecates how lpips asks it for the weights.
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
