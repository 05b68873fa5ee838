"""Slices, volumes and series with their place in the body from DICOM files."""

from __future__ import annotations

import itertools
import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .dicom_frames import Frame, looks_like_dicom, read_frames
from .dicom_pixels import planes
from .dicom_series import affine_of, groups_of, stacks_of
from .guard import reading
from .orientation import voxel_size
from .record import Channel, ImageFile

__all__ = ["read_dicom"]

SLAB = 2**25
"""bytes that a lazy array reads at a time from a file of many frames"""


def read_dicom(
    path: Path | str | Sequence[Path | str], limit: int | None = None
) -> list[ImageFile]:
    """Read a DICOM file, the series in a folder, or those of a list of files.

    The slices of a series lie in the order of their positions along their normal, from which
    their distance is computed too. Frames at one position are T; so are files without a position.
    Y and X are the rows and columns as they were acquired: unlike a NIfTI file's they are not
    turned, since a scanner's plane is where its pixels are fine.

    Parameters
    ----------
    path
        A file, a list of files, or a folder, which is searched with its subfolders. What is no
        DICOM image in it is left out; links that lead out of it are not followed.
    limit
        Bytes of pixels above which an array is a lazy one (dask).

    Returns
    -------
    list of ImageFile
        One for each series, named by its description; several for one whose images differ in size,
        orientation, type or echo. Intensities are rescaled (Hounsfield units, Gy). They are
        integers where the slope is 1, else float32. ``affine`` is in mm. Of MONOCHROME1 images,
        where the largest value is black, the values are kept and the window's ends are swapped:
        ``Channel.window`` is still (black, white). ``metadata`` has pydicom's ``header`` of the
        first plane, and under ``missing`` and ``irregular`` what a warning has said of its slices.

    Raises
    ------
    ValueError
        If there is no DICOM image, it is not whole, or needs a decoder; or pydicom is absent.
    OSError
        If there is no such file, or the system does not give it out.
    MemoryError
        If the pixels do not fit into memory.

    Warns
    -----
    UserWarning
        If files of a folder are left out since they are damaged, or slices are missing.
    """
    paths = [Path(p) for p in ([path] if isinstance(path, (str, Path)) else path)]
    path = paths[0]
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise ValueError('DICOM files need pydicom: pip install "napari-srgan[medical]"') from error
    frames = [frame for part in paths for frame in _frames_of(part)]
    if not frames:
        raise ValueError(f"{path}: cannot be read (there is no DICOM image in it)")
    records: list[ImageFile] = []
    for group in groups_of(frames):
        for stack in stacks_of(group):
            with reading(path):
                record = _record(stack, limit)
            records.append(record)
            if doubt := _doubt(record):
                warnings.warn(f"{path}: {doubt}", stacklevel=2)
    return _named_apart(records)


def _frames_of(path: Path) -> list[Frame]:
    """Return the planes of a file or of a folder."""
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    if not looks_like_dicom(path):
        raise ValueError(f"{path}: cannot be read (it is no DICOM file)")
    return read_frames(path)


def _doubt(record: ImageFile) -> str:
    """Return what a user should know of the distance of slices."""
    said = []
    if missing := record.metadata.get("missing"):
        said.append(f"{missing} of its slices are missing")
    if record.metadata.get("irregular"):
        said.append("its slices are not evenly spaced")
    if not said:
        return ""
    return (
        f"{record.name}: {' and '.join(said)}; the distance of most of them, "
        f"{record.pixel_size['Z']:.6g} mm, is taken for all"
    )


def _folder(path: Path) -> list[Frame]:
    """Return the planes of all files of a folder."""
    frames: list[Frame] = []
    damaged: list[tuple[str, Exception]] = []
    seen: set[str] = set()
    root = path.resolve()
    for folder, subfolders, names in os.walk(path):
        subfolders.sort()
        for file in (Path(folder) / name for name in sorted(names)):
            if not file.is_file() or not file.resolve().is_relative_to(root):
                continue
            if file.name == "DICOMDIR":
                continue
            try:
                new = read_frames(file) if looks_like_dicom(file) else []
            except (ValueError, OSError) as error:
                damaged.append((str(file.relative_to(path)), error))
                continue
            # One image may have been copied there twice.
            if new and new[0].source.image not in seen:
                frames += new
                seen.add(new[0].source.image)
    if damaged and not frames:
        raise damaged[0][1]
    if damaged:
        more = ", …" if len(damaged) > 5 else ""
        warnings.warn(
            f"{path}: {len(damaged)} damaged files are left out: "
            f"{', '.join(name for name, _ in damaged[:5])}{more}",
            stacklevel=5,
        )
    return frames


def _record(stack: Sequence[Sequence[Frame]], limit: int | None) -> ImageFile:
    first = stack[0][0]
    header = first.source.header
    metadata: dict[str, Any] = {"header": header}
    affine = None
    size = dict(zip("YX", first.spacing, strict=True)) if first.spacing else {}
    if first.position and first.spacing:
        affine = affine_of(stack[0], metadata)
        size = voxel_size(affine)
        if len(stack[0]) == 1:
            del size["Z"]
    if first.source.frame_time and all(slices[0].source is first.source for slices in stack):
        size |= {"T": first.source.frame_time} if len(stack) > 1 else {}
    voxels = _Planes(stack)
    letters = "".join(a for a, n in zip("TZ", voxels.shape, strict=False) if n > 1)
    drop = tuple(0 if n == 1 else slice(None) for n in voxels.shape[:2])
    lazy = limit is not None and math.prod(voxels.shape) * voxels.dtype.itemsize > limit
    data = (voxels.lazy() if lazy else voxels[(slice(None),) * len(voxels.shape)])[drop]
    colours = len(first.source.shape) == 3
    window = first.window
    if header.get("PhotometricInterpretation") == "MONOCHROME1":
        metadata["monochrome1"] = True
        if window is None and first.source.dtype.kind in "iu":
            window = tuple(  # type: ignore[assignment]
                first.slope * end + first.intercept for end in _range(first)
            )
        window = window and (window[1], window[0])
    name = next(
        (
            text
            for tag in ("SeriesDescription", "ProtocolName", "Modality")
            if (text := str(header.get(tag) or "").strip())
        ),
        "",
    )
    return ImageFile(
        data,
        f"{letters}YX{'S' if colours else ''}",
        size,
        unit="mm",
        name=name,
        channels=(Channel(window=window),) if window and not colours else (),
        affine=affine,
        metadata=metadata,
    )


def _range(frame: Frame) -> tuple[int, int]:
    """Return the least and largest number that the bits of a plane can hold."""
    bits = frame.source.bits
    if frame.source.dtype.kind == "i":
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


class _Planes:
    """The intensities of planes as ``(T, Z, Y, X)`` or ``(T, Z, Y, X, S)``, as dask takes them."""

    def __init__(self, stack: Sequence[Sequence[Frame]]) -> None:
        self.frames = [frame for slices in stack for frame in slices]
        first = self.frames[0]
        self.shape = (len(stack), len(stack[0]), *first.source.shape)
        self.ndim = len(self.shape)
        self.dtype = self._smallest()

    def _smallest(self) -> np.dtype[Any]:
        """Return the dtype that holds the rescaled intensities of all planes."""
        stored = self.frames[0].source.dtype
        if len(self.frames[0].source.shape) == 3:
            return stored
        rescales = {(frame.slope, frame.intercept) for frame in self.frames}
        if rescales == {(1.0, 0.0)}:
            return stored
        if stored.kind in "iu" and all(
            slope == 1 and intercept.is_integer() for slope, intercept in rescales
        ):
            ends = [end + frame.intercept for frame in self.frames for end in _range(frame)]
            for name in ("int16", "int32"):
                if np.iinfo(name).min <= min(ends) and max(ends) <= np.iinfo(name).max:
                    return np.dtype(name)
        return np.dtype(np.float32)

    def lazy(self) -> Any:
        """Return the planes as a dask array; a chunk is a plane, or several of one file."""
        import dask.array as da

        plane = math.prod(self.shape[2:]) * self.dtype.itemsize
        single = len({frame.source.path for frame in self.frames}) == len(self.frames)
        step = 1 if single else max(1, SLAB // plane)
        chunks = (
            (1, min(step, self.shape[1])) if self.shape[1] > 1 else (min(step, self.shape[0]), 1)
        )
        meta = np.empty((0,) * self.ndim, self.dtype)
        return da.from_array(
            self,
            chunks=(*chunks, *self.shape[2:]),
            name=False,
            asarray=False,
            fancy=False,
            meta=meta,
        )

    def __getitem__(self, key: tuple[slice | int, ...]) -> npt.NDArray[Any]:
        chosen = np.asarray(np.arange(len(self.frames)).reshape(self.shape[:2])[key[:2]])
        frames = [self.frames[i] for i in chosen.ravel()]
        data = np.empty((len(frames), *self.shape[2:]), self.dtype)
        start = 0
        for _, run in itertools.groupby(frames, key=lambda frame: frame.source.path):
            together = list(run)
            indices = [frame.index for frame in together]
            for frame, pixels in zip(together, planes(together[0].source, indices), strict=True):
                data[start] = self._intensities(frame, pixels)
                start += 1
        data = data.reshape(*chosen.shape, *self.shape[2:])
        whole: tuple[Any, ...] = (slice(None),) * chosen.ndim
        return data[(*whole, *key[2:])]

    def _intensities(self, frame: Frame, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if pixels.ndim == 3 or (frame.slope, frame.intercept) == (1.0, 0.0):
            return pixels
        if self.dtype.kind == "i":
            return pixels.astype(np.int64) + int(frame.intercept)
        return pixels.astype(np.float64) * frame.slope + frame.intercept


def _named_apart(records: list[ImageFile]) -> list[ImageFile]:
    """Return records with a number behind the names that several of them have."""
    names = [record.name for record in records]
    return [
        replace(record, name=f"{record.name} {names[: i + 1].count(record.name)}".strip())
        if names.count(record.name) > 1
        else record
        for i, record in enumerate(records)
    ]
