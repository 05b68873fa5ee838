"""Validated access to DICOM elements."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["Look", "first", "integer", "items", "number", "numbers", "text"]


def items(sequence: Any) -> list[Any]:
    """Return the items of a sequence; empty if it is absent or damaged."""
    if sequence is None or isinstance(sequence, (str, bytes)) or not hasattr(sequence, "__len__"):
        return []
    return [item for item in sequence if hasattr(item, "get")]


def first(sequence: Any) -> Any:
    """Return the first item of a sequence, or None."""
    return next(iter(items(sequence)), None)


@dataclass(frozen=True)
class Look:
    """Look up elements of a frame: per-frame groups first, then shared ones, then the file."""

    header: Any
    """dataset of the file"""
    groups: tuple[Any, ...] = ()
    """functional groups of the frame, then those shared by all frames"""

    def __call__(self, sequence: str, name: str) -> Any:
        """Return an element by the keywords of its functional group and of itself."""
        for group in self.groups:
            item = first(None if group is None else group.get(sequence))
            if item is not None and item.get(name) is not None:
                return item.get(name)
        return self.header.get(name)

    def items(self, sequence: str) -> list[Any]:
        """Return the items of a sequence, from the first level that has any."""
        for group in (*self.groups, self.header):
            if found := items(None if group is None else group.get(sequence)):
                return found
        return []


def integer(header: Any, name: str) -> int:
    """Return an element as an integer, or 0."""
    return int(number(header.get(name)) or 0)


def number(value: Any) -> float | None:
    """Return a number, or the first of several; None if it is not finite or not a number."""
    if value is not None and not isinstance(value, (str, bytes)) and hasattr(value, "__len__"):
        value = value[0] if len(value) else None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) and abs(found) < 1e12 else None


def numbers(values: Any, count: int) -> tuple[float, ...] | None:
    """Return ``count`` numbers, or None."""
    if values is None or isinstance(values, (str, bytes)):
        return None
    if not hasattr(values, "__len__"):
        values = [values]
    if len(values) != count:
        return None
    found = [number(value) for value in values]
    if None in found:
        return None
    return tuple(value for value in found if value is not None)


def text(header: Any, name: str) -> str:
    """Return a text without surrounding spaces, or an empty one."""
    return str(header.get(name) or "").strip()
