"""An image of any array library as the engine reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Back = Callable[[Any, str, int], Any]
"""makes of a result, its axes and its scale what the image was"""


@dataclass(frozen=True)
class ArrayInput:
    """An image as the engine reads it."""

    data: Any
    """a numpy array, or a lazy one with ``shape``, numpy's ``dtype`` and basic indexing"""
    axes: str | None = None
    """a letter per dimension, where the image says so"""
    nodata: float | None = None
    """value of pixels without one, where the image says so"""
    missing: Any = None
    """True where there is no value, in the image's shape, where the image says so"""
    back: Back = field(default=lambda result, axes, scale: result)
    """what makes a result of the image's kind"""

    @property
    def lazy(self) -> bool:
        """Whether the image is read tile by tile, and the result computed on demand."""
        return not isinstance(self.data, np.ndarray)


def repeated(values: Any, axes: str, scale: int) -> Any:
    """Return an array of numpy or dask with each entry ``scale`` times along Y and X."""
    for axis in (axes.index("Y"), axes.index("X")):
        values = values.repeat(scale, axis)
    return values
