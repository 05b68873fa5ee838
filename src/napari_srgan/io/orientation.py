"""Apply TIFF and EXIF orientations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["exchanges_axes", "stored_place", "upright"]

ORIENTATIONS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""for each orientation of TIFF and EXIF (tag 274): whether rows and columns are exchanged, rows
reversed, columns reversed"""


def exchanges_axes(orientation: int) -> bool:
    """Whether rows are stored as columns."""
    return ORIENTATIONS.get(orientation, (False,))[0]


def upright(pixels: Any, axes: str, orientation: int) -> Any:
    """Reorient a numpy or lazy array with its first row at the top and first column at the left.

    Orientation 1 and invalid ones change nothing.
    """
    exchanged, *backwards = ORIENTATIONS.get(orientation, (False, False, False))
    places = axes.index("Y"), axes.index("X")
    if exchanged:
        pixels = pixels.swapaxes(*places)
    if any(backwards):
        index: list[Any] = [slice(None)] * pixels.ndim
        for place, reverse in zip(places, backwards, strict=True):
            if reverse:
                index[place] = slice(None, None, -1)
        pixels = pixels[tuple(index)]
    return pixels


def stored_place(orientation: int, rows: int, columns: int) -> npt.NDArray[np.float64]:
    """Return the matrix from ``(column, row, 1)`` of the upright image to that of the stored one.

    Coordinates refer to edges; ``rows`` and ``columns`` are those of the upright image.
    """
    exchanged, row_back, column_back = ORIENTATIONS.get(orientation, (False, False, False))
    found = np.eye(3)
    for axis, length, backwards in ((0, columns, column_back), (1, rows, row_back)):
        if backwards:
            found[axis, axis], found[axis, 2] = -1, length
    return found[[1, 0, 2]] if exchanged else found
