"""Convert the units of a layer (any unit of pint) to the four units of files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...io.image_file import LONG_NAMES
from .transform import Matrix

FILE_UNITS = {
    "millimeter": "mm",
    "centimeter": "mm",
    "meter": "m",
    "kilometer": "m",
    "degree": "degree",
}
"""unit of a layer → unit of the file; other lengths are converted to µm"""


def known_scale(
    units: Any, axes: str, matrix: Matrix, upscaling: Mapping[str, float], preferred: str | None
) -> tuple[str, str, list[float]]:
    """Return the axes with known pixel size, the unit of the file and conversion factors.

    Parameters
    ----------
    units
        Units of the layer: a sequence, one for all axes, or None.
    axes
        Axes of the layer, without S.
    matrix
        Matrix from pixels to world coordinates.
    upscaling
        Axis → factor by which the layer was super-resolved.
    preferred
        Unit of the file that the layer was read from, kept if the units can be converted to it.

    Returns
    -------
    tuple
        Letters of the axes with known size; unit of the file; factor of each axis.

    Warns
    -----
    UserWarning
        If a layer without units has a scale, which is then taken as µm.
    """
    found = _units(units, len(axes))
    lateral = [u for u, a in zip(found, axes, strict=True) if a in "YX"]
    if all(str(u) == "pixel" for u in lateral):
        norms = dict(zip(axes, np.linalg.norm(matrix[:-1, :-1], axis=0), strict=True))
        if all(np.isclose(norms[a] * upscaling.get(a, 1), 1) for a in "YX"):
            return _time_axes(found, axes), preferred or "µm", _factors(found, axes, None)
        if preferred is None:
            warnings.warn(
                "the layer has a scale and no units; they are written as µm. Set layer.units "
                "before saving if they are others",
                stacklevel=6,
            )
        assumed = preferred or "µm"
        known = "".join(a for a in axes if a in "ZYX") + _time_axes(found, axes)
        return known, assumed, _factors(found, axes, assumed)
    unit = (
        preferred
        if preferred and _is_convertible(lateral[-1], preferred)
        else _file_unit(lateral[-1])
    )
    known = "".join(
        a
        for a, u in zip(axes, found, strict=True)
        if a in "ZYX" and unit and _is_convertible(u, unit)
    )
    return known + _time_axes(found, axes), unit or "µm", _factors(found, axes, unit)


def _units(units: Any, count: int) -> list[Any]:
    from napari.utils.transforms._units import get_units_from_name

    if units is None or isinstance(units, str) or not isinstance(units, Sequence):
        units = [units] * count
    return list(get_units_from_name(tuple(units)))


def _file_unit(unit: Any) -> str | None:
    if str(unit) == "pixel":
        return None
    if str(unit) in FILE_UNITS:
        return FILE_UNITS[str(unit)]
    return (
        "µm"
        if _is_convertible(unit, "µm")
        else "degree"
        if _is_convertible(unit, "degree")
        else None
    )


def _is_convertible(unit: Any, preferred: str) -> bool:
    name = LONG_NAMES.get(preferred, preferred)
    if "pixel" in str(unit):
        return False
    return bool((1 * unit).check((1 * type(unit)(name)).dimensionality))


def _time_axes(found: list[Any], axes: str) -> str:
    return "".join(
        a for a, u in zip(axes, found, strict=True) if a == "T" and _is_convertible(u, "second")
    )


def _factors(found: list[Any], axes: str, unit: str | None) -> list[float]:
    factors = []
    for axis, own in zip(axes, found, strict=True):
        target = "second" if axis == "T" else unit
        if target is None or not _is_convertible(own, target):
            factors.append(1.0)
        else:
            name = LONG_NAMES.get(target, target)
            factors.append(float((1.0 * own).to(name).magnitude))
    return factors
