"""A folder of small images to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder with four smooth random RGB images below ``train`` and one below ``held``."""
    rng = np.random.default_rng(0)
    for i, folder in enumerate(["train"] * 4 + ["held"]):
        waves = rng.normal(size=(3, 2, 6))
        y, x = np.mgrid[:64, :72] / 9
        planes = [sum(np.sin(a * y + b * x + i) for a, b in w.T) for w in waves]
        pixels = np.clip(np.stack(planes, -1) * 30 + 128, 0, 255).astype("uint8")
        (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "data" / folder / f"{i}.png")
    return tmp_path / "data"


def waves(side: int, seed: int) -> np.ndarray:
    """Return a smooth 8-bit image with detail that bicubic loses."""
    own = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    planes = [np.sin(own.uniform(0.2, 1.2) * (y * a + x * (1 - a))) for a in own.uniform(0, 1, 6)]
    return np.asarray(np.clip(128 + 20 * np.sum(planes, 0), 0, 255), "uint8")


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Return a folder of six pairs whose LR was made by binning."""
    for i in range(6):
        hr = waves(96, i)
        lr = hr.reshape(24, 4, 24, 4).mean((1, 3)).round().astype("uint8")
        save(tmp_path / "pairs" / "HR" / f"{i}.png", hr)
        save(tmp_path / "pairs" / "LR" / f"{i}.png", lr)
    return tmp_path / "pairs"
