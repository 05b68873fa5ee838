"""Stack images of several files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .image_file import ImageFile
from .sniff import stem

__all__ = ["stacked"]

Read = Callable[[Path, int], list[ImageFile]]
"""reads the images of a file, given a limit in bytes above which they stay on disk"""


def stacked(paths: list[Path], limit: int, read: Read) -> list[ImageFile]:
    """Stack images of equal shape, dtype, axes and unit, else return them separately."""
    images: list[ImageFile] = []
    for path in paths:
        found = _named(read(path, limit), path)
        if sum(i.data.nbytes for i in found) * len(paths) > limit:
            found = [_on_demand(path, n, image, limit, read) for n, image in enumerate(found)]
        images += found
    if len(images) == 1:
        return [replace(images[0], name="")]
    first = images[0]
    letter = next((a for a in "TZ" if a not in (first.axes or "")), None)
    facts = {(i.data.shape, i.data.dtype, i.axes, i.unit) for i in images}
    if len(images) != len(paths) or len(facts) > 1:
        return images
    data = _joined([image.data for image in images])
    return [
        replace(
            first,
            data=data,
            axes=letter + first.axes if letter and first.axes else None,
            name="",
            levels=(),
            pixel_size=first.pixel_size if _same(images, "pixel_size") else {},
            affine=first.affine if _same(images, "affine") else None,
            geo=first.geo if _same_place(images) else None,
            nodata=first.nodata if _same(images, "nodata") else None,
            missing=_missing(images),
            alpha=None,
            metadata={**first.metadata, **_masked(images)},
        )
    ]


def _joined(arrays: list[Any]) -> Any:
    """Join arrays along a new first axis."""
    if all(isinstance(a, np.ndarray) for a in arrays):
        return np.stack(arrays)
    import dask.array as da

    return da.stack(arrays)


def _masked(images: list[ImageFile]) -> dict[str, Any]:
    return {"mask": True} if any(image.metadata.get("mask") for image in images) else {}


def _missing(images: list[ImageFile]) -> Any:
    """Return the mask of missing pixels of a stack, if any of its images has one."""
    said = [image.missing for image in images]
    first = next((part for part in said if part is not None), None)
    if first is None or any(part is not None and part.shape != first.shape for part in said):
        return None
    return _joined([np.zeros(first.shape, bool) if part is None else part for part in said])


def _on_demand(path: Path, number: int, image: ImageFile, limit: int, read: Read) -> ImageFile:
    """Return a lazy image that reads its whole file on each access."""
    if image.data.nbytes > limit:
        return image  # lazy already
    import dask.array as da
    from dask.delayed import delayed

    shape, dtype = image.data.shape, image.data.dtype

    def load() -> Any:
        data = np.asarray(read(path, limit)[number].data)
        if data.shape != shape or data.dtype != dtype:
            raise ValueError(f"{path}: was changed while it was open")
        return data

    return replace(image, data=da.from_delayed(delayed(load)(), shape, dtype))


def _named(images: list[ImageFile], path: Path) -> list[ImageFile]:
    return [
        replace(i, name=stem(path) if len(images) == 1 else f"{stem(path)} {i.name or n}")
        for n, i in enumerate(images, 1)
    ]


def _same(images: list[ImageFile], fact: str) -> bool:
    values = [getattr(image, fact) for image in images]
    if any(isinstance(v, np.ndarray) for v in values):
        return all(np.array_equal(v, values[0]) for v in values)
    return all(v == values[0] for v in values)


def _same_place(images: list[ImageFile]) -> bool:
    first = images[0].geo
    return first is not None and all(
        image.geo is not None
        and image.geo.crs == first.crs
        and np.array_equal(image.geo.transform, first.transform)  # type: ignore[arg-type]
        for image in images
    )
