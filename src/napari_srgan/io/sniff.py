"""Detect the format of a file or folder from its content."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from .folders import MOST_SNIFFED
from .formats import COMPOUND, FORMATS
from .ome_zarr.metadata import is_zarr
from .signatures import head_of, header_of_pair

__all__ = ["images_in", "kind", "natural", "stem"]

STACKABLE = tuple(each.name for each in FORMATS if each.stackable)
"""formats that make a folder of such files a folder of images"""


def kind(path: Path | str) -> str:
    """Detect the format of a file or folder.

    Reads a few hundred bytes and no pixels. Never raises.

    Returns
    -------
    str
        Name of an entry of `FORMATS`, or ``images`` for a folder of images; empty if `read` does
        not support it, or it is a Zarr array without OME metadata.
    """
    try:
        path = Path(path)
        return _kind_of_folder(path) if path.is_dir() else _kind_of_file(path)
    except Exception:  # damaged files and unusual file systems raise errors of any type
        return ""


def _kind_of_file(path: Path) -> str:
    if not path.is_file():
        return ""
    head = head_of(path)
    return next((each.name for each in FORMATS if each.recognise(path, head)), "")


def _kind_of_folder(path: Path) -> str:
    if found := next((each.name for each in FORMATS if each.recognise_folder(path)), ""):
        return found
    if is_zarr(path):
        return ""  # without axes
    some = itertools.islice((p for p in path.iterdir() if _may_be_image(p)), MOST_SNIFFED)
    return "images" if any(kind(p) in STACKABLE for p in some) else ""


def images_in(folder: Path) -> list[Path]:
    """Return the image files of a folder without its subfolders, in natural order."""
    files = sorted(filter(_may_be_image, folder.iterdir()), key=natural)
    # Of a header and pixel file pair, only the header is listed.
    return [p for p in files if kind(p) in STACKABLE and not header_of_pair(p)]


def _may_be_image(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def natural(path: Path) -> list[tuple[int, str]]:
    """Sort key for natural order: ``z2`` before ``z10``."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def stem(path: Path | str) -> str:
    """Return a file name without the suffix of its format: ``brain`` for ``brain.nii.gz``."""
    name = Path(path).name
    for end in COMPOUND:
        if name.lower().endswith(end) and len(name) > len(end):
            return name[: -len(end)]
    return Path(name).stem or name
