"""Pixels of the valid files that are damaged, and what writes such a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Make = Callable[[Path], Path]
"""writes into an empty folder and returns what is opened: a file, or the folder of an image"""

ROWS, COLUMNS = 12, 16


def noise(*shape: int, dtype: str = "uint16") -> npt.NDArray[Any]:
    """Return pixels of which each is another."""
    return np.random.default_rng(0).integers(1, 200, (*shape, ROWS, COLUMNS)).astype(dtype)


def colours(dtype: str = "uint8") -> npt.NDArray[Any]:
    """Return pixels of Y, X and S."""
    return np.moveaxis(noise(3, dtype=dtype), 0, -1)
