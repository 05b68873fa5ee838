"""Decoders of imagecodecs for compressed DICOM files, as plugins of pydicom.

pydicom decodes RLE itself, and JPEG and most of JPEG 2000 with Pillow. The remaining codecs, mainly
JPEG-LS and lossless JPEG, are decoded with imagecodecs, which is already a dependency for TIFF.
"""

from __future__ import annotations

from struct import unpack_from
from typing import Any

import numpy as np

from ..sanity import check_expansion

__all__ = ["DECODER_DEPENDENCIES", "decode", "is_available", "register"]

CODECS = {
    "1.2.840.10008.1.2.4.51": ("JPEG8", "jpeg8_decode"),
    "1.2.840.10008.1.2.4.57": ("LJPEG", "ljpeg_decode"),
    "1.2.840.10008.1.2.4.70": ("LJPEG", "ljpeg_decode"),
    "1.2.840.10008.1.2.4.80": ("JPEGLS", "jpegls_decode"),
    "1.2.840.10008.1.2.4.81": ("JPEGLS", "jpegls_decode"),
    "1.2.840.10008.1.2.4.90": ("JPEG2K", "jpeg2k_decode"),
    "1.2.840.10008.1.2.4.91": ("JPEG2K", "jpeg2k_decode"),
    "1.2.840.10008.1.2.4.201": ("JPEG2K", "jpeg2k_decode"),
    "1.2.840.10008.1.2.4.202": ("JPEG2K", "jpeg2k_decode"),
    "1.2.840.10008.1.2.4.203": ("JPEG2K", "jpeg2k_decode"),
}
"""codec and function of imagecodecs by transfer syntax"""
DECODER_DEPENDENCIES = dict.fromkeys(CODECS, ("imagecodecs",))
"""dependencies of the decoders, as pydicom requires of a plugin"""
NAME = "imagecodecs"
SCAN, END = b"\xff\xda", b"\xff\xd9"
"""markers before the pixels and at the end of a JPEG or JPEG-LS stream; both are escaped in pixel
data"""


def register(syntax: Any) -> None:
    """Register imagecodecs as pydicom's last decoder of a transfer syntax."""
    from pydicom.pixels.decoders.base import get_decoder

    if syntax not in CODECS:
        return
    decoder = get_decoder(syntax)
    if NAME not in decoder.available_plugins and is_available(syntax):
        decoder.add_plugin(NAME, (__name__, "decode"))


def is_available(syntax: str) -> bool:
    """Whether the installed imagecodecs includes the codec of a transfer syntax."""
    import imagecodecs

    codec = getattr(imagecodecs, CODECS[syntax][0], None)
    return bool(codec is not None and codec.available)


def decode(content: bytes, runner: Any) -> bytes:
    """Decode a frame; the interface of a pydicom plugin.

    Raises
    ------
    ValueError
        If the frame contradicts the header or is truncated.
    """
    import imagecodecs

    codec, function = CODECS[runner.transfer_syntax]
    if (size := _size(content)) != (runner.rows, runner.columns):
        raise ValueError(f"a frame of {size} pixels in a file of {runner.rows, runner.columns}")
    samples = runner.samples_per_pixel
    claimed = runner.rows * runner.columns * samples * runner.bits_allocated // 8
    check_expansion(claimed, len(content))
    if codec == "JPEGLS" and content.rfind(END) < content.rfind(SCAN):
        # CharLS 2.4 would search 2³² zeros after the end of a truncated stream.
        raise ValueError("its JPEG-LS ends early")
    pixels = np.asarray(getattr(imagecodecs, function)(content))
    expected = (runner.rows, runner.columns) + ((samples,) if samples > 1 else ())
    if pixels.shape != expected or pixels.dtype.kind not in "iu":
        raise ValueError(f"a frame of {pixels.shape} {pixels.dtype}; its header says {expected}")
    runner.set_option("bits_allocated", 8 * pixels.dtype.itemsize)
    if samples > 1:
        runner.set_option("planar_configuration", 0)
        if str(runner.photometric_interpretation) in ("YBR_ICT", "YBR_RCT"):
            runner.set_option("photometric_interpretation", "RGB")
    return pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()


def _size(content: bytes) -> tuple[int, ...] | None:
    """Return the rows and columns in the header of a JPEG, JPEG-LS or JPEG 2000 stream."""
    if (
        start := content.find(b"\xff\x4f\xff\x51", 0, 4096)
    ) >= 0:  # start of a JPEG 2000 codestream
        if len(content) < start + 24:
            return None
        right, bottom, left, top = unpack_from(">IIII", content, start + 8)
        return bottom - top, right - left
    at = 2
    claims: set[tuple[int, ...]] = set()
    while at + 22 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            claims.add(unpack_from(">HH", content, at + 5))
            break
        if content[at + 4 : at + 10] == b"SPIFF\0":
            claims.add(unpack_from(">II", content, at + 14))
        at += 1 if marker == 0xFF else 2 + length
    return claims.pop() if len(claims) == 1 else None
