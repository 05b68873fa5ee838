"""Recognise file formats by their first bytes."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""the last two are those of BigTIFF"""
COMPANION = ".companion.ome"
"""suffix of an OME header in a separate file"""
BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
"""valid lengths of a BMP header"""
NIFTI_1 = (b"n+1\0", b"ni1\0")
NIFTI_2 = (b"n+2\0", b"ni2\0")
HEAD = 4096
"""number of leading bytes needed to recognise a format"""


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        return file.read(HEAD)


def is_tiff(path: Path, head: bytes) -> bool:
    """Whether a file is a TIFF, or an OME header in a separate file."""
    companion = path.name.lower().endswith(COMPANION) and b"OME" in head
    # The preamble of a DICOM file may start with a TIFF header.
    return (head.startswith(TIFF) and head[128:132] != b"DICM") or companion


def is_png(_: Path, head: bytes) -> bool:
    """Whether a file is a PNG."""
    return head.startswith(b"\x89PNG\r\n\x1a\n")


def is_jpeg(_: Path, head: bytes) -> bool:
    """Whether a file is a JPEG."""
    return head.startswith(b"\xff\xd8\xff")


def is_webp(_: Path, head: bytes) -> bool:
    """Whether a file is a WebP."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def is_bmp(_: Path, head: bytes) -> bool:
    """Whether a file is a BMP; the two letters alone could start a text."""
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in BITMAP_HEADERS


def is_dicom(_: Path, head: bytes) -> bool:
    """Whether a file is a DICOM file, with or without its preamble."""
    if head[128:132] == b"DICM":
        return True
    bare = head[:2] in (b"\x02\0", b"\x08\0") and head[3:4] == b"\0" and len(head) >= 132
    return bare and (head[4:6].isupper() or head[6:8] == b"\0\0")


def is_nifti(path: Path, head: bytes) -> bool:
    """Whether a file is NIfTI, or the pixel file of a pair with a NIfTI header."""
    return _is_nifti_header(head) or _is_nifti_header(header_of_pair(path))


def is_no_file(_: Path, __: bytes) -> bool:
    """Return False, for formats that are folders."""
    return False


def is_no_folder(_: Path) -> bool:
    """Return False, for formats that are files."""
    return False


def header_of_pair(path: Path) -> bytes:
    """Return the start of the NIfTI header of a pixel file, or an empty one."""
    match = re.fullmatch(r"(.+)\.img(\.gz)?", path.name, re.IGNORECASE)
    if not match:
        return b""
    for end in (".hdr", ".HDR", ".hdr.gz"):
        header = path.with_name(match[1] + end)
        if header.is_file():
            return head_of(header)
    return b""


def is_gzip(head: bytes) -> bool:
    """Whether a file is compressed by gzip."""
    return head[:2] == b"\x1f\x8b"


def nifti_version(head: bytes) -> int:
    """Return the version of a NIfTI header, 1 or 2, that pixels follow in the same file; else 0."""
    head = _plain(head)
    return 1 if head[344:348] == NIFTI_1[0] else 2 if head[4:8] == NIFTI_2[0] else 0


def _is_nifti_header(head: bytes) -> bool:
    head = _plain(head)
    return head[344:348] in NIFTI_1 or head[4:8] in NIFTI_2


def _plain(head: bytes) -> bytes:
    if is_gzip(head):
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, 352)
    return head
