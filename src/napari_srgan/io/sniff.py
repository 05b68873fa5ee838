"""What a file or folder is by what is in it, whatever its name says."""

from __future__ import annotations

import itertools
import os
import re
import zlib
from pathlib import Path

from .dicom.frames import looks_like_dicom
from .ome_zarr.metadata import attributes_of
from .signatures import SUFFIXES, signature
from .tiff.ome_companion import COMPANION

__all__ = ["READABLE", "images_in", "kind", "natural", "stem"]

READABLE = (
    *SUFFIXES,
    *(".nii", ".nii.gz", ".hdr", ".img", ".dcm", ".zarr"),
    COMPANION,
)
"""ends of names of what is usually readable"""
DOUBLE = (COMPANION, ".ome.tiff", ".ome.tif", ".ome.zarr", ".nii.gz", ".hdr.gz", ".img.gz")
"""ends of names that hold two dots"""
MOST_SNIFFED = 64
"""files of a folder whose first bytes are looked at"""
NIFTI_MAGIC = (b"n+1\0", b"ni1\0", b"n+2\0", b"ni2\0")
IMAGES = ("TIFF", "PNG", "JPEG", "WebP", "BMP", "NIfTI")
"""kinds of files that make a folder one of images"""


def kind(path: Path | str) -> str:
    """Say what a file or folder is.

    A few hundred bytes are read: nothing of the pixels. It never raises.

    Returns
    -------
    str
        ``TIFF``, ``PNG``, ``JPEG``, ``WebP``, ``BMP``, ``NIfTI`` or ``DICOM`` of a file, and
        ``OME-Zarr``, ``DICOM`` or ``images`` of a folder; nothing where `read` could not help.
    """
    try:
        path = Path(path)
        return _kind_of_folder(path) if path.is_dir() else _kind_of_file(path)
    except Exception:  # whatever a broken file or a strange system makes of it
        return ""


def _kind_of_file(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        head = file.read(4096)
    # Before these letters stands what the writer likes, such as the beginning of a TIFF.
    if head[128:132] == b"DICM":
        return "DICOM"
    if name := signature(path):
        return name
    if path.name.lower().endswith(COMPANION) and b"OME" in head:
        return "TIFF"
    if _is_nifti(head) or (_pair_of(path) and _is_nifti(_pair_of(path)[:4096])):
        return "NIfTI"
    return "DICOM" if looks_like_dicom(path) else ""


def _is_nifti(head: bytes) -> bool:
    if head[:2] == b"\x1f\x8b":
        head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, 352)
    return head[344:348] in NIFTI_MAGIC[:2] or head[4:8] in NIFTI_MAGIC[2:]


def _pair_of(path: Path) -> bytes:
    """Return the start of the header that belongs to a file of bare pixels, if there is one."""
    match = re.fullmatch(r"(.+)\.img(\.gz)?", path.name, re.IGNORECASE)
    if not match:
        return b""
    for end in (".hdr", ".HDR", ".hdr.gz"):
        header = path.with_name(match[1] + end)
        if header.is_file():
            with header.open("rb") as file:
                return file.read(4096)
    return b""


def _kind_of_folder(path: Path) -> str:
    try:
        found = attributes_of(path)
    except ValueError:
        found = {}
    if {"multiscales", "bioformats2raw.layout", "plate", "well"} & found.keys():
        return "OME-Zarr"
    if any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray")):
        return ""  # a Zarr without axes
    files = (Path(folder) / name for folder, _, names in os.walk(path) for name in sorted(names))
    # A series may lie in subfolders, beside a list of its files or a text.
    if any(_is_dicom(file) for file in itertools.islice(files, MOST_SNIFFED)):
        return "DICOM"
    some = itertools.islice((p for p in path.iterdir() if _may_be_image(p)), MOST_SNIFFED)
    return "images" if any(kind(p) in IMAGES for p in some) else ""


def _is_dicom(path: Path) -> bool:
    return path.is_file() and _kind_of_file(path) == "DICOM"


def images_in(folder: Path) -> list[Path]:
    """Return the image files of a folder, not of its subfolders, sorted as a person would."""
    files = sorted(filter(_may_be_image, folder.iterdir()), key=natural)
    # The pixels of a pair are read with its header.
    return [p for p in files if kind(p) in IMAGES and not _pair_of(p)]


def _may_be_image(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def natural(path: Path) -> list[tuple[int, str]]:
    """Return what sorts ``z2`` before ``z10``."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def stem(path: Path | str) -> str:
    """Return a name without what says its format: ``brain`` of ``brain.nii.gz``."""
    name = Path(path).name
    for end in DOUBLE:
        if name.lower().endswith(end) and len(name) > len(end):
            return name[: -len(end)]
    return Path(name).stem or name
