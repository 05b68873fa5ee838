"""Units of layers, of which napari allows all that pint knows, as the four that files have."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...io.image_file import LONG_NAMES
from .transform import Matrix

OWN = {"millimeter": "mm", "centimeter": "mm", "meter": "m", "kilometer": "m", "degree": "degree"}
"""units of layers → the unit that is written; other lengths are written in µm"""


def known_scale(
    units: Any, axes: str, matrix: Matrix, finer: Mapping[str, float], wanted: str | None
) -> tuple[str, str, list[float]]:
    """Say which axes of a layer have a size, in which unit, and what makes that of its numbers.

    Parameters
    ----------
    units
        Of the layer: of each axis, of all, or None.
    axes
        Letters of the layer, without S.
    matrix
        From its pixels to the world.
    finer
        Axis → times that the layer was made finer, so that the scale of its source is known.
    wanted
        The unit of the file that it came from, which is kept where it can be.

    Returns
    -------
    tuple
        Letters of the axes with a size; the unit of a file; and a factor for each axis.

    Warns
    -----
    UserWarning
        If a layer without units has a scale, which is then taken as µm.
    """
    found = _units(units, len(axes))
    lateral = [u for u, a in zip(found, axes, strict=True) if a in "YX"]
    if all(str(u) == "pixel" for u in lateral):
        norms = dict(zip(axes, np.linalg.norm(matrix[:-1, :-1], axis=0), strict=True))
        if all(np.isclose(norms[a] * finer.get(a, 1), 1) for a in "YX"):
            return _times(found, axes), wanted or "µm", _factors(found, axes, None)
        if wanted is None:
            warnings.warn(
                "the layer has a scale and no units; they are written as µm. Set layer.units "
                "before saving if they are others",
                stacklevel=6,
            )
        assumed = wanted or "µm"
        known = "".join(a for a in axes if a in "ZYX") + _times(found, axes)
        return known, assumed, _factors(found, axes, assumed)
    unit = wanted if wanted and _fits(lateral[-1], wanted) else _own(lateral[-1])
    known = "".join(
        a for a, u in zip(axes, found, strict=True) if a in "ZYX" and unit and _fits(u, unit)
    )
    return known + _times(found, axes), unit or "µm", _factors(found, axes, unit)


def _units(units: Any, count: int) -> list[Any]:
    from napari.utils.transforms._units import get_units_from_name

    if units is None or isinstance(units, str) or not isinstance(units, Sequence):
        units = [units] * count
    return list(get_units_from_name(tuple(units)))


def _own(unit: Any) -> str | None:
    if str(unit) == "pixel":
        return None
    if str(unit) in OWN:
        return OWN[str(unit)]
    return "µm" if _fits(unit, "µm") else "degree" if _fits(unit, "degree") else None


def _fits(unit: Any, wanted: str) -> bool:
    name = LONG_NAMES.get(wanted, wanted)
    if "pixel" in str(unit):
        return False
    return bool((1 * unit).check((1 * type(unit)(name)).dimensionality))


def _times(found: list[Any], axes: str) -> str:
    return "".join(a for a, u in zip(axes, found, strict=True) if a == "T" and _fits(u, "second"))


def _factors(found: list[Any], axes: str, unit: str | None) -> list[float]:
    factors = []
    for axis, own in zip(axes, found, strict=True):
        target = "second" if axis == "T" else unit
        if target is None or not _fits(own, target):
            factors.append(1.0)
        else:
            name = LONG_NAMES.get(target, target)
            factors.append(float((1.0 * own).to(name).magnitude))
    return factors
