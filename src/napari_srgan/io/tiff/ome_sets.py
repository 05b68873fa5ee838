"""Multi-file OME-TIFF: sets of files whose headers name all of them."""

from __future__ import annotations

from collections.abc import Iterable
from html import unescape
from pathlib import Path

from ..signatures import head_of, is_tiff
from .ome_companion import COMPANION, ELSEWHERE, NAMED, companion_of, header_in

__all__ = ["header_file", "once_each", "set_of"]


def once_each(paths: Iterable[Path]) -> list[Path]:
    """Return the files without those whose image is represented by an earlier one."""
    kept: list[Path] = []
    held: set[Path] = set()
    for path in paths:
        own = path.absolute()
        if own not in held:
            kept.append(path)
            held |= set_of(path) - {own}
    return kept


def set_of(path: Path) -> set[Path]:
    """Return the files that form an image together with this one, itself included.

    For a file that is not part of a set, not a TIFF, or damaged, it is the file alone.
    """
    alone = {path.absolute()}
    try:
        if path.name.lower().endswith(COMPANION):
            text = header_in(path)
            return alone | _named_in(path, text)
        if not is_tiff(path, head_of(path)):
            return alone
        text = _header(path)
        if other := companion_of(path, text):
            return alone | {other.absolute()} | _named_in(other, header_in(other))
        if other := header_file(path, text):
            text = _header(other)
            alone.add(other.absolute())
        found = _named_in(path, text)
    except Exception:  # tifffile raises errors of any type for damaged files
        return alone
    # A renamed copy is not among the files that its header names.
    return found | alone if alone <= found or len(alone) > 1 else alone


def _named_in(path: Path, text: str) -> set[Path]:
    """Return the files in the same folder that a header names."""
    named = {unescape(name) for name in NAMED.findall(text)}
    return {path.absolute().with_name(name) for name in named if Path(name).name == name}


def header_file(path: Path, text: str) -> Path | None:
    """Return the TIFF that holds the header of a set, if the file refers to one (BinaryOnly)."""
    match = ELSEWHERE.search(text[:4096])
    name = unescape(match[1]) if match else ""
    if not name or Path(name).name != name or name == path.name:
        return None
    other = path.with_name(name)
    return other if other.is_file() and is_tiff(other, head_of(other)) else None


def _header(path: Path) -> str:
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        return str(page.description) if page.is_ome else ""
