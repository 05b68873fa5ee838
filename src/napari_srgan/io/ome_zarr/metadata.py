"""Parse OME-Zarr (OME-NGFF) metadata of multiscale images."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from ..image_file import Channel
from ..medical_affine import Affine

__all__ = [
    "Multiscale",
    "attributes_of",
    "channels_of",
    "inside",
    "is_zarr",
    "labels_of",
    "multiscale_of",
    "read_json",
]

MOST_JSON = 2**24
"""maximal bytes of a metadata document"""
MOST_LABELS = 64
"""maximal number of label images of an image"""
LENGTHS = {
    "angstrom": 1e-4,
    "femtometer": 1e-9,
    "decimeter": 1e5,
    "foot": 304800.0,
    "yard": 914400.0,
    "picometer": 1e-6,
    "nanometer": 1e-3,
    "micrometer": 1.0,
    "micron": 1.0,
    "um": 1.0,
    "µm": 1.0,
    "millimeter": 1e3,
    "mm": 1e3,
    "centimeter": 1e4,
    "inch": 25400.0,
    "meter": 1e6,
    "m": 1e6,
    "kilometer": 1e9,
}
"""length of each unit in µm"""
TIMES = {
    "femtosecond": 1e-15,
    "picosecond": 1e-12,
    "nanosecond": 1e-9,
    "microsecond": 1e-6,
    "millisecond": 1e-3,
    "second": 1.0,
    "s": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
}
"""length of each unit in s"""


@dataclass(frozen=True)
class Multiscale:
    """A multiscale image, finest level first."""

    name: str
    axes: str | None
    paths: tuple[str, ...]
    """paths of the arrays, relative to the folder of the image"""
    pixel_size: dict[str, float]
    unit: str
    affine: Affine | None
    """affine from pixel centres to the world in ``unit``, including the translation"""
    assumed: bool
    """whether µm is assumed, for lack of a unit"""
    start: float | None = None
    """time of the first entry of T in s, if not 0"""


def read_json(path: Path) -> dict[str, Any]:
    """Read a metadata document.

    Raises
    ------
    ValueError
        If it is not a JSON object, or too large.
    """
    if path.stat().st_size > MOST_JSON:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes; it is no metadata")
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no object")
    return found


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


def attributes_of(folder: Path) -> dict[str, Any]:
    """Return the OME-NGFF attributes of a Zarr 3 (0.5) or Zarr 2 (0.4) group.

    Raises
    ------
    ValueError
        If the folder is not a group.
    """
    if (folder / "zarr.json").is_file():
        found = read_json(folder / "zarr.json").get("attributes", {})
        found = found.get("ome", found)
    elif (folder / ".zattrs").is_file():
        found = read_json(folder / ".zattrs")
    else:
        raise ValueError("it is no OME-Zarr; there is no zarr.json or .zattrs in it")
    if not isinstance(found, dict):
        raise ValueError("its attributes are no object")
    return found


def inside(folder: Path, part: object) -> Path:
    """Return the path of an array, which must be inside the folder.

    Raises
    ------
    ValueError
        If it is outside.
    """
    text = str(part)
    parts = {*PurePosixPath(text).parts, *PureWindowsPath(text).parts}
    if not text or ".." in parts or PureWindowsPath(text).drive or text[0] in "/\\" or "\0" in text:
        raise ValueError(f"the path of a level, {text!r}, leads out of its folder")
    place = folder / text
    if not place.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"the path of a level, {text!r}, leads out of its folder")
    return place


def multiscale_of(found: dict[str, Any]) -> Multiscale:
    """Parse an entry of ``multiscales``.

    Raises
    ------
    ValueError
        If it has no levels.
    """
    datasets = found["datasets"]
    if not isinstance(datasets, list) or not datasets:
        raise ValueError("it names no level")
    axes, units = _axes(found.get("axes"))
    scale, shift = _placed(datasets[0], found, len(axes)) if axes else ([], [])
    unit, assumed = "µm", False
    size: dict[str, float] = {}
    affine = start = None
    if axes and scale:
        by_axis = dict(zip(axes, zip(scale, shift, strict=True), strict=True))
        named = {a: units[a] for a in "XYZ" if units.get(a) in LENGTHS}
        unit = _unit(named.get("X") or named.get("Y"))
        one = {"µm": 1.0, "mm": 1e3, "m": 1e6}[unit]
        plain = all(by_axis[a] == (1, 0) for a in "XYZ" if a in by_axis)
        assumed = not named and not plain
        if named or assumed:
            # Axes without a unit take that of the others.
            usual = next(iter(named.values()), "micrometer")
            affine = np.eye(4)
            for i, a in enumerate("ZYX"):
                if a in by_axis:
                    length = LENGTHS[named.get(a, usual)] / one
                    size[a] = by_axis[a][0] * length
                    affine[i, i], affine[i, 3] = size[a], by_axis[a][1] * length
        if "T" in by_axis and units.get("T") in TIMES:
            size["T"], start = (value * TIMES[str(units["T"])] for value in by_axis["T"])
    return Multiscale(
        str(found.get("name") or ""),
        axes,
        tuple(str(dataset["path"]) for dataset in datasets),
        size,
        unit,
        affine,
        assumed,
        start or None,
    )


def _unit(name: str | None) -> str:
    return {"millimeter": "mm", "mm": "mm", "meter": "m", "m": "m", "kilometer": "m"}.get(
        str(name), "µm"
    )


def _axes(found: Any) -> tuple[str | None, dict[str, str]]:
    """Return the axis letters, or None if any is unknown, and the units."""
    if found is None:
        return "TCZYX", {}  # default of versions before 0.3
    letters, units = "", {}
    for axis in found:
        name = str(axis.get("name") if isinstance(axis, dict) else axis)
        kind = axis.get("type") if isinstance(axis, dict) else None
        letter = {"time": "T", "channel": "C"}.get(str(kind), name.upper())
        letters += letter if len(letter) == 1 else "?"
        if isinstance(axis, dict) and axis.get("unit"):
            units[letter] = str(axis["unit"])
    known = set(letters) <= set("TCZYX") and len(set(letters)) == len(letters)
    return letters if known and {"Y", "X"} <= set(letters) else None, units


def _placed(
    dataset: dict[str, Any], found: dict[str, Any], count: int
) -> tuple[list[float], list[float]]:
    """Return the scale and translation of a level, combined with those of all levels."""
    scale, shift = [1.0] * count, [0.0] * count
    for source in (dataset, found):
        for step in source.get("coordinateTransformations") or ():
            values = step.get(str(step.get("type")))
            if values is None:
                continue
            if len(values) != count or not all(math.isfinite(float(v)) for v in values):
                raise ValueError(f"a {step['type']} of {values} for {count} axes")
            if step["type"] == "scale":
                scale = [a * float(b) for a, b in zip(scale, values, strict=True)]
                shift = [a * float(b) for a, b in zip(shift, values, strict=True)]
            elif step["type"] == "translation":
                shift = [a + float(b) for a, b in zip(shift, values, strict=True)]
    if any(value <= 0 for value in scale):
        raise ValueError(f"a scale of {scale}")
    return scale, shift


def labels_of(folder: Path) -> list[str]:
    """Return the names of the label images of an image; empty if their metadata is damaged."""
    place = folder / "labels"
    try:
        found = attributes_of(place).get("labels") if place.is_dir() else None
    except Exception:  # damaged labels must not prevent reading the image
        return []
    if not isinstance(found, list):
        return []
    return list(dict.fromkeys(str(name) for name in found[:MOST_LABELS]))


def channels_of(attributes: dict[str, Any], count: int) -> tuple[Channel, ...]:
    """Return the channels in ``omero``, if their number is ``count``; else none."""
    omero = attributes.get("omero")
    found = omero.get("channels") if isinstance(omero, dict) else None
    if not isinstance(found, list) or len(found) != count:
        return ()
    return tuple(_channel(item) if isinstance(item, dict) else Channel() for item in found)


def _channel(found: dict[str, Any]) -> Channel:
    text = str(found.get("color") or "").lstrip("#")
    colour: tuple[int, int, int] | None
    try:
        colour = int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)
    except ValueError:
        colour = None
    shown = found.get("window")
    window = None
    if isinstance(shown, dict):
        start, end = shown.get("start"), shown.get("end")
        if isinstance(start, (int, float)) and isinstance(end, (int, float)) and start < end:
            window = (float(start), float(end))
    return Channel(str(found.get("label") or ""), colour, window)
