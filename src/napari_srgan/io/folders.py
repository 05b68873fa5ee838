"""Recognise file formats that are folders."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from .signatures import head_of, is_dicom

__all__ = ["MOST_SNIFFED", "is_dicom_series", "is_ome_zarr"]

MOST_SNIFFED = 64
"""maximal number of files of a folder that are examined"""


def is_ome_zarr(path: Path) -> bool:
    """Whether a folder is an OME-Zarr image, plate or collection."""
    from .ome_zarr.metadata import attributes_of  # on use: the command line loads the registry

    try:
        found = attributes_of(path)
    except ValueError:
        return False
    return bool({"multiscales", "bioformats2raw.layout", "plate", "well"} & found.keys())


def is_dicom_series(path: Path) -> bool:
    """Whether a folder holds DICOM files, also in subfolders or beside other files."""
    from .ome_zarr.metadata import is_zarr

    if is_zarr(path) or is_ome_zarr(path):
        return False
    files = (Path(folder) / name for folder, _, names in os.walk(path) for name in sorted(names))
    some = itertools.islice(files, MOST_SNIFFED)
    return any(file.is_file() and is_dicom(file, head_of(file)) for file in some)
