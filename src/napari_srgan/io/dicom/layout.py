"""Assign position, slice, time and channel to the frames of a DICOM file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .elements import Look, first, items, number, numbers, text
from .pixel_size import thickness_of

__all__ = ["Place", "layout_of"]

STACK = 0x00209056
"""tag of StackID"""
OFFSETS = 0x3004000C
"""tag of GridFrameOffsetVector, in mm"""
SLICES = (0x00209057, 0x00540080, OFFSETS)
"""tags of slice numbers: InStackPositionNumber, SliceVector, GridFrameOffsetVector"""
PLACES = (
    *(0x00200032, 0x00209113, 0x00209301, 0x0020930E),
    *(0x0040072A, 0x0040073A, 0x0040074A, 0x0048021A, 0x0048021E, 0x0048021F),
)
"""tags of positions, which each frame stores itself"""
TIMES = (
    *(0x00209128, 0x0020930D, 0x00189151, 0x00189074, 0x00209156, 0x00200100, 0x00181060),
    *(0x00209153, 0x00209241, 0x00189236, 0x00189214, 0x00209245, 0x00209255),
    *(0x00181063, 0x00181065),
    # nuclear medicine: phase, rotation, R-R interval, time slot, angular view, time slice
    *(0x00540030, 0x00540050, 0x00540060, 0x00540070, 0x00540090, 0x00540100),
)
"""tags of time dimensions: time points, cardiac and respiratory phases, and delays"""
VIEWS = (0x00540050, 0x00540090)
"""tags of RotationVector and AngularViewVector, which number projections"""
CHANNELS = {0x00540010: "EnergyWindow", 0x00540020: "Detector"}
"""names of channel dimensions by tag of their vector"""
MOMENTS = (
    *("TemporalPositionIndex", "TemporalPositionTimeOffset"),
    *("FrameReferenceDateTime", "FrameAcquisitionDateTime"),
)
"""elements with the time of a frame"""
POSITIONS = (
    ("PlanePositionSequence", "ImagePositionPatient"),
    ("PlanePositionVolumeSequence", "ImagePositionVolume"),
)
ORIENTATIONS = (
    ("PlaneOrientationSequence", "ImageOrientationPatient"),
    ("PlaneOrientationVolumeSequence", "ImageOrientationVolume"),
)
MOVING = ("US", "XA", "RF", "ES", "XC", "GM", "IVUS", "ECG")
"""modalities whose frames are time points by default"""


@dataclass(frozen=True)
class Place:
    """Position and time of a frame among those of its file."""

    position: tuple[float, ...] | None = None
    """centre of the first pixel: left, posterior, superior in mm"""
    orientation: tuple[float, ...] | None = None
    """unit vectors of increasing column index, then of increasing row index"""
    stack: str = ""
    slice: float | None = None
    """index along the normal, for a frame without a position"""
    time: tuple[float, ...] = ()
    """sort key among frames at one position; empty without a time"""
    seconds: float | None = None
    """time since the first frame in s"""
    channel: tuple[tuple[str, int], ...] = ()
    """names and indices of all other dimensions"""


Layout = Callable[[int, Look, Any], Place]
"""returns the place of a frame from its index, its elements and its own functional groups"""


def layout_of(header: Any, count: int) -> Layout:
    """Return a function that computes the places of a file's frames.

    Raises
    ------
    ValueError
        If frames are numbered by a dimension that is neither slice, time nor channel.
    """
    pointers = _vectors(header, count)
    indices = _dimensions(header)
    # Only the first projection around the body lies in the plane of the header.
    projected = any(tag in VIEWS for tag, _ in pointers)
    moving = count > 1 and not pointers and not indices and _moves(header)

    begin = next((values[0] for tag, values in pointers if tag in SLICES), 0.0)
    in_mm = any(tag == OFFSETS for tag, _ in pointers)

    def place(index: int, look: Look, own: Any) -> Place:
        stack, detector = "", 1
        level: float | None = None
        time: list[float] = []
        channel: list[tuple[str, int]] = []
        for tag, values in pointers:
            value = values[index]
            if tag in SLICES:
                level = value
            elif tag in TIMES:
                time.append(value)
            else:
                channel.append((CHANNELS[tag], int(value)))
                detector = int(value) if CHANNELS[tag] == "Detector" else detector
        content = first(None if own is None else own.get("FrameContentSequence"))
        if content is not None:
            stack = text(content, "StackID")
            values = numbers(content.get("DimensionIndexValues"), len(indices)) or ()
            for (tag, name), value in zip(indices, values, strict=False):
                if tag in SLICES:
                    level = value
                elif tag in TIMES:
                    time.append(value)
                elif tag not in (STACK, *PLACES):
                    channel.append((name, int(value)))
            if level is None:
                level = number(content.get("InStackPositionNumber"))
            if not time:
                time = [t for t in (_moment(content.get(n)) for n in MOMENTS) if t is not None][:1]
        if moving:
            time.append(float(index))
        position, orientation = (None, None) if projected else _placed(header, look, detector)
        if position is not None and orientation is not None and level is not None:
            step = 1.0 if in_mm else thickness_of(look)
            if _own_position(own) or not step:
                level = None
            else:
                normal = np.cross(*np.reshape(orientation, (2, 3)))
                moved = np.asarray(position) + (level - begin) * step * normal
                position, level = tuple(moved.tolist()), None
        return Place(
            position,
            orientation,
            stack,
            level,
            tuple(time),
            None if content is None else number(content.get("TemporalPositionTimeOffset")),
            tuple(channel),
        )

    return place


def _moment(value: Any) -> float | None:
    """Return a sort key of a time: an index, or a date and time."""
    match = re.match(r"\d{8,14}(\.\d{1,6})?", str(value))
    return float(match[0]) if match else number(value)


def _own_position(own: Any) -> bool:
    return own is not None and any(own.get(name) for name, _ in POSITIONS)


def _placed(
    header: Any, look: Look, detector: int
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Return position and orientation of a frame, or those of its detector."""
    position = orientation = None
    for (where, how), (turned, way) in zip(POSITIONS, ORIENTATIONS, strict=True):
        position = position or numbers(look(where, how), 3)
        orientation = orientation or numbers(look(turned, way), 6)
    detectors = items(header.get("DetectorInformationSequence"))
    if position is None and 0 < detector <= len(detectors):
        item = detectors[detector - 1]
        position = numbers(item.get("ImagePositionPatient"), 3)
        orientation = orientation or numbers(item.get("ImageOrientationPatient"), 6)
    if orientation:
        across, down = np.reshape(orientation, (2, 3))
        lengths = np.linalg.norm(across), np.linalg.norm(down)
        if max(abs(length - 1) for length in lengths) > 0.01 or abs(across @ down) > 0.01:
            orientation = None
    return (position if orientation else None), orientation


def _moves(header: Any) -> bool:
    """Whether frames without dimensions are time points."""
    named = ("FrameTime", "FrameTimeVector", "CineRate", "RecommendedDisplayFrameRate")
    return text(header, "Modality") in MOVING or any(header.get(name) for name in named)


def _vectors(header: Any, count: int) -> list[tuple[int, tuple[float, ...]]]:
    """Return the tags of the dimensions of frames, with a value for each frame."""
    pointers = header.get("FrameIncrementPointer")
    if pointers is None or count == 1:
        tags = []
    else:
        single = isinstance(pointers, (int, str)) or not hasattr(pointers, "__len__")
        tags = [int(tag) for tag in ([pointers] if single else pointers)]
    if not tags and header.get("GridFrameOffsetVector") is not None and count > 1:
        tags = [0x3004000C]
    return [(tag, _vector(header, tag, count)) for tag in tags]


def _vector(header: Any, tag: int, count: int) -> tuple[float, ...]:
    name = _name(tag)
    if tag in (0x00181063, 0x00181065):
        return tuple(map(float, range(count)))
    if tag not in (*SLICES, *TIMES, *CHANNELS):
        raise ValueError(
            f"its {count} frames follow each other by {name}, which is neither slice, time nor "
            "channel; save them as files of their own"
        )
    element = header.get(tag)
    values = numbers(None if element is None else element.value, count)
    if values is None:
        raise ValueError(f"its {name} does not have a value for each of its {count} frames")
    return values


def _dimensions(header: Any) -> list[tuple[int, str]]:
    """Return the tags and names of the dimension indices of multi-frame files."""
    found = items(header.get("DimensionIndexSequence"))
    tags = [_tag(item.get("DimensionIndexPointer")) for item in found]
    return [(tag, _name(tag)) for tag in tags]


def _tag(pointer: Any) -> int:
    try:
        return int(pointer)
    except (TypeError, ValueError):
        return 0


def _name(tag: int) -> str:
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
