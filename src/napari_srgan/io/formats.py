"""Registry of file formats: how each is recognised, read and written.

To add a format, write its reader (and writer) in a module or sub-package of its own and add one
entry to `FORMATS`. The readable and writable suffixes, the messages of the command line and the
table in the documentation follow from it; a test compares napari's manifest with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import folders, signatures

if TYPE_CHECKING:
    from .image_file import ImageFile

__all__ = [
    "COMPOUND",
    "FORMATS",
    "READABLE",
    "WRITABLE",
    "Format",
    "ending",
    "format_named",
    "format_of_suffix",
    "table",
    "writer_of",
    "written_by",
]


@dataclass(frozen=True)
class Format:
    """A file format.

    Functions are named ``module:function``, relative to `napari_srgan.io`, so that readers are
    imported on first use.
    """

    name: str
    """name returned by `napari_srgan.io.kind`"""
    suffixes: tuple[str, ...]
    """readable file name suffixes, in lower case"""
    reader: str
    """called with the path and the number of bytes above which pixels stay on disk"""
    recognise: Callable[[Path, bytes], bool]
    """called with the path and the first 4096 bytes of a file"""
    recognise_folder: Callable[[Path], bool] = signatures.is_no_folder
    """called with the path of a folder"""
    writer: str = ""
    """called with path, image and description; empty if the format cannot be written"""
    checker: str = ""
    """called with the path and an image of the same shape and dtype before it is computed; raises
    ValueError if the format cannot store it"""
    written: tuple[str, ...] = ()
    """writable file name suffixes"""
    compound: tuple[str, ...] = ()
    """suffixes with two dots, which are not part of an image's name"""
    extra: str = ""
    """optional dependencies that reading or writing needs: ``pip install napari-srgan[extra]``"""
    stackable: bool = False
    """whether a folder of such files is a folder of images"""
    in_napari: bool = True
    """whether the manifest declares it; napari reads the others itself"""
    result: str = ".tif"
    """default suffix of a result of an image of this format"""

    def read(self, path: Path, limit: int | None) -> list[ImageFile]:
        """Read the images of a file or folder."""
        images: list[ImageFile] = _function(self.reader)(path, limit)
        return images

    def write(self, path: Path, image: ImageFile, description: str) -> Path:
        """Write an image and return the path."""
        written: Path = _function(self.writer)(path, image, description)
        return written

    def check(self, path: Path, image: ImageFile) -> None:
        """Raise ValueError if the format cannot store such an image."""
        _function(self.checker)(path, image)


FORMATS = (
    Format(
        "TIFF",
        (
            *(".tif", ".tiff", ".gtiff"),
            *(".lsm", ".stk", ".svs", ".ndpi", ".scn", ".qptiff"),
            ".companion.ome",
        ),
        "tiff.reader:read_images",
        signatures.is_tiff,
        writer="tiff.writer:write_image",
        checker="tiff.writer:check_image",
        written=(".tif", ".tiff"),
        compound=(".ome.tiff", ".ome.tif", ".companion.ome"),
        stackable=True,
    ),
    Format(
        "PNG",
        (".png",),
        "tiff.reader:read_images",
        signatures.is_png,
        writer="tiff.writer:write_image",
        checker="tiff.writer:check_image",
        written=(".png",),
        stackable=True,
        in_napari=False,
    ),
    Format(
        "JPEG",
        (".jpg", ".jpeg"),
        "tiff.reader:read_images",
        signatures.is_jpeg,
        stackable=True,
        in_napari=False,
    ),
    Format(
        "WebP",
        (".webp",),
        "tiff.reader:read_images",
        signatures.is_webp,
        stackable=True,
        in_napari=False,
    ),
    Format(
        "BMP",
        (".bmp",),
        "tiff.reader:read_images",
        signatures.is_bmp,
        stackable=True,
        in_napari=False,
    ),
    Format(
        "NIfTI",
        (".nii", ".nii.gz", ".hdr", ".img"),
        "nifti.volume:read_nifti",
        signatures.is_nifti,
        writer="nifti.volume:write_nifti",
        checker="nifti.volume:check_image",
        written=(".nii", ".nii.gz"),
        compound=(".nii.gz", ".hdr.gz", ".img.gz"),
        extra="medical",
        stackable=True,
        result=".nii.gz",
    ),
    Format(
        "DICOM",
        (".dcm", ".ima"),
        "dicom.reader:read_dicom",
        signatures.is_dicom,
        folders.is_dicom_series,
        extra="medical",
        result=".nii.gz",
    ),
    Format(
        "OME-Zarr",
        (".zarr",),
        "ome_zarr.reader:read_ome_zarr",
        signatures.is_no_file,
        folders.is_ome_zarr,
        writer="ome_zarr.writer:write_ome_zarr",
        checker="ome_zarr.writer:check_image",
        written=(".zarr",),
        compound=(".ome.zarr",),
        result=".zarr",
    ),
)
COMMON = tuple(suffix for each in FORMATS for suffix in each.suffixes[:2])
READABLE = (*COMMON, *(suffix for each in FORMATS for suffix in each.suffixes[2:]))
"""readable file name suffixes"""
WRITABLE = tuple(suffix for each in FORMATS for suffix in each.written)
"""writable file name suffixes"""
COMPOUND = tuple(suffix for each in FORMATS for suffix in each.compound)
"""suffixes with two dots"""


def format_named(name: str) -> Format | None:
    """Return the format with a name of `napari_srgan.io.kind`, or None."""
    return next((each for each in FORMATS if each.name == name), None)


def format_of_suffix(path: Path) -> Format | None:
    """Return the format of a file name suffix, or None; its reader reports what is wrong."""
    if path.is_dir():
        return None
    name = path.name.lower()
    return next((each for each in FORMATS if name.endswith(each.suffixes)), None)


def writer_of(suffix: str) -> Format:
    """Return the format of a suffix in `WRITABLE`."""
    return next(each for each in FORMATS if suffix in each.written)


def written_by(writer: str) -> tuple[str, ...]:
    """Return the suffixes that a function of the registry writes."""
    return tuple(suffix for each in FORMATS if each.writer == writer for suffix in each.written)


def ending(path: Path) -> str:
    """Return the suffix in `WRITABLE` that a file name ends with, or an empty string."""
    name = path.name.lower()
    return max((end for end in WRITABLE if name.endswith(end)), key=len, default="")


def table() -> str:
    """Return all formats as a table in Markdown."""
    lines = ["| format | read | written | needs |", "|---|---|---|---|"]
    for each in FORMATS:
        needs = f"`napari-srgan[{each.extra}]`" if each.extra else ""
        cells = [
            each.name,
            *(" ".join(f"`{s}`" for s in group) for group in (each.suffixes, each.written)),
            needs,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _function(named: str) -> Callable[..., Any]:
    module, _, function = named.partition(":")
    found: Callable[..., Any] = getattr(import_module(f".{module}", __package__), function)
    return found
