"""The planes of DICOM files: where they lie, and what their numbers mean."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .guard import WholeFile, check_claim, reading

__all__ = ["Frame", "Source", "looks_like_dicom", "read_frames"]

MOST_FRAMES = 100_000
"""frames of one file; more than that is damage"""
MOST_DEFLATED = 2**18
"""bytes of a deflated file, which pydicom unpacks to up to a thousand times as much at once"""
DEFLATED = b"1.2.840.10008.1.2.1.99"
SERIES = ("SeriesInstanceUID", "ImageType", "EchoNumbers", "PhotometricInterpretation")
"""elements that files of one volume or series share"""
PIXELS = {0x7FE00008: "float32", 0x7FE00009: "float64", 0x7FE00010: ""}
"""tags of pixels → their dtype, where it is not in the header"""


@dataclass(frozen=True, eq=False)
class Source:
    """A DICOM file with pixels."""

    path: Path
    header: Any
    """pydicom's dataset, without the pixels"""
    shape: tuple[int, ...]
    """rows, columns and, of colours, samples"""
    dtype: np.dtype[Any]
    """of the stored pixels, or of the colours made of them"""
    bits: int
    """that are used, of an integer"""
    compressed: bool
    offset: int
    """of the pixels, in bytes"""
    preamble: bool
    """whether it begins as a file does, not as a message over a network"""
    image: str
    """its SOPInstanceUID, which no other file has"""
    series: tuple[Any, ...]
    """what it shares with the files of the same volume or series, but for its place"""
    number: int
    """of its series"""
    order: tuple[int, int, str]
    """sorts it among files of its place: by time, number and path"""
    frame_time: float | None
    """in s"""


@dataclass(frozen=True)
class Frame:
    """A plane of a file, in mm and in the world of DICOM: left, posterior, superior."""

    source: Source
    index: int
    position: tuple[float, ...] | None
    """of the centre of its first pixel"""
    orientation: tuple[float, ...] | None
    """unit vectors along which columns, and then rows, are counted"""
    spacing: tuple[float, float] | None
    """of rows and of columns"""
    thickness: float | None
    slope: float
    intercept: float
    window: tuple[float, float] | None


def looks_like_dicom(path: Path) -> bool:
    """Whether the first bytes of a file are those of a DICOM file, with or without its preamble."""
    with path.open("rb") as file:
        head = file.read(132)
    if head[128:] == b"DICM":
        return True
    bare = head[:2] in (b"\x02\0", b"\x08\0") and head[3:4] == b"\0" and len(head) == 132
    return bare and (head[4:6].isupper() or head[6:8] == b"\0\0")


def read_frames(path: Path) -> list[Frame]:
    """Return the planes of a file without their pixels; none where it has none.

    Raises
    ------
    ValueError
        If it cannot be read, or claims more than it can hold.
    OSError
        If the system does not give it out.
    """
    with reading(path):
        return list(_frames(path))


def _frames(path: Path) -> Iterator[Frame]:
    from pydicom.filereader import read_partial

    found: dict[int, int] = {}
    lead: list[int] = []

    def at_pixels(tag: int, vr: str | None, length: int) -> bool:
        if tag in PIXELS:
            # A tag, its VR and length come before them.
            found[int(tag)] = length
            lead.append(8 if vr is None else 12)
        return tag in PIXELS

    with WholeFile(path) as file:
        head = file.read(4096)
        if DEFLATED in head and path.stat().st_size > MOST_DEFLATED:
            raise ValueError("it is deflated; save it uncompressed")
        file.seek(0)
        header = read_partial(file, at_pixels, force=True)
        offset = file.tell() + sum(lead)
    if not found or "Rows" not in header:
        return
    (tag,) = found
    rows, columns = int(header.Rows), int(header.Columns)
    count = int(header.get("NumberOfFrames") or 1)
    samples, allocated = int(header.get("SamplesPerPixel") or 1), int(header.BitsAllocated)
    if min(rows, columns, samples, allocated) < 1 or not 1 <= count <= MOST_FRAMES:
        raise ValueError(f"{count} frames of {rows} × {columns} pixels")
    if samples not in (1, 3, 4):
        raise ValueError(f"{samples} samples per pixel")
    syntax = header.file_meta.get("TransferSyntaxUID")
    compressed = bool(syntax is not None and syntax.is_compressed)
    claimed = math.ceil(count * rows * columns * samples * allocated / 8)
    if str(header.get("PhotometricInterpretation")) == "YBR_FULL_422" and not compressed:
        claimed = claimed * 2 // 3
    if not compressed and claimed > found[tag]:
        raise ValueError(f"{found[tag]} bytes of pixels; its header asks for {claimed}")
    check_claim(path, claimed, compressed, offset)
    palette = str(header.get("PhotometricInterpretation")) == "PALETTE COLOR"
    signed = bool(header.get("PixelRepresentation"))
    dtype = np.dtype(PIXELS[tag] or f"{'i' if signed else 'u'}{max(allocated, 8) // 8}")
    if palette:
        samples, dtype = 3, np.dtype(np.uint8)
    source = Source(
        path,
        header,
        (rows, columns) if samples == 1 else (rows, columns, samples),
        dtype,
        min(int(header.get("BitsStored") or allocated), allocated),
        compressed,
        offset,
        head[128:132] == b"DICM",
        str(header.get("SOPInstanceUID") or path),
        tuple(str(header.get(name)) for name in SERIES),
        _integer(header, "SeriesNumber"),
        (
            _integer(header, "TemporalPositionIdentifier"),
            _integer(header, "InstanceNumber"),
            str(path),
        ),
        time / 1000 if (time := _number(header.get("FrameTime")) or 0) > 0 else None,
    )
    shared = _first(header.get("SharedFunctionalGroupsSequence"))
    each = header.get("PerFrameFunctionalGroupsSequence") or ()
    offsets = _numbers(header.get("GridFrameOffsetVector"), count)
    for index in range(count):
        own = each[index] if index < len(each) else None
        yield _frame(source, index, [own, shared], offsets[index] - offsets[0] if offsets else 0)


def _frame(source: Source, index: int, groups: Sequence[Any], offset: float) -> Frame:
    header = source.header

    def look(sequence: str, name: str) -> Any:
        """Return what is said of this frame, of all frames, or of the file; the first that is."""
        for group in groups:
            item = _first(None if group is None else group.get(sequence))
            if item is not None and item.get(name) is not None:
                return item.get(name)
        return header.get(name)

    position = _numbers(look("PlanePositionSequence", "ImagePositionPatient"), 3)
    orientation = _numbers(look("PlaneOrientationSequence", "ImageOrientationPatient"), 6)
    if orientation:
        across, down = np.reshape(orientation, (2, 3))
        lengths = np.linalg.norm(across), np.linalg.norm(down)
        if max(abs(length - 1) for length in lengths) > 0.01 or abs(across @ down) > 0.01:
            orientation = None
        elif position and offset:
            moved = np.asarray(position) + offset * np.cross(across, down)
            position = tuple(moved.tolist())
    spacing = _numbers(look("PixelMeasuresSequence", "PixelSpacing"), 2)
    if spacing is None and position is None:
        spacing = _numbers(header.get("ImagerPixelSpacing"), 2)
    if spacing and not 0 < min(spacing) <= max(spacing) < 1e6:
        spacing = None
    thickness = _number(look("PixelMeasuresSequence", "SpacingBetweenSlices"))
    thickness = thickness or _number(look("PixelMeasuresSequence", "SliceThickness"))
    slope = _number(look("PixelValueTransformationSequence", "RescaleSlope"))
    intercept = _number(look("PixelValueTransformationSequence", "RescaleIntercept"))
    if header.get("DoseGridScaling") is not None:
        slope, intercept = _number(header.DoseGridScaling), 0.0
    centre = _number(look("FrameVOILUTSequence", "WindowCenter"))
    width = _number(look("FrameVOILUTSequence", "WindowWidth"))
    window = None
    if centre is not None and width is not None and width >= 1:
        # Part 3, section C.11.2.1.2.1: the window is as wide as its pixels, both ends included.
        window = (centre - width / 2, centre - 1 + width / 2) if width > 1 else None
    return Frame(
        source,
        index,
        position if orientation else None,
        orientation,
        (spacing[0], spacing[1]) if spacing else None,
        thickness if thickness and 0 < thickness < 1e6 else None,
        1.0 if slope is None or slope == 0 else slope,
        intercept or 0.0,
        window,
    )


def _first(sequence: Any) -> Any:
    return sequence[0] if sequence else None


def _integer(header: Any, name: str) -> int:
    return int(_number(header.get(name)) or 0)


def _number(value: Any) -> float | None:
    """Return a number, or the first of several, where it is one."""
    if value is not None and not isinstance(value, (str, bytes)) and hasattr(value, "__len__"):
        value = value[0] if len(value) else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and abs(number) < 1e12 else None


def _numbers(values: Any, count: int) -> tuple[float, ...] | None:
    if values is None or isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        return None
    numbers = [_number(value) for value in values]
    if len(numbers) != count or None in numbers:
        return None
    return tuple(number for number in numbers if number is not None)
