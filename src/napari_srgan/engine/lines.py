"""Lines one or two pixels wide without flanks: bad columns and rows, tracks of cosmic rays.

What optics draw has flanks on both sides of its brightest pixels; a defect of the sensor has none.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LENGTH = 5
"""pixels over which a line stands out all along"""
DEFECT = 0.5
"""part of a pixel's height from which its line is a defect"""
REACH = 2 * (LENGTH // 2) + 2
"""pixels on each side that `line_heights` depends on"""
ACROSS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""steps across a line"""
SIDES = ((1, 1), (1, 2), (2, 1))
"""steps from a pixel of a line to what is on its two sides"""


def line_heights(x: Tensor) -> Tensor:
    """Return by how much each pixel of ``(N, C, H, W)`` belongs to a bright line without flanks.

    It is the least height over both sides along five pixels of the line, at least 0. Lines are
    horizontal, vertical or diagonal. Each is one pixel wide, or two; at the image's border one
    side is enough.
    """
    found = torch.zeros_like(x)
    around = F.pad(x, (2, 2, 2, 2), value=-torch.inf)
    for down, right in ACROSS:
        along = (0, 1) if (down, right) == (1, 0) else (1, -down * right)
        for before, after in SIDES:
            sides = _moved(around, -before * down, -before * right).maximum(
                _moved(around, after * down, after * right)
            )
            found = found.maximum(_opened_along(x - sides, along))
    return found


def opened(x: Tensor, size: int = 3) -> Tensor:
    """Return the image without what is brighter and smaller than a square (grey opening)."""
    return greatest(-greatest(-x, size), size)


def greatest(x: Tensor, size: int) -> Tensor:
    """Return the greatest value of the square around each pixel."""
    return F.max_pool2d(x, size, 1, size // 2)


def _moved(padded: Tensor, down: int, right: int) -> Tensor:
    """Return the pixels that lie so far away, of an image with two pixels more on each side."""
    height, width = padded.shape[-2:]
    return padded[..., 2 + down : height - 2 + down, 2 + right : width - 2 + right]


def _opened_along(x: Tensor, step: tuple[int, int]) -> Tensor:
    """Return the grey opening by a line of `LENGTH` pixels."""
    return -_least_along(-_least_along(x, step), step)


def _least_along(x: Tensor, step: tuple[int, int]) -> Tensor:
    least = x
    padded = F.pad(x, (2, 2, 2, 2), value=torch.inf)
    for i in range(-(LENGTH // 2), LENGTH // 2 + 1):
        least = least.minimum(_moved(padded, i * step[0], i * step[1]))
    return least
