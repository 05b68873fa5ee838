"""Read DICOM headers: positions, spacing and value transformations of planes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..guard import WholeFile, check_claim, reading
from .elements import Look, first, integer, items, number
from .layout import Place, layout_of
from .pixel_size import frame_time, spacing_of, thickness_of
from .tiles import Tiles, tiles_of
from .values import Table, Values, modality_table, values_of

__all__ = ["Frame", "Source", "read_frames"]

MOST_FRAMES = 1_000_000
"""maximal number of frames in a file; more is damage"""
MOST_PLANES = 100_000
"""maximal number of frames in a file without tiles; more is damage"""
MOST_DEFLATED = 2**18
"""maximal bytes of a deflated file, which pydicom inflates in memory up to a thousandfold"""
DEFLATED = b"1.2.840.10008.1.2.1.99"
SERIES = ("SeriesInstanceUID", "ImageType", "EchoNumbers", "PhotometricInterpretation")
"""elements that files of one volume or series share"""
PIXELS = {0x7FE00008: "float32", 0x7FE00009: "float64", 0x7FE00010: ""}
"""dtypes by tag of the pixel element, where the header does not define it"""


@dataclass(frozen=True, eq=False)
class Source:
    """DICOM file with pixels."""

    path: Path
    header: Any
    """pydicom's dataset without pixels"""
    shape: tuple[int, ...]
    """rows, columns and, for colours, samples"""
    dtype: np.dtype[Any]
    """dtype of the stored pixels, or of the decoded colours"""
    bits: int
    """number of bits in use, for integers"""
    compressed: bool
    offset: int
    """byte offset of the pixels"""
    preamble: bool
    """whether the file has a preamble, unlike a dataset from the network"""
    image: str
    """SOPInstanceUID, unique to the image"""
    series: tuple[Any, ...]
    """values of `SERIES`, shared by files of the same volume or series"""
    number: int
    """SeriesNumber"""
    order: tuple[int, int, str]
    """sort key among files at one position: time, instance number, path"""
    frame_time: float | None
    """time between frames in s"""
    tiles: Tiles | None = None
    """tile layout, if the frames are tiles of one image"""


@dataclass(frozen=True)
class Frame:
    """Plane of a file, in mm in DICOM's coordinate system: left, posterior, superior."""

    source: Source
    index: int
    place: Place
    spacing: tuple[float, float] | None
    """distance of rows and of columns"""
    thickness: float | None
    """slice thickness or distance; negative if slices are ordered against their normal"""
    values: Values
    window: tuple[float, float] | None
    """intensities displayed as black and white"""


def read_frames(path: Path) -> list[Frame]:
    """Return the planes of a file without their pixels; empty if it has none.

    For a tiled file, only the first frame is returned.

    Raises
    ------
    ValueError
        If the file cannot be read, or claims more pixels than it can hold.
    OSError
        If the system cannot read it.
    """
    with reading(path):
        return list(_frames(path))


def _frames(path: Path) -> Iterator[Frame]:
    from pydicom.filereader import read_partial

    found: dict[int, int] = {}
    lead: list[int] = []

    def at_pixels(tag: int, vr: str | None, length: int) -> bool:
        if tag in PIXELS:
            # Tag, VR and length precede the pixels.
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
        integer(header, "SeriesNumber"),
        (
            integer(header, "TemporalPositionIdentifier"),
            integer(header, "InstanceNumber"),
            str(path),
        ),
        frame_time(header),
        tiles_of(header, count, path.stat().st_size),
    )
    shared = first(header.get("SharedFunctionalGroupsSequence"))
    each = items(header.get("PerFrameFunctionalGroupsSequence"))
    table = modality_table(header, source.dtype) if samples == 1 else None
    if source.tiles is not None:
        look = Look(header, (next(iter(each), None), shared))
        yield _frame(source, 0, look, Place(), table)
        return
    if count > MOST_PLANES:
        raise ValueError(f"{count} frames of {rows} × {columns} pixels")
    layout = layout_of(header, count)
    for index in range(count):
        own = each[index] if index < len(each) else None
        look = Look(header, (own, shared))
        yield _frame(source, index, look, layout(index, look, own), table)


def _frame(source: Source, index: int, look: Look, place: Place, table: Table | None) -> Frame:
    centre = number(look("FrameVOILUTSequence", "WindowCenter"))
    width = number(look("FrameVOILUTSequence", "WindowWidth"))
    window = None
    if centre is not None and width is not None and width >= 1:
        # PS3.3, section C.11.2.1.2.1: both ends belong to the window.
        window = (centre - width / 2, centre - 1 + width / 2) if width > 1 else None
    grey = len(source.shape) == 2
    values = values_of(look, source.dtype, table) if grey else Values()
    if window and values.real_world:
        black, white = values.of(np.array(window)).tolist()
        window = black, white
    return Frame(
        source,
        index,
        place,
        spacing_of(look, place.position is not None),
        thickness_of(look),
        values,
        window,
    )
