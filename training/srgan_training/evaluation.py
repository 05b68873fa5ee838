"""Measures models on folders of HR images, beside bicubic."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from napari_srgan import Model, load_model, super_resolve
from napari_srgan.nn.resample import bicubic_down, bicubic_up

from .images import Array, Image, find_images, load_images, rounded
from .metrics import luma, psnr, ssim
from .patches import make_pair

BICUBIC = "bicubic"


@dataclass(frozen=True)
class Score:
    """What was measured of one model on one folder."""

    model: str
    folder: str
    images: int
    psnr: float
    """dB, mean over the images"""
    ssim: float
    lr_psnr: float
    """dB, result reduced again against its source, mean"""
    worst_lr_psnr: float


def enlarge(lr: Array, model: Model | None, consistency: int, *, eight_bit: bool) -> Array:
    """Enlarge ``(C, h, w)`` on [0, 1] by a model, or bicubic ×4 where it is None."""
    if model is None:
        sr: Array = bicubic_up(torch.from_numpy(lr[None]), 4)[0].numpy()
        return rounded(sr) if eight_bit else sr
    image = np.moveaxis(np.round(lr * 255).astype(np.uint8) if eight_bit else lr, 0, -1)
    axes = "YXS" if image.shape[-1] == 3 else "YXC"
    sr = super_resolve(image, model, axes=axes, consistency=consistency, normalise="none"
                       if not eight_bit else "auto")  # fmt: skip
    sr = np.moveaxis(sr, -1, 0).astype(np.float32)
    return sr / np.float32(255) if eight_bit else sr


def measure(image: Image, model: Model | None, consistency: int = 0) -> tuple[float, float, float]:
    """Return PSNR, SSIM and LR-PSNR of one image.

    8-bit RGB is compared in Y of BT.601 studio range, 8-bit grey as it is; deeper images on the
    range of their 0.1 to 99.9 percentiles. ``scale`` pixels are cut at the border. A model of one
    channel sees Y, a grey image goes through one of three channels as R = G = B.
    """
    scale = 4 if model is None else model.scale
    channels = len(image.pixels) if model is None else model.channels
    pair = make_pair(image.as_channels(channels), scale)
    sr = enlarge(pair.lr, model, consistency, eight_bit=image.eight_bit)
    again = bicubic_down(torch.from_numpy(sr[None].copy()), scale)[0].numpy()
    lr_psnr = psnr(again.astype(np.float64), pair.lr.astype(np.float64), data_range=1)
    hr = pair.hr
    if len(image.pixels) < channels:
        sr, hr = sr.mean(0, keepdims=True), hr[:1]
    if image.eight_bit:
        a, b, top = luma(sr), luma(hr), 255.0
    else:
        a, b, top = sr[0].astype(np.float64), hr[0].astype(np.float64), 1.0
    return (
        psnr(a, b, data_range=top, border=scale),
        ssim(a, b, data_range=top, border=scale),
        lr_psnr,
    )


def evaluate(
    names: Sequence[str], folders: Sequence[Path], *, consistency: int = 0
) -> Iterator[Score]:
    """Yield the score of bicubic ×4 and of each model on each folder."""
    models = [None, *(load_model(name) for name in names)]
    for folder in folders:
        images = load_images(find_images(folder))
        for model, name in zip(models, (BICUBIC, *names), strict=True):
            values = np.array([measure(image, model, consistency) for image in images])
            quality, similarity, agreement = (float(v) for v in values.mean(0))
            worst = float(values[:, 2].min())
            yield Score(name, folder.name, len(images), quality, similarity, agreement, worst)


def as_markdown(scores: Sequence[Score]) -> str:
    """Return scores as a Markdown table, a row per model and a column per folder."""
    folders = list(dict.fromkeys(s.folder for s in scores))
    models = list(dict.fromkeys(s.model for s in scores))
    found = {(s.model, s.folder): s for s in scores}
    lines = [
        "| PSNR dB / SSIM / LR-PSNR dB, mean (worst) | " + " | ".join(folders) + " |",
        "|---" * (len(folders) + 1) + "|",
    ]
    for model in models:
        cells = [
            f"{s.psnr:.2f} / {s.ssim:.4f} / {s.lr_psnr:.1f} ({s.worst_lr_psnr:.1f})"
            for folder in folders
            if (s := found[model, folder])
        ]
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def as_json(scores: Sequence[Score]) -> str:
    """Return scores as JSON."""
    return json.dumps([asdict(s) for s in scores], indent=1)
