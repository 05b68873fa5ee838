"""Resolve the paths of a command line to pairs of input and output files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path

from .io import FORMATS, READABLE, WRITABLE, by_series, format_named, kind, once_each, stem
from .io.ome_zarr.plain_zarr import is_zarr


@dataclass(frozen=True)
class Job:
    """An input file and its output file."""

    source: Path
    target: Path
    named: bool = False
    """whether the user named the target file itself, not only its folder"""
    others: tuple[Path, ...] = ()
    """further files of the same image, such as the slices of a DICOM series"""


@dataclass(frozen=True)
class Failure:
    """An input that failed, and the reason."""

    source: str
    reason: str


def find_jobs(given: Sequence[str], out: str) -> tuple[list[Job], list[Failure]]:
    """Pair input files with output files.

    Parameters
    ----------
    given
        Files, folders and glob patterns; ``**`` is recursive, ``~`` is the home folder.
    out
        A file or a folder; a path that ends with a slash is a folder.

    Returns
    -------
    list of Job
        In the order given, without duplicates.
    list of Failure
        Inputs without any image, if others have some.

    Raises
    ------
    FileNotFoundError
        If there is no image at all.
    ValueError
        If several images would go into one file, or a result would overwrite an input.

    Notes
    -----
    No files are created here, so that invalid options leave nothing behind.
    """
    found: dict[Path, Path] = {}
    below: dict[Path, Path] = {}
    failures = []
    for text in given:
        paths = sources(text)
        if not paths:
            failures.append(Failure(text, f"no image there ({', '.join(READABLE)})"))
        for path in paths:
            if found.setdefault(path.resolve(), path) is path:
                below[path] = folder_below(text, path)
    if not found:
        first = failures[0]
        raise FileNotFoundError(f"{first.source}: {first.reason}")
    # Files that form one image together are represented by the first of them.
    images = {first: others for first, *others in by_series(once_each(found.values()))}
    jobs = [
        replace(job, others=tuple(images[job.source]))
        for job in pair({path: below[path] for path in images}, out)
    ]
    # Compare inodes, since a hard link is the same file under another name.
    originals = {_identity(path): path for path in found.values()}
    for job in jobs:
        if job.target.exists() and _identity(job.target) in originals:
            original = originals[_identity(job.target)]
            raise ValueError(
                f"{original}: the result would overwrite the image; choose another folder"
            )
    return jobs, failures


def pair(below: Mapping[Path, Path], out: str) -> list[Job]:
    """Return a job with a distinct output file for each image.

    Parameters
    ----------
    below
        Images, each with its subfolder below OUT.
    out
        A file or a folder.

    Raises
    ------
    ValueError
        If several images would go into one file.
    """
    place, paths = expand_home(out), list(below)
    if not is_folder(out):
        if len(paths) > 1:
            there = ", which is there already" if place.exists() else ""
            raise ValueError(
                f"{len(paths)} images cannot go into the one file {out}{there}; name a folder last"
            )
        return [Job(paths[0], place, named=True)]
    first: dict[Path, Path] = {}
    for path, folders in below.items():
        target = place / folders / result_name(path)
        if target in first:
            other = first[target]
            pattern = " or, in quotes, a pattern such as '*/*.tif', which keeps their folders"
            raise ValueError(
                f"{other} and {path} would go into the one file {target}; give them different "
                f"names{pattern if other.parent != path.parent else ''}"
            )
        first[target] = path
    return [Job(path, target) for target, path in first.items()]


def is_folder(out: str) -> bool:
    """Whether OUT is a folder for results, not a file.

    Raises
    ------
    ValueError
        If it is neither: an OME-Zarr image, an existing file of another format, or a name without a
        writable suffix.
    """
    place = expand_home(out)
    slash = out.endswith(tuple(s for s in (os.sep, os.altsep) if s))
    if place.is_dir() and is_zarr(place) and (slash or place.suffix.lower() != ".zarr"):
        raise ValueError(f"{out}: is a Zarr, not a folder for results; choose another folder")
    if place.exists() and not place.is_dir() and (slash or not place.suffix):
        raise ValueError(f"{out}: is a file{' without a suffix' * (not slash)}, not a folder")
    if slash or (place.is_dir() and place.suffix.lower() != ".zarr"):
        return True
    if _is_writable(place):
        return False
    if place.suffix and not place.is_dir():
        raise ValueError(
            f"{out}: cannot be written; allowed are {', '.join(WRITABLE)} or a folder, whose name "
            f"ends with {os.sep} where it has a dot"
        )
    return True


def _is_writable(path: Path) -> bool:
    return path.name.lower().endswith(WRITABLE)


def sources(given: str) -> list[Path]:
    """Return the sorted images that a path or a pattern matches.

    Hidden files in a folder, such as macOS's ``._image.tif``, are ignored.
    """
    path = expand_home(given)
    if path.is_dir():
        # A folder may itself be an image.
        if kind(path) == "OME-Zarr" or is_zarr(path):
            return [path]
        images = image_paths(p for p in path.iterdir() if not p.name.startswith("."))
        if kind(path) != "DICOM":
            return images
        # The folder represents its DICOM series; images of other formats are separate.
        dicom = next(each.suffixes for each in FORMATS if each.name == "DICOM")
        return [path, *(p for p in images if kind(p) != "DICOM" and p.suffix.lower() not in dicom)]
    return [path] if path.is_file() else image_paths(map(Path, glob(str(path), recursive=True)))


def folder_below(given: str, path: Path) -> Path:
    """Return the folders of an image relative to the fixed part of its pattern."""
    pattern = expand_home(given)
    if pattern.exists() or not path.is_relative_to(fixed := _fixed_part(pattern)):
        return Path()
    return path.relative_to(fixed).parent


def _fixed_part(pattern: Path) -> Path:
    """Return the leading parts of a pattern that contain no wildcard."""
    return Path(*takewhile(lambda part: not has_magic(part), pattern.parts))


def image_paths(paths: Iterable[Path]) -> list[Path]:
    """Return the paths with an image suffix, sorted."""
    named = sorted(p for p in paths if p.name.lower().endswith(READABLE))
    # Of a header and pixel file pair, only the header is listed.
    return [p for p in named if p.suffix != ".img" or p.with_suffix(".hdr") not in named]


def expand_home(given: str) -> Path:
    """Expand ``~`` to the home folder, unless a file of that literal name exists."""
    return Path(given if os.path.lexists(given) else os.path.expanduser(given))


def result_name(path: Path) -> str:
    """Return the file name of a result, in a format that stores the metadata of the image."""
    found = format_named(kind(path))
    end = ".zarr" if path.is_dir() and is_zarr(path) else found.result if found else ".tif"
    return f"{stem(path)}{end}"


def _identity(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_dev, stat.st_ino
