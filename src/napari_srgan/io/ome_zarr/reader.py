"""Read OME-Zarr images lazily, with axes, pixel size and levels."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..guard import reading
from ..image_file import ImageFile
from ..sanity import check_affine
from .metadata import (
    Multiscale,
    attributes_of,
    channels_of,
    inside,
    labels_of,
    multiscale_of,
    read_json,
)
from .writer import OWN, write_ome_zarr

__all__ = ["read_ome_zarr", "write_ome_zarr"]

MOST_CHUNKS = 2**16
"""maximal number of chunks of a lazy array; larger arrays combine several stored chunks"""
MOST_TOGETHER = 2**10
"""maximal number of stored chunks in a chunk of a lazy array; each is a file or absent"""
MOST_CHUNK = 2**31
"""maximal bytes of a chunk"""


def read_ome_zarr(path: Path | str, limit: int | None = None) -> list[ImageFile]:
    """Read the images of an OME-Zarr folder of OME-NGFF 0.4 (Zarr 2) or 0.5 (Zarr 3).

    Parameters
    ----------
    path
        Folder of an image, or of bioformats2raw with several images.
    limit
        Ignored, since arrays are always lazy (dask); kept for a common interface of all readers.

    Returns
    -------
    list of ImageFile
        One for each multiscale image, with its coarser ``levels``, and its label images in
        ``labels``. ``affine`` has the scale and translation of the finest level. A scale without
        unit is assumed to be in µm and marked by ``unit_assumed`` in ``metadata``, which also holds
        all ``attributes``, and the time of the first entry of T in s in ``time_start``.

    Raises
    ------
    ValueError
        If it is not an OME-Zarr image, or its metadata is inconsistent.
    OSError
        If the folder does not exist or the system cannot read it.

    Warns
    -----
    UserWarning
        If damaged label images are skipped.
    """
    del limit
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: there is no such folder")
    damaged: list[str] = []
    with reading(path):
        found = _all_images(path, damaged)
    if damaged:
        names = ", ".join(name[:99] for name in damaged[:5])
        more = ", …" if len(damaged) > 5 else ""
        warnings.warn(f"{path}: damaged labels are left out: {names}{more}", stacklevel=2)
    return found


def _all_images(path: Path, damaged: list[str]) -> list[ImageFile]:
    attributes = attributes_of(path)
    if "plate" in attributes or "well" in attributes:
        raise ValueError("it is a plate or a well; open one of its images, such as A/1/0")
    if "multiscales" in attributes:
        return _images(path, attributes, damaged)
    images = []
    if "bioformats2raw.layout" in attributes:
        for number in itertools.count():
            folder = path / str(number)
            if not folder.is_dir():
                break
            images += _images(inside(path, folder.name), attributes_of(folder), damaged)
    if not images:
        raise ValueError("there is no image (multiscales) in it")
    return images


def _images(folder: Path, attributes: dict[str, Any], damaged: list[str]) -> list[ImageFile]:
    found = attributes["multiscales"]
    if not isinstance(found, list) or not found:
        raise ValueError("there is no image (multiscales) in it")
    images = [_image(folder, attributes, multiscale_of(entry)) for entry in found]
    labels = tuple(_labels(folder, damaged)) if "image-label" not in attributes else ()
    return [replace(images[0], labels=labels), *images[1:]]


def _labels(folder: Path, damaged: list[str]) -> Iterator[ImageFile]:
    """Yield the label images of an image; add the names of damaged ones to ``damaged``."""
    for name in labels_of(folder):
        try:
            place = inside(folder / "labels", name)
            attributes = attributes_of(place)
            label = _image(place, attributes, multiscale_of(attributes["multiscales"][0]))
            if label.data.dtype.kind not in "biu":
                raise ValueError(f"labels of {label.data.dtype}")
        except MemoryError:
            raise
        except Exception:  # damaged labels must not prevent reading the image
            damaged.append(name)
            continue
        yield replace(label, name=name)


def _image(folder: Path, attributes: dict[str, Any], image: Multiscale) -> ImageFile:
    levels = [_level(folder, part) for part in image.paths]
    data, axes = levels[0], image.axes
    if any(level.ndim != data.ndim or level.dtype != data.dtype for level in levels):
        raise ValueError(f"its levels differ: {[(x.shape, str(x.dtype)) for x in levels]}")
    if axes is not None and len(axes) != data.ndim:
        raise ValueError(f"axes {axes} for an array of shape {data.shape}")
    coarser = [
        level
        for level in levels[1:]
        if all(a <= b for a, b in zip(level.shape, data.shape, strict=True))
        and level.shape != data.shape
    ]
    count = data.shape[axes.index("C")] if axes and "C" in axes else 1
    metadata: dict[str, Any] = {"attributes": attributes}
    if image.assumed:
        metadata["unit_assumed"] = True
    if image.start is not None:
        metadata["time_start"] = image.start
    affine, nodata = image.affine, None
    if (folder / "zarr.json").is_file():
        own = read_json(folder / "zarr.json").get("attributes", {}).get(OWN, {})
        if "affine" in own:
            affine = np.asarray(own["affine"], np.float64)
            if affine.shape != (4, 4):
                raise ValueError(f"an affine of {own['affine']}")
        if "nodata" in own:
            nodata = float(own["nodata"])
    if affine is not None:
        check_affine(affine)
    return ImageFile(
        data,
        axes,
        image.pixel_size,
        unit=image.unit,
        name=image.name,
        channels=channels_of(attributes, count),
        levels=tuple(sorted(coarser, key=lambda level: -math.prod(level.shape))),
        affine=affine,
        nodata=nodata,
        metadata=metadata,
    )


class _Stored:
    """Array in a folder, for dask."""

    def __init__(self, place: Path, array: Any) -> None:
        self.place, self.array = place, array
        self.shape, self.ndim = tuple(int(n) for n in array.shape), int(array.ndim)
        self.dtype = np.dtype(array.dtype).newbyteorder("=")

    def __getitem__(self, key: tuple[slice | int, ...]) -> npt.NDArray[Any]:
        with reading(self.place):
            return np.asarray(self.array[key]).astype(self.dtype, copy=False)


def _level(folder: Path, part: str) -> Any:
    """Open an array of a folder lazily."""
    import dask.array as da
    import zarr

    place = inside(folder, part)
    name = next((n for n in ("zarr.json", ".zarray") if (place / n).is_file()), None)
    if name is None:
        raise ValueError(f"there is no array at {part}")
    if "pickle" in str(read_json(place / name)):
        # Decoding pickle can execute code.
        raise ValueError(f"the array at {part} is coded with pickle, which is not safe to read")
    version: Any = 3 if name == "zarr.json" else 2
    array: Any = zarr.open_array(str(place), mode="r", zarr_format=version)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"the array at {part} has values of {array.dtype}")
    if not array.shape or min(array.shape) < 1:
        raise ValueError(f"the array at {part} has the shape {array.shape}")
    chunks = [min(int(c), n) for c, n in zip(array.chunks, array.shape, strict=True)]
    item = array.dtype.itemsize
    while True:
        if min(chunks) < 1 or math.prod(array.chunks) * item > MOST_CHUNK:
            raise ValueError(f"the array at {part} has chunks of {array.chunks} pixels")
        counts = [-(-n // c) for n, c in zip(array.shape, chunks, strict=True)]
        if math.prod(counts) <= MOST_CHUNKS:
            break
        if math.prod(counts) > MOST_CHUNKS * MOST_TOGETHER:
            raise ValueError(
                f"the array at {part} claims a shape of {array.shape} in chunks of {array.chunks}"
            )
        axis = counts.index(max(counts))
        chunks[axis] = min(2 * chunks[axis], array.shape[axis])
        if math.prod(chunks) * item > MOST_CHUNK:
            raise ValueError(f"the array at {part} claims a shape of {array.shape}")
    stored = _Stored(place, array)
    meta = np.empty((0,) * stored.ndim, stored.dtype)
    return da.from_array(
        stored, chunks=tuple(chunks), name=False, asarray=False, fancy=False, meta=meta
    )
