"""Detect lines of one or two pixels without flanks: bad columns and rows, cosmic-ray tracks.

Features imaged by optics have flanks from the point-spread function; sensor defects have none.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LINE_LENGTH = 5
"""minimal length in pixels of a line"""
DEFECT = 0.5
"""ratio of line height to pixel height from which a line is a defect"""
REACH = 2 * (LINE_LENGTH // 2) + 2
"""pixels on each side that `line_heights` depends on"""
NORMALS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""unit steps perpendicular to the line directions"""
SIDES = ((1, 1), (1, 2), (2, 1))
"""steps from a line pixel to the background on its two sides"""


def line_heights(x: Tensor) -> Tensor:
    """Return the height of the bright line without flanks at each pixel of ``(N, C, H, W)``.

    The height is the smallest difference to the background on both sides along five pixels of the
    line, at least 0. Lines are horizontal, vertical or diagonal, and one or two pixels wide. At
    the image border one side suffices.
    """
    found = torch.zeros_like(x)
    around = F.pad(x, (2, 2, 2, 2), value=-torch.inf)
    for down, right in NORMALS:
        along = (0, 1) if (down, right) == (1, 0) else (1, -down * right)
        for before, after in SIDES:
            sides = _shifted(around, -before * down, -before * right).maximum(
                _shifted(around, after * down, after * right)
            )
            found = found.maximum(_line_opening(x - sides, along))
    return found


def opened(x: Tensor, size: int = 3) -> Tensor:
    """Return the grey opening by a square of ``size`` pixels."""
    return greatest(-greatest(-x, size), size)


def greatest(x: Tensor, size: int) -> Tensor:
    """Return the grey dilation by a square of ``size`` pixels."""
    return F.max_pool2d(x, size, 1, size // 2)


def _shifted(padded: Tensor, down: int, right: int) -> Tensor:
    """Return the image shifted by the given offset, cut from a copy padded by two pixels."""
    height, width = padded.shape[-2:]
    return padded[..., 2 + down : height - 2 + down, 2 + right : width - 2 + right]


def _line_opening(x: Tensor, step: tuple[int, int]) -> Tensor:
    """Return the grey opening by a line segment of `LINE_LENGTH` pixels."""
    return -_line_erosion(-_line_erosion(x, step), step)


def _line_erosion(x: Tensor, step: tuple[int, int]) -> Tensor:
    least = x
    padded = F.pad(x, (2, 2, 2, 2), value=torch.inf)
    for i in range(-(LINE_LENGTH // 2), LINE_LENGTH // 2 + 1):
        least = least.minimum(_shifted(padded, i * step[0], i * step[1]))
    return least
