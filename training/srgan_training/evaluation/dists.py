"""DISTS (Ding et al. 2020), a perceptual distance that tolerates resampling of textures."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from .perceptual import Distance


def load_dists() -> tuple[Distance | None, str]:
    """Return DISTS of torchmetrics with torchvision's VGG16, or None and why it is unavailable.

    The distance takes two images ``(C, H, W)`` with 1 or 3 bands; values are clipped to [0, 1].
    """
    try:
        import_module("torchvision")
        module: Any = import_module("torchmetrics.functional.image.dists")
    except ImportError:
        return None, "DISTS is not measured: `pip install torchvision 'torchmetrics>=1.8'` adds it"
    import torch

    try:
        network = module.DISTSNetwork().eval()
    except (OSError, RuntimeError) as error:
        return None, f"DISTS is not measured: its weights cannot be had ({error})"

    def tensor(image: npt.NDArray[Any]) -> torch.Tensor:
        rgb = np.clip(np.broadcast_to(image, (3, *image.shape[1:])), 0, 1)
        return torch.from_numpy(rgb[None].astype(np.float32))

    @torch.inference_mode()
    def distance(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
        return float(network(tensor(a), tensor(b)))

    return distance, ""
