"""Base class of all degradations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from ..images import Array


class Degradation(ABC):
    """A step of the synthesis of an LR image from an HR image."""

    _axes: ClassVar[str] = ""
    _phrase: ClassVar[str]

    @property
    def reduces(self) -> str:
        """Axes that are reduced by the scale: ``YX``, ``Z`` (the first axis) or none."""
        return self._axes

    def __call__(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        """Return the degraded image, which is deterministic given the state of ``rng``.

        Raises
        ------
        ValueError
            If an axis to be reduced is not a multiple of ``scale``.
        """
        sides = {"YX": image.shape[1:], "Z": image.shape[:1]}.get(self.reduces, ())
        if any(n % scale for n in sides):
            raise ValueError(f"{' × '.join(map(str, sides))} is not a multiple of {scale}")
        return self._apply(image, rng, scale)

    @abstractmethod
    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array: ...

    def describe(self) -> str:
        """Return a noun phrase that describes the degradation, for the model card."""
        return self._phrase
