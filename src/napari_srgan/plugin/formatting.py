"""Format numbers with units for display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def format_bytes(number: float) -> str:
    """Format a number of bytes: ``640 kB``, ``2.1 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{_format_number(number)} {unit}"
        number /= 1000
    return f"{_format_number(number)} TB"


def format_duration(seconds: float) -> str:
    """Format a duration: ``under 1 s``, ``40 s``, ``6 min``, ``2 h 10 min``."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def format_estimate(seconds: float) -> str:
    """Format an estimated duration: ``≈ 40 s``."""
    return format_duration(seconds) if seconds < 1 else f"≈ {format_duration(seconds)}"


def format_pixel_size(scale: Sequence[float], units: Sequence[Any]) -> str:
    """Format the pixel size along Y and X: ``0.65 µm``, ``2 × 1.5 m``; empty if unknown.

    Layers with a scale but without units have napari's default unit, pixel: ``pixel 0.25``.
    """
    numbers = [f"{abs(value):.4g}" for value in scale]
    names = [f"{unit:~P}" for unit in units]
    if set(names) == {"pixel"} or set(names) == {"px"}:
        return "" if set(numbers) == {"1"} else f"pixel {_join_distinct(numbers)}"
    return f"{_join_distinct(numbers)} {_join_distinct(names)}".replace("μ", "µ")


def format_shape(numbers: Sequence[int]) -> str:
    """Format a shape: ``20 × 512 × 512``."""
    return " × ".join(map(str, numbers))


def _join_distinct(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else " × ".join(values)


def _format_number(number: float) -> str:
    return f"{number:.1f}" if number < 9.95 and number != round(number) else f"{number:.0f}"
