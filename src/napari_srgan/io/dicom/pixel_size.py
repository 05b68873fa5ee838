"""Pixel spacing, slice distance and frame time from DICOM headers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .elements import Look, items, number, numbers

__all__ = ["frame_time", "spacing_of", "thickness_of"]

CENTIMETRES = 3
"""code for cm in PhysicalUnits of an ultrasound region"""
TISSUE = 1
"""RegionSpatialFormat of a two-dimensional ultrasound region"""
MOST_SPACING = 1e6
"""spacing in mm above which a header is damaged"""


def spacing_of(look: Look, placed: bool) -> tuple[float, float] | None:
    """Return the distance of rows and of columns in mm.

    Without PixelSpacing, it is that of ultrasound regions, or, for an image without a position,
    that on the detector or film.
    """
    found = _usable(look("PixelMeasuresSequence", "PixelSpacing"))
    found = found or _of_regions(look.header)
    for name in ("ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        found = found or (None if placed else _usable(look.header.get(name)))
    return found


def _usable(values: Any) -> tuple[float, float] | None:
    found = numbers(values, 2)
    if found is None or not 0 < min(found) <= max(found) < MOST_SPACING:
        return None
    return found[0], found[1]


def _of_regions(header: Any) -> tuple[float, float] | None:
    """Return the spacing of the tissue regions of an ultrasound image, if they agree."""
    found = list(_regions(header.get("SequenceOfUltrasoundRegions")))
    if not found:
        return None
    one = found[0]
    agree = all(abs(a - b) <= 0.01 * b for other in found for a, b in zip(other, one, strict=True))
    return one if agree else None


def _regions(sequence: Any) -> Iterator[tuple[float, float]]:
    for region in items(sequence):
        units = [region.get(f"PhysicalUnits{a}Direction") for a in "YX"]
        if region.get("RegionSpatialFormat") != TISSUE or units != [CENTIMETRES, CENTIMETRES]:
            continue
        steps = [number(region.get(f"PhysicalDelta{a}")) or 0.0 for a in "YX"]
        if found := _usable([10 * abs(step) for step in steps]):
            yield found


def thickness_of(look: Look) -> float | None:
    """Return the slice distance in mm, negative if slices are ordered against their normal."""
    for name in ("SpacingBetweenSlices", "SliceThickness"):
        found = number(look("PixelMeasuresSequence", name))
        if found and abs(found) < MOST_SPACING:
            return found
    return None


def frame_time(header: Any) -> float | None:
    """Return the time between frames in s, if it is constant."""
    steps = [(number(header.get("FrameTime")) or 0) / 1000]
    vector = header.get("FrameTimeVector")
    count = len(vector) if hasattr(vector, "__len__") and not isinstance(vector, str) else 0
    # FrameTimeVector holds increments; the first is 0.
    if count > 1 and (own := numbers(vector, count)):
        least, most = min(own[1:]), max(own[1:])
        steps.append(most / 1000 if most - least <= 0.01 * most else 0.0)
    steps += [
        1 / rate
        for name in ("CineRate", "RecommendedDisplayFrameRate")
        if (rate := number(header.get(name)) or 0) > 0
    ]
    phases = items(header.get("PhaseInformationSequence"))
    if len(phases) == 1:
        steps.append((number(phases[0].get("ActualFrameDuration")) or 0) / 1000)
    return next((step for step in steps if step > 0), None)
