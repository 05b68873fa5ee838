"""Pixel size and look-up tables from TIFF tags, and the units of all headers."""

from __future__ import annotations

from math import isfinite
from numbers import Real
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from ..image_file import Channel

UNITS = {
    "pm": 1e-6,
    "Å": 1e-4,
    "nm": 1e-3,
    "µm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "inch": 25400.0,
    "in": 25400.0,
    "m": 1e6,
}
"""length of each unit in µm"""
SECONDS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
FARTHEST = 1e12
"""stage coordinate in µm beyond which a position is invalid"""
RAMP_ERROR = 2
"""maximal deviation, in levels of 255, of a look-up table from a linear ramp of one colour"""


def is_length(value: object) -> TypeGuard[float]:
    """Whether a value is a finite positive number."""
    return isinstance(value, Real) and 0 < float(value) < float("inf")


def plain_unit(unit: object) -> str:
    """Normalise the encoding of the micro sign in the name of a unit."""
    return str(unit).strip().replace("\\u00B5", "µ").replace("μ", "µ")


def number(text: object) -> float | None:
    """Parse a text as a finite number; None if it is not one."""
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if isfinite(value) else None


def ramp_colour(table: npt.NDArray[Any]) -> tuple[int, int, int] | None:
    """Return the colour of a look-up table (3 × levels, 0 to 255) that is a linear ramp."""
    top = table[:, -1].astype(float)
    if not top.any():
        return None
    ramp = top[:, None] * np.linspace(0, 1, table.shape[1])
    if np.abs(table - ramp).max() > RAMP_ERROR:
        return None
    red, green, blue = (round(float(v)) for v in top)
    return red, green, blue


def fitting(channels: list[Channel], series: Any, axes: str) -> tuple[Channel, ...]:
    """Return the channels if their number fits the image and any of them has metadata."""
    shape = dict(zip(series.axes.upper(), series.shape, strict=True))
    # Samples that are not colours become channels.
    expected = shape.get("C", 1) * (shape.get("S", 1) if "S" not in axes else 1)
    said = any(c != Channel() for c in channels)
    return tuple(channels) if said and len(channels) == expected else ()


PRINTED = (72, 96, 100, 120, 144, 150, 200, 300, 600, 1200)
"""resolutions in pixels per inch that refer to printing, not to the specimen"""


def tag_size(page: Any, unit_x: object = None, unit_y: object = None) -> dict[str, float]:
    """Return the pixel size in µm from the resolution tags, if they have a unit of length.

    Default resolutions of cameras, scanners and graphics programs are ignored.
    """
    tags = page.tags
    if "XResolution" not in tags or "YResolution" not in tags:
        return {}
    size = {}
    for axis, name in zip("XY", (unit_x, unit_y), strict=True):
        unit = UNITS.get(plain_unit(name))
        if unit is None:
            code = int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 1
            unit = {2: 25400.0, 3: 10000.0}.get(code)
            if unit and for_print(tags[f"{axis}Resolution"].value, unit):
                return {}
        above, below = tags[f"{axis}Resolution"].value
        if unit and above and below:
            size[axis] = unit * below / above
    return size


def for_print(resolution: tuple[int, int], unit: float) -> bool:
    """Whether a resolution (a fraction, per ``unit`` µm) is a typical one for printing."""
    above, below = resolution
    if not below or above == below:
        return True
    per_inch = above / below * 25400 / unit
    return any(abs(per_inch - usual) < 0.005 * usual for usual in PRINTED)
