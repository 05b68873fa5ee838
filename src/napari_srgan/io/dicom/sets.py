"""Group DICOM files of the same series in a list of files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..sniff import kind

__all__ = ["by_series", "series_of"]


def by_series(paths: Iterable[Path]) -> list[list[Path]]:
    """Group the files of one series in one folder; other files are groups of their own."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        series = series_of(path)
        # A file without a series is unique.
        key = (path.parent.resolve(), series) if series else (path.absolute(), "")
        groups.setdefault(key, []).append(path)
    return list(groups.values())


def series_of(path: Path) -> str:
    """Return the SeriesInstanceUID of a file, or an empty text if it has none."""
    if not path.is_file() or kind(path) != "DICOM":
        return ""
    try:
        from pydicom import dcmread

        header = dcmread(
            path, force=True, stop_before_pixels=True, specific_tags=["SeriesInstanceUID"]
        )
        return str(header.get("SeriesInstanceUID") or "")
    except Exception:  # pydicom is missing, or raises errors of any type for damaged files
        return ""
