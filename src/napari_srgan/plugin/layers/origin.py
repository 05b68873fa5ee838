"""Where the data of a layer come from: the record of its file."""

from __future__ import annotations

from dataclasses import dataclass

from ...io import ImageFile

ORIGIN_KEY = "napari_srgan_file"
"""metadata key of a layer for its `Origin`"""
PROVENANCE_KEY = "napari_srgan"
"""metadata key of a layer for its provenance"""


@dataclass(frozen=True)
class Origin:
    """The file that a layer was read from, without its pixels; used when writing."""

    path: str
    """path of the file"""
    record: ImageFile
    """metadata of the file; ``data`` is None"""
    axes: str | None
    """axes of the layer, with S"""
    shape: tuple[int, ...]
    """shape of the layer when it was read"""
    channel: int | None = None
    """channel index, if the channels are separate layers"""
