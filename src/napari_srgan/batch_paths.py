"""What the paths of a command line stand for: images that are read, files that are written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path

from .io import (
    FORMATS,
    READABLE,
    WRITABLE,
    by_series,
    format_named,
    kind,
    once_each,
    stem,
)
from .io.ome_zarr.plain_zarr import is_zarr


@dataclass(frozen=True)
class Job:
    """An image file and where its result goes."""

    source: Path
    target: Path
    named: bool = False
    """whether the target was named as a file, and not only its folder"""
    others: tuple[Path, ...] = ()
    """further files of the same image: slices of one DICOM series"""


@dataclass(frozen=True)
class Failure:
    """What could not be done, and why."""

    source: str
    reason: str


def find_jobs(given: Sequence[str], out: str) -> tuple[list[Job], list[Failure]]:
    """Pair what is read with what is written.

    Parameters
    ----------
    given
        Files, folders and patterns, in which ``**`` descends and ``~`` is home.
    out
        A file or a folder; one that ends with a slash is a folder.

    Returns
    -------
    list of Job
        In order and without repetition.
    list of Failure
        What is given and not there, where something else is.

    Raises
    ------
    FileNotFoundError
        If there is no image at all.
    ValueError
        If several images are to go into one file, or an image would be overwritten by a result.

    Notes
    -----
    Nothing is created here, so that an error in an option leaves nothing behind.
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
    # A set of files that hold one image together is given by the first of them.
    images = {first: others for first, *others in by_series(once_each(found.values()))}
    jobs = [
        replace(job, others=tuple(images[job.source]))
        for job in pair({path: below[path] for path in images}, out)
    ]
    # A hard link is the same file by another name.
    originals = {_identity(path): path for path in found.values()}
    for job in jobs:
        if job.target.exists() and _identity(job.target) in originals:
            original = originals[_identity(job.target)]
            raise ValueError(
                f"{original}: the result would overwrite the image; choose another folder"
            )
    return jobs, failures


def pair(below: Mapping[Path, Path], out: str) -> list[Job]:
    """Return where the result of each image goes, which other images have no part in.

    Parameters
    ----------
    below
        The images, each with the folders that it keeps below OUT.
    out
        A file or a folder.
    """
    place, paths = home(out), list(below)
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
    """Whether OUT means a folder for results and not a file.

    Raises
    ------
    ValueError
        If it is neither: an OME-Zarr image or a file of another kind, or nothing that can be made.
    """
    place = home(out)
    slash = out.endswith(tuple(s for s in (os.sep, os.altsep) if s))
    if place.is_dir() and is_zarr(place) and (slash or place.suffix.lower() != ".zarr"):
        raise ValueError(f"{out}: is a Zarr, not a folder for results; choose another folder")
    if place.exists() and not place.is_dir() and (slash or not place.suffix):
        raise ValueError(f"{out}: is a file{' without a suffix' * (not slash)}, not a folder")
    if slash or (place.is_dir() and place.suffix.lower() != ".zarr"):
        return True
    if _writable(place):
        return False
    if place.suffix and not place.is_dir():
        raise ValueError(
            f"{out}: cannot be written; allowed are {', '.join(WRITABLE)} or a folder, whose name "
            f"ends with {os.sep} where it has a dot"
        )
    return True


def _writable(path: Path) -> bool:
    return path.name.lower().endswith(WRITABLE)


def sources(given: str) -> list[Path]:
    """Return the images that a path or a pattern stands for, sorted.

    Hidden files of a folder, such as macOS's ``._image.tif``, are none.
    """
    path = home(given)
    if path.is_dir():
        # A folder may be one image itself.
        if kind(path) == "OME-Zarr" or is_zarr(path):
            return [path]
        images = readable(p for p in path.iterdir() if not p.name.startswith("."))
        if kind(path) != "DICOM":
            return images
        # It stands for the series in it, beside which there may be other images.
        dicom = next(each.suffixes for each in FORMATS if each.name == "DICOM")
        return [path, *(p for p in images if kind(p) != "DICOM" and p.suffix.lower() not in dicom)]
    return [path] if path.is_file() else readable(map(Path, glob(str(path), recursive=True)))


def folder_below(given: str, path: Path) -> Path:
    """Return the folders of an image that come after the fixed part of its pattern."""
    pattern = home(given)
    if pattern.exists() or not path.is_relative_to(fixed := _fixed(pattern)):
        return Path()
    return path.relative_to(fixed).parent


def _fixed(pattern: Path) -> Path:
    """Return what comes before the first part of a pattern that stands for several names."""
    return Path(*takewhile(lambda part: not has_magic(part), pattern.parts))


def readable(paths: Iterable[Path]) -> list[Path]:
    """Return those whose names are of images, sorted."""
    named = sorted(p for p in paths if p.name.lower().endswith(READABLE))
    # Of a pair of header and pixels, the header stands for both.
    return [p for p in named if p.suffix != ".img" or p.with_suffix(".hdr") not in named]


def home(given: str) -> Path:
    """Return a path with the home folder in the place of ``~``, unless there is such a name."""
    return Path(given if os.path.lexists(given) else os.path.expanduser(given))


def result_name(path: Path) -> str:
    """Return the name of an image's result, whose format keeps what the image's says."""
    found = format_named(kind(path))
    end = ".zarr" if path.is_dir() and is_zarr(path) else found.result if found else ".tif"
    return f"{stem(path)}{end}"


def _identity(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_dev, stat.st_ino
