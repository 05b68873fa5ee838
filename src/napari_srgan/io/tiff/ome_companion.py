"""OME headers in separate files (``.companion.ome``)."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from ..signatures import COMPANION, head_of, is_tiff

__all__ = ["COMPANION", "ELSEWHERE", "NAMED", "companion_of", "header_in", "pixels_of"]

LONGEST = 64 << 20
"""maximal bytes of a header"""
NAMED = re.compile(r"<(?:\w+:)?UUID\s[^>]*?FileName\s*=\s*[\"']([^\"']+)[\"']")
"""file names of planes in a header"""
ELSEWHERE = re.compile(r"<(?:\w+:)?BinaryOnly\s[^>]*?MetadataFile\s*=\s*[\"']([^\"']+)[\"']")
"""file name of the header in a file without one"""


def companion_of(path: Path, text: str) -> Path | None:
    """Return the companion file of a TIFF with this description, if it exists."""
    match = ELSEWHERE.search(text[:4096])
    name = unescape(match[1]) if match else ""
    if Path(name).name != name or not name.lower().endswith(COMPANION):
        return None
    other = path.with_name(name)
    return other if other.is_file() else None


def header_in(path: Path) -> str:
    """Read the header in a companion file.

    Raises
    ------
    ValueError
        If it is not an OME header.
    """
    if path.stat().st_size > LONGEST:
        raise ValueError(f"{path.name} is longer than {LONGEST} bytes; it is no header")
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.rstrip().endswith("OME>"):
        raise ValueError(f"{path.name} is no OME header")
    return text


def pixels_of(path: Path) -> Path:
    """Return the first existing TIFF that a companion file names.

    Raises
    ------
    ValueError
        If none of them exists.
    """
    names = [unescape(name) for name in NAMED.findall(header_in(path))]
    for name in names:
        other = path.with_name(name) if Path(name).name == name else path
        if other != path and other.is_file() and is_tiff(other, head_of(other)):
            return other
    said = f": {names[0]}" if names else ""
    raise ValueError(f"none of the TIFFs that it names is beside it{said}")
