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
