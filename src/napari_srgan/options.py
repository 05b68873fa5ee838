"""The options of a run. Knows neither PyTorch nor Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .engine.intensity import Normalise
from .engine.missing import Nodata


@dataclass(frozen=True)
class Options:
    """What can be chosen about a run, under the names that they have everywhere."""

    axes: str | None = None
    detail: float | None = None
    consistency: int = 0
    normalise: Normalise = "auto"
    volume: Literal["slices"] = "slices"
    device: str = "auto"
    precision: str = "auto"
    tile: str | int = "auto"
    nodata: Nodata = "auto"


def choose_model(*, rgb: bool, scale: int = 4) -> str:
    """Return the name of the model that ``auto`` stands for.

    Parameters
    ----------
    rgb
        Whether the image's samples are R, G and B.
    scale
        Factor along Y and X.
    """
    return f"{'general' if rgb else 'gray'}-x{scale}"
