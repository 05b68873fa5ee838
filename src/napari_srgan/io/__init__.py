"""Reads and writes image files with their pixel size; knows neither torch nor napari."""

from .files import LAZY_OVER, WRITABLE, check_writable, default_limit, ending, read, write
from .kinds import READABLE, kind, stem
from .naming import finest_plane, named
from .ome_sets import once_each
from .record import Channel, GeoReference, ImageFile

__all__ = [
    "LAZY_OVER",
    "READABLE",
    "WRITABLE",
    "Channel",
    "GeoReference",
    "ImageFile",
    "check_writable",
    "default_limit",
    "ending",
    "finest_plane",
    "kind",
    "named",
    "once_each",
    "read",
    "stem",
    "write",
]
