"""Transforms between the pixels of a file, of a layer, and napari's world coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...io import ImageFile

Matrix = npt.NDArray[np.float64]

ALIGNMENT_TOLERANCE = 1e-6
"""maximum off-axis component of the unit vector of an axis-aligned axis"""


def transform_of(record: ImageFile, axes: str, shape: Sequence[int]) -> dict[str, Any]:
    """Return ``scale`` and, if needed, ``translate`` or ``affine`` for the layer of a file.

    Parameters
    ----------
    record
        The file; its data are not read.
    axes, shape
        Axes and shape of the layer, without the samples of RGB.

    Notes
    -----
    The scale is the pixel size, 1 for axes without one. The affine of a medical volume becomes
    scale and translate if it is axis-aligned, and scale and affine if it is rotated within the
    slice plane. A volume rotated out of the slice plane (oblique) is displayed axis-aligned about
    its true centre, as napari cannot display slices of such a volume: it warns at every step, or
    fails for a sagittal one. Its affine is kept in the record, from which a file is written. The
    outer edge of a map is at 0, so that maps of the same region align; coordinates of a reference
    system would exceed the float32 precision of the graphics card.
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
    rotation = linear / length
    inside = rotation[np.ix_(rows, rows)]
    scale = size.copy()
    scale[[at[a] for a in own]] = length[rows]
    translate = np.zeros(len(axes))
    translate[[at[a] for a in own]] = origin[rows]
    # Components along axes that the layer lacks cannot be displayed.
    separable = np.abs(np.delete(rotation, rows, 0)[:, rows]).max(initial=0) < ALIGNMENT_TOLERANCE
    off_diagonal = np.abs(inside - np.diag(np.diag(inside)))
    positive = bool((np.diag(inside) > 0).all())
    if separable and positive and off_diagonal.max() < ALIGNMENT_TOLERANCE:
        return {"scale": scale, "translate": translate}
    tilt = (
        off_diagonal[0, 1:].max(initial=0) + off_diagonal[1:, 0].max(initial=0)
        if len(own) == 3
        else 0.0
    )
    if separable and positive and tilt < ALIGNMENT_TOLERANCE:
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
    """Return the homogeneous matrix from pixels to world coordinates of layer arguments."""
    from napari.utils.transforms import Affine, CompositeAffine

    own = CompositeAffine(
        scale=_value_or_default(transform, "scale", [1.0] * dimensions),
        translate=_value_or_default(transform, "translate", [0.0] * dimensions),
        rotate=_value_or_default(transform, "rotate", None),
        shear=_value_or_default(transform, "shear", None),
        ndim=dimensions,
    )
    matrix = np.asarray(own.affine_matrix, np.float64)
    affine = transform.get("affine")
    if affine is None:
        return matrix
    if isinstance(affine, Affine):
        affine = affine.affine_matrix
    return np.asarray(affine, np.float64) @ matrix


def _value_or_default(transform: Mapping[str, Any], name: str, default: Any) -> Any:
    value = transform.get(name)
    return default if value is None else value


def spatial(matrix: Matrix, axes: str) -> Matrix:
    """Return the Z, Y, X part of a matrix as a 4 × 4 matrix; absent axes are the identity."""
    own = [(i, "ZYX".index(a)) for i, a in enumerate(axes) if a in "ZYX"]
    layer, place = ([pair[k] for pair in own] for k in (0, 1))
    found = np.eye(4)
    found[np.ix_(place, place)] = matrix[np.ix_(layer, layer)]
    found[place, 3] = matrix[layer, -1]
    return found
