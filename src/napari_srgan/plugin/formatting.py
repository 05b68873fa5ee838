"""Numbers as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def format_bytes(number: float) -> str:
    """Say a number of bytes: ``640 kB``, ``2.1 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{_short(number)} {unit}"
        number /= 1000
    return f"{_short(number)} TB"


def format_duration(seconds: float) -> str:
    """Say a time: ``under 1 s``, ``40 s``, ``6 min``, ``2 h 10 min``."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def format_estimate(seconds: float) -> str:
    """Say a time that is an estimate: ``≈ 40 s``."""
    return format_duration(seconds) if seconds < 1 else f"≈ {format_duration(seconds)}"


def format_pixel_size(scale: Sequence[float], units: Sequence[Any]) -> str:
    """Say the size of a pixel along Y and X: ``0.65 µm``, ``2 × 1.5 m``; empty where unknown.

    Many layers have a scale and no unit; napari counts them in pixels.
    """
    numbers = [f"{abs(value):.4g}" for value in scale]
    names = [f"{unit:~P}" for unit in units]
    if set(names) == {"pixel"} or set(names) == {"px"}:
        return "" if set(numbers) == {"1"} else f"pixel {_one_or_both(numbers)}"
    return f"{_one_or_both(numbers)} {_one_or_both(names)}".replace("μ", "µ")


def format_shape(numbers: Sequence[int]) -> str:
    """Say a shape: ``20 × 512 × 512``."""
    return " × ".join(map(str, numbers))


def _one_or_both(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else " × ".join(values)


def _short(number: float) -> str:
    return f"{number:.1f}" if number < 9.95 and number != round(number) else f"{number:.0f}"
