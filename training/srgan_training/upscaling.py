"""Upscaling of images on [0, 1] with a model or by bicubic interpolation."""

from __future__ import annotations

import numpy as np
import torch

from napari_srgan import Model
from napari_srgan.nn.resample import bicubic_up
from napari_srgan.options import Options
from napari_srgan.upscale import compute_now, plan_for

from .images import Array, round_8bit


def enlarge(
    lr: Array,
    model: Model | None,
    consistency: int = 0,
    *,
    scale: int = 4,
    eight_bit: bool,
    limited: bool = True,
) -> Array:
    """Upscale ``(C, h, w)`` on [0, 1] with a model, or bicubically by ``scale`` without one.

    ``consistency`` is the number of back-projection steps after the model. Results for 8-bit images
    are rounded to 8 bits. ``limited=False`` does not limit overshoot.
    """
    if model is None:
        sr: Array = bicubic_up(torch.from_numpy(lr[None]), scale)[0].numpy()
        return round_8bit(sr) if eight_bit else sr
    image = np.moveaxis(np.round(lr * 255).astype(np.uint8) if eight_bit else lr, 0, -1)
    options = Options(
        axes="YXS" if image.shape[-1] == 3 else "YXC",
        consistency=consistency,
        normalise="auto" if eight_bit else "none",
    )
    sr = compute_now(plan_for(image, model, options, limited=limited), image)
    sr = np.moveaxis(sr, -1, 0).astype(np.float32)
    return sr / np.float32(255) if eight_bit else sr
