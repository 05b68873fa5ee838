"""Label images of OME-Zarr with colours and properties of objects."""

from __future__ import annotations

from typing import Any

from .image_file import ImageFile

__all__ = ["is_labels", "label_colours", "label_properties"]

MOST_LABELS = 1_000_000
"""maximal number of objects whose colours or properties are read"""
Colour = tuple[float, float, float, float]


def is_labels(image: ImageFile) -> bool:
    """Whether the values of an image are object labels, according to its OME-Zarr metadata."""
    attributes = image.metadata.get("attributes")
    said = isinstance(attributes, dict) and "image-label" in attributes
    return said and image.data.dtype.kind in "biu"


def label_colours(image: ImageFile) -> dict[int, Colour]:
    """Return colours by object label: red, green, blue and alpha, 0 to 1."""
    found = {}
    for number, entry in _entries(image, "colors"):
        parts = entry.get("rgba")
        if isinstance(parts, list) and len(parts) == 4 and all(map(_is_byte, parts)):
            red, green, blue, opacity = (part / 255 for part in parts)
            found[number] = (red, green, blue, opacity)
    return found


def label_properties(image: ImageFile) -> dict[str, list[Any]]:
    """Return the properties of objects as columns of a table, the first of their labels."""
    entries = dict(_entries(image, "properties"))
    names = dict.fromkeys(k for entry in entries.values() for k in entry if k != "label-value")
    if not names:
        return {}
    columns: dict[str, list[Any]] = {"index": list(entries)}
    for name in names:
        columns[name] = [entry.get(name) for entry in entries.values()]
    return columns


def _entries(image: ImageFile, name: str) -> list[tuple[int, dict[str, Any]]]:
    attributes = image.metadata.get("attributes")
    said = attributes.get("image-label") if isinstance(attributes, dict) else None
    listed = said.get(name) if isinstance(said, dict) else None
    entries = listed[:MOST_LABELS] if isinstance(listed, list) else []
    return [
        (int(entry["label-value"]), entry)
        for entry in entries
        if isinstance(entry, dict) and type(entry.get("label-value")) is int
    ]


def _is_byte(part: object) -> bool:
    return isinstance(part, int) and not isinstance(part, bool) and 0 <= part <= 255
