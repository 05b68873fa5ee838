"""Rename the axes of an image, consistently with pixel size and position."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .image_file import GeoReference, ImageFile

__all__ = ["finest_plane", "named"]

SPACE = "ZYX"
EQUAL = 0.01
"""relative tolerance for equal sides of a pixel"""
THICK = 1.2
"""ratio of slice thickness to pixel width from which an axis counts as that of slices"""
MEANINGS = {"T": "time", "C": "channels", "S": "samples", "Z": "Z", "Y": "Y", "X": "X"}


def finest_plane(image: ImageFile) -> str | None:
    """Return the axes of a volume with Y and X in the plane of its finest pixels.

    Returns
    -------
    str or None
        The axes of the image, with Z for the axis of thick slices; None if that is Z already, or
        if the two finest pixel sizes differ.
    """
    axes, size = image.axes or "", image.pixel_size
    if image.affine is None or image.geo is not None or not {*SPACE} <= {*axes} & size.keys():
        return None
    *fine, thick = sorted(SPACE, key=lambda a: size[a])
    if thick == "Z" or size[fine[1]] > size[fine[0]] * (1 + EQUAL):
        return None
    if size[thick] < THICK * size[fine[1]]:
        return None
    # The two remaining axes keep their order.
    order = iter(a for a in axes if a in fine)
    names = dict(zip(order, "YX", strict=True)) | {thick: "Z"}
    return "".join(names.get(a, a) for a in axes)


def named(image: ImageFile, axes: str) -> ImageFile:
    """Rename the axes of an image without changing its position.

    Parameters
    ----------
    image
        The image; its array is not accessed.
    axes
        New letters, as many as the image has.

    Raises
    ------
    ValueError
        If they contradict the file, so that the position would be wrong.
    """
    own = image.axes
    if own is None or own == axes or len(own) != len(axes):
        return replace(image, axes=axes)
    _check(image, own, axes)
    before = dict(zip(axes, own, strict=True))  # new letter → old one
    size = {a: s for a, s in image.pixel_size.items() if a not in own and a not in axes}
    for new, old in before.items():
        alike = (new in SPACE and old in SPACE) or new == old
        if alike and old in image.pixel_size:
            size[new] = image.pixel_size[old]
    affine = image.affine
    if affine is not None:
        taken = {new: old for new, old in before.items() if new in SPACE and old in SPACE}
        left = iter(a for a in SPACE if a not in taken.values())
        columns = [SPACE.index(taken[a] if a in taken else next(left)) for a in SPACE]
        affine = affine[:, [*columns, 3]]
    geo = image.geo
    if geo is not None and before["Y"] == "X":
        geo = _transposed(geo)
    kept = ("C" in own) == ("C" in axes) and (before.get("C", "C") == "C")
    return replace(
        image,
        axes=axes,
        pixel_size=size,
        affine=affine,
        geo=geo,
        channels=image.channels if kept else (),
    )


def _check(image: ImageFile, own: str, axes: str) -> None:
    """Refuse names that contradict the position in the file."""
    placed = image.geo is not None or image.affine is not None or {*"YX"} <= image.pixel_size.keys()
    for old, new in zip(own, axes, strict=True):
        wrong = (old == "S" and new in SPACE) or (
            placed
            and new in "YX"
            and (old not in SPACE or (image.geo is not None and old not in "YX"))
        )
        if wrong:
            raise ValueError(
                f"axes={axes!r} takes the {MEANINGS.get(old, old)} of the file for {new}; "
                f"its own axes are {own!r}"
            )


def _transposed(geo: GeoReference) -> GeoReference:
    """Return the georeference for exchanged rows and columns."""
    if geo.transform is None:
        raise ValueError(
            "the rows and columns of a map with ground control points stay as they are"
        )
    swap = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
    return replace(geo, transform=geo.transform @ swap)
