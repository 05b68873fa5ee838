"""The elements of DICOM headers as plain numbers, where they are that."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["Look", "first", "integer", "items", "number", "numbers", "text"]


def items(sequence: Any) -> list[Any]:
    """Return the items of a sequence, of which a damaged header has none."""
    if sequence is None or isinstance(sequence, (str, bytes)) or not hasattr(sequence, "__len__"):
        return []
    return [item for item in sequence if hasattr(item, "get")]


def first(sequence: Any) -> Any:
    """Return the first item of a sequence, where there is one."""
    return next(iter(items(sequence)), None)


@dataclass(frozen=True)
class Look:
    """Finds what is said of a frame: of it alone, of all frames, or of the file."""

    header: Any
    """of the file"""
    groups: tuple[Any, ...] = ()
    """functional groups of the frame itself, and those that all frames share"""

    def __call__(self, sequence: str, name: str) -> Any:
        """Return an element by the names of its functional group and of itself."""
        for group in self.groups:
            item = first(None if group is None else group.get(sequence))
            if item is not None and item.get(name) is not None:
                return item.get(name)
        return self.header.get(name)

    def items(self, sequence: str) -> list[Any]:
        """Return the items of a sequence."""
        for group in (*self.groups, self.header):
            if found := items(None if group is None else group.get(sequence)):
                return found
        return []


def integer(header: Any, name: str) -> int:
    """Return a whole number, or 0."""
    return int(number(header.get(name)) or 0)


def number(value: Any) -> float | None:
    """Return a number, or the first of several, where it is one."""
    if value is not None and not isinstance(value, (str, bytes)) and hasattr(value, "__len__"):
        value = value[0] if len(value) else None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) and abs(found) < 1e12 else None


def numbers(values: Any, count: int) -> tuple[float, ...] | None:
    """Return so many numbers, where there are that many."""
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
    """Return a text without spaces around it, or none."""
    return str(header.get(name) or "").strip()
