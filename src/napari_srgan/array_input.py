"""Common form of input images from all array libraries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Back = Callable[[Any, str, int], Any]
"""converts a result to the type of the image, given the result, its axes and the scale"""


@dataclass(frozen=True)
class ArrayInput:
    """An input image and its metadata."""

    data: Any
    """numpy array, or a lazy array with ``shape``, numpy's ``dtype`` and basic indexing"""
    axes: str | None = None
    """one letter for each dimension, if the image names them"""
    nodata: float | None = None
    """nodata value, if the image has one"""
    missing: Any = None
    """mask of missing values in the shape of the image, if it has one"""
    back: Back = field(default=lambda result, axes, scale: result)
    """converts a result to the type of the image"""

    @property
    def lazy(self) -> bool:
        """Whether the image is read tile by tile and the result computed on demand."""
        return not isinstance(self.data, np.ndarray)


def repeated(values: Any, axes: str, scale: int) -> Any:
    """Repeat each entry of a numpy or dask array ``scale`` times along Y and X."""
    for axis in (axes.index("Y"), axes.index("X")):
        values = values.repeat(scale, axis)
    return values
