"""Where the pixels of a file lie in napari's world, and where those of a layer lie in its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...io import ImageFile

Matrix = npt.NDArray[np.float64]

STRAIGHT = 1e-6
"""parts of a unit vector that may point elsewhere in an axis that counts as straight"""


def transform_of(record: ImageFile, axes: str, shape: Sequence[int]) -> dict[str, Any]:
    """Return ``scale``, and where there is one ``translate`` or ``affine``, of a file's layer.

    Parameters
    ----------
    record
        Of the file; its data are not looked at.
    axes, shape
        Of the layer, without samples of RGB.

    Notes
    -----
    Pixel sizes are the scale; axes without one have 1. The affine of a medical volume becomes scale
    and translate where its axes are straight, and scale and affine where it is turned within its
    slices. A volume that is turned out of its slices is laid straight about its true centre, since
    napari shows no slice of it otherwise: it would warn at every step, or fail for a sagittal one.
    Its affine is in the record, from which a file is written. The outer edge of a map is at 0, so
    that finer maps of the same place lie on it; coordinates of a reference system are too large for
    the graphics card's numbers.
    """
    size = np.array([float(record.pixel_size.get(axis, 1)) for axis in axes])
    if record.geo is not None:
        if not record.pixel_size.keys() & {"Y", "X"}:
            steps = dict(zip("YX", record.geo.steps(), strict=True))
            size = np.array([steps.get(axis, s) for axis, s in zip(axes, size, strict=True)])
        edge = [s / 2 if a in "YX" else 0.0 for a, s in zip(axes, size.tolist(), strict=True)]
        return {"scale": size, "translate": edge}
    if record.affine is None:
        return {"scale": size}
    at = {axis: i for i, axis in enumerate(axes)}
    own = [axis for axis in "ZYX" if axis in at]
    rows = ["ZYX".index(axis) for axis in own]
    linear, origin = record.affine[:3, :3], record.affine[:3, 3]
    length = np.linalg.norm(linear, axis=0)
    turn = linear / length
    inside = turn[np.ix_(rows, rows)]
    scale = size.copy()
    scale[[at[a] for a in own]] = length[rows]
    translate = np.zeros(len(axes))
    translate[[at[a] for a in own]] = origin[rows]
    # What leaves the axes of the layer cannot be shown.
    alone = np.abs(np.delete(turn, rows, 0)[:, rows]).max(initial=0) < STRAIGHT
    bent = np.abs(inside - np.diag(np.diag(inside)))
    forward = bool((np.diag(inside) > 0).all())
    if alone and forward and bent.max() < STRAIGHT:
        return {"scale": scale, "translate": translate}
    out = bent[0, 1:].max(initial=0) + bent[1:, 0].max(initial=0) if len(own) == 3 else 0.0
    if alone and forward and out < STRAIGHT:
        affine = np.eye(len(axes) + 1)
        places = [at[a] for a in own]
        affine[np.ix_(places, places)] = inside
        affine[places, -1] = origin[rows]
        return {"scale": scale, "affine": affine}
    middle = np.zeros(3)
    middle[rows] = [(shape[at[a]] - 1) / 2 for a in own]
    centre = record.affine @ [*middle, 1]
    translate[[at[a] for a in own]] = (centre[:3] - length * middle)[rows]
    return {"scale": scale, "translate": translate}


def world_matrix(transform: Mapping[str, Any], dimensions: int) -> Matrix:
    """Return the matrix from pixels to napari's world that the arguments of a layer stand for."""
    from napari.utils.transforms import Affine, CompositeAffine

    own = CompositeAffine(
        scale=_given(transform, "scale", [1.0] * dimensions),
        translate=_given(transform, "translate", [0.0] * dimensions),
        rotate=_given(transform, "rotate", None),
        shear=_given(transform, "shear", None),
        ndim=dimensions,
    )
    matrix = np.asarray(own.affine_matrix, np.float64)
    affine = transform.get("affine")
    if affine is None:
        return matrix
    if isinstance(affine, Affine):
        affine = affine.affine_matrix
    return np.asarray(affine, np.float64) @ matrix


def _given(transform: Mapping[str, Any], name: str, default: Any) -> Any:
    value = transform.get(name)
    return default if value is None else value


def spatial(matrix: Matrix, axes: str) -> Matrix:
    """Return the part of a matrix that is about Z, Y and X as a 4 × 4 one; absent axes stay."""
    own = [(i, "ZYX".index(a)) for i, a in enumerate(axes) if a in "ZYX"]
    layer, place = ([pair[k] for pair in own] for k in (0, 1))
    found = np.eye(4)
    found[np.ix_(place, place)] = matrix[np.ix_(layer, layer)]
    found[place, 3] = matrix[layer, -1]
    return found
