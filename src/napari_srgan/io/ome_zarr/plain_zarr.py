"""Read Zarr arrays without OME metadata."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..dimension_names import letters_of
from ..guard import reading
from ..image_file import ImageFile
from .metadata import is_zarr, read_json
from .reader import _level

__all__ = ["is_zarr", "read_zarr_array"]


def read_zarr_array(path: Path) -> list[ImageFile]:
    """Read a Zarr array lazily, with its dimension names and nodata value.

    Raises
    ------
    ValueError
        If the folder is a group (the message lists its arrays), or the array cannot be read.
    """
    path = path.resolve()
    with reading(path):
        if not _is_array(path):
            inner = sorted(p.name for p in path.iterdir() if p.is_dir() and _is_array(p))
            named = f"; name one of its arrays: {', '.join(inner[:10])}" if inner else ""
            raise ValueError(f"it is a group of Zarr, but no OME-Zarr{named}")
        data = _level(path.parent, path.name)
        names, attributes = _said_of(path)
        return [ImageFile(data, _axes(names, data.shape), nodata=_nodata(attributes))]


def _is_array(path: Path) -> bool:
    if (path / "zarr.json").is_file():
        return read_json(path / "zarr.json").get("node_type") == "array"
    return (path / ".zarray").is_file()


def _said_of(path: Path) -> tuple[Any, dict[str, Any]]:
    """Return the dimension names (of Zarr 3 or xarray) and the attributes of an array."""
    if (path / "zarr.json").is_file():
        found = read_json(path / "zarr.json")
        attributes = found.get("attributes") or {}
        if not isinstance(attributes, dict):
            raise ValueError("its attributes are no object")
        return found.get("dimension_names") or attributes.get("_ARRAY_DIMENSIONS"), attributes
    attributes = read_json(path / ".zattrs") if (path / ".zattrs").is_file() else {}
    return attributes.get("_ARRAY_DIMENSIONS"), attributes


def _axes(names: Any, shape: Sequence[int]) -> str | None:
    """Return axis letters if all dimension names are known, else None."""
    if not isinstance(names, list) or len(names) != len(shape):
        return None
    try:
        return letters_of(names, shape)
    except ValueError:
        return None


def _nodata(attributes: dict[str, Any]) -> float | None:
    for name in ("_FillValue", "nodata"):
        value = attributes.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    return None
