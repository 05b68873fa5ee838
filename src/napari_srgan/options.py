"""The options of a run. Independent of PyTorch and Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .engine.intensity import Normalise
from .engine.missing import Nodata


@dataclass(frozen=True)
class Options:
    """Options of a run, with the same names in all interfaces."""

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
    """Return the name of the model used for ``auto``.

    Parameters
    ----------
    rgb
        Whether the samples of the image are R, G and B.
    scale
        Scale factor along Y and X.
    """
    return f"{'general' if rgb else 'gray'}-x{scale}"
