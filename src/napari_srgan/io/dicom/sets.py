"""DICOM files that hold one series together, among files that are named one by one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..sniff import kind

__all__ = ["by_series"]


def by_series(paths: Iterable[Path]) -> list[list[Path]]:
    """Return files in groups: those of one series that lie in one folder, any other alone."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        series = _series(path) if path.is_file() and kind(path) == "DICOM" else ""
        # What is of no series is like nothing else.
        key = (path.parent.resolve(), series) if series else (path.absolute(), "")
        groups.setdefault(key, []).append(path)
    return list(groups.values())


def _series(path: Path) -> str:
    """Return the SeriesInstanceUID of a file, or nothing."""
    try:
        from pydicom import dcmread

        header = dcmread(
            path, force=True, stop_before_pixels=True, specific_tags=["SeriesInstanceUID"]
        )
        return str(header.get("SeriesInstanceUID") or "")
    except Exception:  # whatever pydicom makes of a broken file, or its absence
        return ""
