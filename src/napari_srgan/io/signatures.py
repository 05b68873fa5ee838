"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

from pathlib import Path

SIGNATURES = {
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF
    b"MM\0+": "TIFF",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
}
BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
"""lengths of the header of a BMP"""

SUFFIXES = (
    *(".tif", ".tiff", ".png", ".jpg", ".jpeg", ".webp", ".bmp"),
    *(".lsm", ".stk", ".svs", ".ndpi", ".scn", ".qptiff"),
)
"""ends of the names of such files; the last are what microscopes and slide scanners call a TIFF"""


def signature(path: Path) -> str:
    """Return ``TIFF``, ``PNG``, ``JPEG``, ``WebP`` or ``BMP``, or nothing for another file.

    Raises
    ------
    OSError
        If the system does not give it out.
    """
    with path.open("rb") as file:
        start = file.read(18)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    # Two letters alone might begin a text.
    if start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in BITMAP_HEADERS:
        return "BMP"
    return next((name for magic, name in SIGNATURES.items() if start.startswith(magic)), "")
