"""Read slices, volumes and series from DICOM files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..guard import check_empty, reading
from ..image_file import Channel, ImageFile
from ..medical_affine import voxel_size
from ..signatures import head_of, is_dicom
from .elements import Look, text
from .elements import first as first_item
from .frames import Frame, read_frames
from .layout import Place
from .planes import Planes, ends_of
from .series import Stack, affine_of, groups_of, stacks_of
from .slides import slides_of
from .values import real_world

__all__ = ["read_dicom"]


def read_dicom(
    path: Path | str | Sequence[Path | str], limit: int | None = None
) -> list[ImageFile]:
    """Read a DICOM file, the series in a folder, or those of a list of files.

    The slices of a series are sorted by position along their normal, which also gives their
    distance. Planes at the same position become T; so do planes without a position, and frames
    that the header numbers by time. The tiles of a slide form one image with a pyramid. Y and X
    are the rows and columns as acquired: unlike those of NIfTI files, they are not reoriented,
    since the resolution is usually highest in the acquisition plane.

    Parameters
    ----------
    path
        A file, a list of files, or a folder, which is searched recursively. Other files in it are
        ignored, and links that lead out of it are not followed.
    limit
        Bytes of pixels above which an array is lazy (dask).

    Returns
    -------
    list of ImageFile
        One for each series, named by its description; several if the images of a series differ in
        size, orientation, type or echo. Intensities are rescaled (Hounsfield units, Gy), looked up
        in the modality's table, or mapped to real-world values. They are integers if the slope is
        1, else float32. ``affine`` is in mm. For MONOCHROME1, where the largest value is black, the
        values are kept and the ends of the window are swapped: ``Channel.window`` remains (black,
        white). Padding is ``nodata``, or ``missing`` if it has no unique intensity. ``metadata``
        holds pydicom's ``header`` of the first plane, the unit of intensities in
        ``intensity_unit``, real-world value mappings in ``real_world_values``, and the warnings on
        slices in ``missing`` and ``irregular``; ``samples`` marks an image without axes whose last
        one is colour.

    Raises
    ------
    ValueError
        If there is no DICOM image, it is truncated or needs a decoder, or pydicom is missing.
    OSError
        If the file does not exist or the system cannot read it.
    MemoryError
        If the pixels do not fit in memory.

    Warns
    -----
    UserWarning
        If damaged files in a folder are skipped, or slices are missing.
    """
    paths = [Path(p) for p in ([path] if isinstance(path, (str, Path)) else path)]
    path = paths[0]
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise ValueError('DICOM files need pydicom: pip install "napari-srgan[medical]"') from error
    frames = list(_once(frame for part in paths for frame in _frames_of(part)))
    if not frames:
        raise ValueError(f"{path}: cannot be read (there is no DICOM image in it)")
    records: list[ImageFile] = []
    tiled = [frame for frame in frames if frame.source.tiles is not None]
    with reading(path):
        stacks = [
            stack
            for group in groups_of([f for f in frames if f.source.tiles is None])
            for stack in stacks_of(group)
        ]
        records += slides_of(tiled, limit)
    for stack in stacks:
        with reading(path):
            record = _record(stack, limit)
        records.append(record)
        if doubt := _doubt(record):
            warnings.warn(f"{path}: {doubt}", stacklevel=2)
    return _named_apart(records)


def _once(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Yield planes without copies of images that another file contains."""
    held: dict[str, Path] = {}
    for frame in frames:
        source = frame.source
        if held.setdefault(source.image, source.path) == source.path:
            yield frame


def _frames_of(path: Path) -> list[Frame]:
    """Return the planes of a file or a folder."""
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    check_empty(path)
    if not is_dicom(path, head_of(path)):
        raise ValueError(f"{path}: cannot be read (it is no DICOM file)")
    return read_frames(path)


def _doubt(record: ImageFile) -> str:
    """Return a warning about axes or slice distances, or an empty text."""
    if record.axes is None:
        return (
            f"{record.name}: it does not say what its {len(record.data)} frames are (slices, times "
            "or channels); name the axes"
        )
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
    """Return the planes of all files in a folder."""
    frames: list[Frame] = []
    damaged: list[tuple[str, Exception]] = []
    root = path.resolve()
    for folder, subfolders, names in os.walk(path):
        subfolders.sort()
        for file in (Path(folder) / name for name in sorted(names)):
            if not file.is_file() or not file.resolve().is_relative_to(root):
                continue
            if file.name == "DICOMDIR":
                continue
            try:
                new = read_frames(file) if is_dicom(file, head_of(file)) else []
            except (ValueError, OSError) as error:
                damaged.append((str(file.relative_to(path)), error))
                continue
            frames += new
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


def _record(stack: Stack, limit: int | None) -> ImageFile:
    first = stack.frames[0][0][0]
    place, header = first.place, first.source.header
    metadata: dict[str, Any] = {"header": header}
    if first.values.unit:
        metadata["intensity_unit"] = first.values.unit
    if others := _other_values(first):
        metadata["real_world_values"] = others
    passes = stack.frames[0]
    affine = None
    size = dict(zip("YX", first.spacing, strict=True)) if first.spacing else {}
    if place.position and first.spacing:
        affine = affine_of(passes[0], metadata)
        size = voxel_size(affine)
        if len(passes[0]) == 1:
            del size["Z"]
    elif len(passes[0]) > 1 and first.thickness and first.spacing:
        size["Z"] = abs(first.thickness)
    if len(passes) > 1 and (step := _time_step(passes)):
        size["T"] = step
    voxels = Planes(stack.frames)
    letters = "".join(a for a, n in zip("CTZ", voxels.shape, strict=False) if n > 1)
    drop = tuple(0 if n == 1 else slice(None) for n in voxels.shape[:3])
    data, missing = voxels.read(limit)
    colours = len(first.source.shape) == 3
    window = first.window
    if header.get("PhotometricInterpretation") == "MONOCHROME1":
        metadata["monochrome1"] = True
        if window is None and first.source.dtype.kind in "iu":
            black, white = first.values.of(np.array(ends_of(first))).tolist()
            window = float(black), float(white)
        window = window and (window[1], window[0])
    channels: tuple[Channel, ...] = (Channel(window=window),) if window and not colours else ()
    if "C" in letters:
        channels = tuple(Channel(_name(c[0][0].place), window=window) for c in stack.frames)
    name = next(
        (
            said
            for tag in ("SeriesDescription", "ProtocolName", "Modality")
            if (said := text(header, tag))
        ),
        "",
    )
    axes = f"{letters}YX{'S' if colours else ''}"
    if colours and not stack.known:
        metadata["samples"] = True
    return ImageFile(
        data[drop],
        axes if stack.known else None,
        size,
        unit="mm",
        name=name,
        channels=channels,
        affine=affine,
        nodata=voxels.nodata,
        metadata=metadata,
        missing=None if missing is None else missing[drop],
    )


def _other_values(frame: Frame) -> list[dict[str, Any]]:
    """Return the linear real-world value mappings of a frame that were not applied."""
    header = frame.source.header
    shared = first_item(header.get("SharedFunctionalGroupsSequence"))
    if len(frame.source.shape) == 3 or frame.values.real_world:
        return []
    return [
        {"slope": found.slope, "intercept": found.intercept, "unit": found.unit}
        for found in real_world(Look(header, (shared,)))
        if found.table is None
    ]


def _name(place: Place) -> str:
    """Return the name of a channel, such as EnergyWindow 2."""
    return ", ".join(f"{name} {value}" for name, value in place.channel)


def _time_step(passes: Sequence[Sequence[Frame]]) -> float | None:
    """Return the time between passes in s, if it is constant."""
    moments = [slices[0].place.seconds for slices in passes]
    if None not in moments:
        steps = np.diff(np.array(moments, np.float64))
        even = steps.min() > 0 and np.ptp(steps) <= 0.01 * steps.max()
        return float(steps.mean()) if even else None
    first = passes[0][0].source
    return first.frame_time if all(slices[0].source is first for slices in passes) else None


def _named_apart(records: list[ImageFile]) -> list[ImageFile]:
    """Append a number to names that occur several times."""
    names = [record.name for record in records]
    return [
        replace(record, name=f"{record.name} {names[: i + 1].count(record.name)}".strip())
        if names.count(record.name) > 1
        else record
        for i, record in enumerate(records)
    ]
