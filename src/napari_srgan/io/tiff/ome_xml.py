"""Parse OME-XML: pixel size, position, times and channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from ..image_file import Channel
from .tags import FARTHEST, SECONDS, UNITS, fitting, is_length, number, plain_unit

Planes = dict[tuple[int, int, int], ElementTree.Element]
"""elements by the T, C and Z index of the plane"""


def ome_facts(xml: str, series: Any, index: int, count: int, axes: str) -> dict[str, Any]:
    """Return the OME metadata of one of a file's ``count`` series as `ImageFile` fields.

    The stage position (``PositionX``, ``Y`` and ``Z`` of the first plane) is taken as that of the
    centre of the first pixel. It is in µm without a unit, and ignored in the unit "reference
    frame", whose length is unknown. Missing pixel sizes along Z and T are computed from the
    positions and times (``DeltaT``) of planes.
    """
    root = ElementTree.fromstring(xml)
    images = [e for e in root if _kind(e) == "Image"]
    if len(images) != count:
        # tifffile skips images without pixels in this file.
        images = [e for e in images if e.get("Name", "") == series.name] or images
        index = 0
    if index >= len(images):  # the header may be in another file (BinaryOnly)
        return {}
    image = images[index]
    pixels = next((e for e in image if _kind(e) == "Pixels"), None)
    if pixels is None:
        return {}
    planes = _planes(pixels)
    size = {}
    for axis in "XYZ":
        value = _quantity(pixels, f"PhysicalSize{axis}", UNITS, "µm")
        if is_length(value):
            size[axis] = value
    deep = _steps(planes, 2, "PositionZ", UNITS, "µm") if "Z" in axes else None
    if deep and "Z" not in size:
        size["Z"] = abs(deep)
    interval = _quantity(pixels, "TimeIncrement", SECONDS, "s")
    if not is_length(interval):
        interval = _steps(planes, 0, "DeltaT", SECONDS, "s")
    if "T" in axes and is_length(interval):
        size["T"] = interval
    elements = [e for e in pixels if _kind(e) == "Channel"]
    described = [_channel(e, planes.get((0, i, 0))) for i, e in enumerate(elements)]
    further = {} if {"Y", "X"} <= size.keys() else _place_of_unknown(planes)
    description = next((e.text for e in image if _kind(e) == "Description"), None)
    return {
        "pixel_size": size,
        "affine": _affine(planes, size, upwards=not (deep and deep < 0)),
        "channels": fitting(described, series, axes),
        "name": image.get("Name", ""),
        "metadata": {"ome": xml} | ({"description": description} if description else {}) | further,
    }


def _kind(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _quantity(
    element: ElementTree.Element, name: str, units: Mapping[str, float], usual: str
) -> float | None:
    """Return an attribute in the base unit of ``units``; None if its unit is unknown."""
    value = number(element.get(name))
    unit = units.get(plain_unit(element.get(f"{name}Unit", usual)))
    return None if value is None or unit is None else value * unit


def _planes(pixels: ElementTree.Element) -> Planes:
    found: Planes = {}
    for element in pixels:
        if _kind(element) == "Plane":
            place = [number(element.get(f"The{a}", "0")) for a in "TCZ"]
            if None not in place:
                time, channel, depth = (int(n) for n in place if n is not None)
                found.setdefault((time, channel, depth), element)
    return found


def _steps(
    planes: Planes, axis: int, name: str, units: Mapping[str, float], usual: str
) -> float | None:
    """Return the mean step of an attribute of the planes along T (0) or Z (2)."""
    numbers = sorted(
        place[axis] for place in planes if not any(n for i, n in enumerate(place) if i != axis)
    )
    if len(numbers) < 2:
        return None
    ends = []
    for n in (numbers[0], numbers[-1]):
        place = [0, 0, 0]
        place[axis] = n
        time, channel, depth = place
        ends.append(_quantity(planes[time, channel, depth], name, units, usual))
    if ends[0] is None or ends[1] is None:
        return None
    return (ends[1] - ends[0]) / (numbers[-1] - numbers[0])


def _affine(
    planes: Planes, size: Mapping[str, float], *, upwards: bool
) -> npt.NDArray[np.float64] | None:
    first = planes.get((0, 0, 0))
    if first is None or not {"Y", "X"} <= size.keys():
        return None
    place = [_quantity(first, f"Position{a}", UNITS, "µm") for a in "ZYX"]
    if place[1] is None or place[2] is None:
        return None
    affine = np.diag([*(size.get(a, 1.0) for a in "ZYX"), 1.0])
    affine[:3, 3] = [n or 0.0 for n in place]
    if not (np.abs(affine[:3, 3]) < FARTHEST).all():
        return None
    affine[0, 0] *= 1 if upwards else -1
    return affine


def _place_of_unknown(planes: Planes) -> dict[str, Any]:
    """Return the stage position as metadata, unless it is unknown or 0."""
    first = planes.get((0, 0, 0))
    if first is None:
        return {}
    place = [_quantity(first, f"Position{a}", UNITS, "µm") or 0.0 for a in "ZYX"]
    return {"position": tuple(place)} if any(place) else {}


def _channel(element: ElementTree.Element, plane: ElementTree.Element | None) -> Channel:
    packed = number(element.get("Color"))
    colour = None
    if packed is not None:
        red, green, blue, _ = (int(packed) & 0xFFFFFFFF).to_bytes(4, "big")
        colour = (red, green, blue)
    waves = [
        _quantity(element, name, UNITS, "nm")
        for name in ("EmissionWavelength", "ExcitationWavelength")
    ]
    emission, excitation = (w * 1e3 if is_length(w) else None for w in waves)
    exposure = None if plane is None else _quantity(plane, "ExposureTime", SECONDS, "s")
    return Channel(
        element.get("Name", ""),
        colour,
        emission=emission,
        excitation=excitation,
        exposure=exposure if is_length(exposure) else None,
    )
