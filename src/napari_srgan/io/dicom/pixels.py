"""Decode the pixels of DICOM files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..guard import WholeFile, reading
from .codecs import register
from .frames import Source
from .values import Values, padding_of

__all__ = ["planes"]

JPEG2000 = tuple(f"1.2.840.10008.1.2.4.{end}" for end in (90, 91, 201, 202, 203))
"""transfer syntaxes of JPEG 2000"""


def planes(source: Source, indices: Sequence[int]) -> Iterator[npt.NDArray[Any]]:
    """Yield the stored pixels of planes, or colours as RGB.

    Raises
    ------
    ValueError
        If they cannot be decoded; the message names the package that is needed.
    """
    with reading(source.path):
        yield from (_plain(source, pixels) for pixels in _decoded(source, indices))


def _decoded(source: Source, indices: Sequence[int]) -> Iterator[npt.NDArray[Any]]:
    from pydicom import dcmread
    from pydicom.pixels.utils import iter_pixels
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    syntax = source.header.file_meta.get("TransferSyntaxUID")
    with WholeFile(source.path) as file:
        opened: Any = file
        if not source.preamble or syntax is None:
            opened = dcmread(file, force=True)
            if syntax is None:
                implicit = opened.original_encoding[0]
                syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
                opened.file_meta.TransferSyntaxUID = syntax
        register(syntax)
        if str(syntax) in JPEG2000:
            _check_boxes(source, indices)
        try:
            # Padding values may use bits above BitsStored.
            options: dict[str, Any] = (
                {"correct_unused_bits": False} if _needs_all_bits(source) else {}
            )
            yield from iter_pixels(opened, indices=list(indices), **options)
        except NotImplementedError as error:
            raise ValueError(
                f"its compression, {syntax.name}, has no decoder; save it uncompressed"
            ) from error
        except RuntimeError as error:
            if "missing dependencies" not in str(error):
                raise
            raise ValueError(
                f"its compression, {syntax.name}, needs a decoder: "
                "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
            ) from error


def _check_boxes(source: Source, indices: Sequence[int]) -> None:
    """Refuse JPEG 2000 with boxes of length 0, on which pydicom 3.0 loops forever."""
    from pydicom.encaps import get_frame

    count = int(source.header.get("NumberOfFrames") or 1)
    with WholeFile(source.path) as file:
        for index in indices:
            file.seek(source.offset)
            frame = get_frame(file, index, number_of_frames=count)
            at = 12 if frame.startswith(b"\0\0\0\x0cjP  ") else len(frame)
            while at < len(frame) and frame[at + 4 : at + 8] != b"jp2c":
                length = int.from_bytes(frame[at : at + 4], "big")
                if not length:
                    raise ValueError("its JPEG 2000 has a box of no length")
                at += length


def _plain(source: Source, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Clear unused bits, and apply the palette."""
    if source.header.get("PhotometricInterpretation") == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        pixels = apply_color_lut(pixels, source.header)[..., :3]
        if pixels.dtype.itemsize > 1:
            pixels = (pixels >> (8 * (pixels.dtype.itemsize - 1))).astype(np.uint8)
    elif pixels.dtype.kind in "iu" and not _has_precision(source):
        unused = max(8 * pixels.dtype.itemsize, source.bits) - source.bits
        if unused and source.header.BitsAllocated > 1:
            # Older files store overlays in unused bits. Shifting back extends the sign.
            bare = (pixels << unused) >> unused
            if _needs_all_bits(source):
                absent = Values(padding=padding_of(source.header, pixels.dtype)).absent(pixels)
                bare = np.where(absent, pixels, bare)
            pixels = bare
    if pixels.shape != source.shape:
        raise ValueError(f"pixels of shape {pixels.shape}; its header says {source.shape}")
    return pixels


def _needs_all_bits(source: Source) -> bool:
    """Whether padding uses bits above BitsStored."""
    padding = padding_of(source.header, source.dtype)
    if padding is None or source.dtype.kind not in "iu" or len(source.shape) == 3:
        return False
    signed = source.dtype.kind == "i"
    least = -(2 ** (source.bits - 1)) if signed else 0
    most = 2 ** (source.bits - signed) - 1
    return not least <= padding[0] <= padding[1] <= most


def _has_precision(source: Source) -> bool:
    """Whether the codestream defines sign and bit depth of pixels, as in JPEG 2000."""
    syntax = str(source.header.file_meta.get("TransferSyntaxUID"))
    return syntax in JPEG2000
