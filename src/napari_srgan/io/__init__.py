"""Read and write image files with pixel size, units and position. Independent of napari's layers.

Each name is imported on first use, so that importing one does not load all readers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dicom.sets import by_series
    from .files import LAZY_OVER, check_writable, default_limit, read, write
    from .formats import FORMATS, READABLE, WRITABLE, ending, format_named
    from .image_file import Channel, GeoReference, ImageFile
    from .rename_axes import finest_plane, named
    from .sniff import kind, stem
    from .tiff.ome_sets import once_each

_HOMES = {
    ".dicom.sets": ("by_series",),
    ".files": (
        "LAZY_OVER",
        "check_writable",
        "default_limit",
        "read",
        "write",
    ),
    ".formats": ("FORMATS", "READABLE", "WRITABLE", "ending", "format_named"),
    ".sniff": ("kind", "stem"),
    ".rename_axes": ("finest_plane", "named"),
    ".tiff.ome_sets": ("once_each",),
    ".image_file": ("Channel", "GeoReference", "ImageFile"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "FORMATS",
    "LAZY_OVER",
    "READABLE",
    "WRITABLE",
    "Channel",
    "GeoReference",
    "ImageFile",
    "by_series",
    "check_writable",
    "default_limit",
    "ending",
    "finest_plane",
    "format_named",
    "kind",
    "named",
    "once_each",
    "read",
    "stem",
    "write",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name], __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
