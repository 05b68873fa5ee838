"""Convert ``xarray.DataArray``: dimension names, coordinates and attributes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .array_input import ArrayInput
from .io.dimension_names import COLOURS, letters_of

FILL_NAMES = ("_FillValue", "nodata", "missing_value", "nodatavals")
"""attributes that hold a nodata value"""
KEPT_ENCODING = ("_FillValue", "missing_value", "scale_factor", "add_offset", "dtype",
                 "grid_mapping", "units", "calendar")  # fmt: skip
"""encoding entries from a file that also apply to the result"""


def of_xarray(
    image: Any, axes: str | None, understand: Callable[[Any, str], ArrayInput]
) -> ArrayInput:
    """Convert a DataArray to the common input form; its result is a DataArray.

    ``understand`` converts the array that it contains, given the axes.

    The result keeps dimensions, name and attributes. Coordinates along Y and X are refined such
    that the outer edges of the first and last pixels stay.

    Raises
    ------
    TypeError
        If it is not a DataArray.
    ValueError
        If a dimension name is unknown and ``axes`` is not given.
    """
    if not all(hasattr(image, name) for name in ("dims", "coords", "data", "attrs")):
        name = next(iter(getattr(image, "data_vars", ())), "name")
        raise TypeError(
            f"an xarray.{type(image).__name__} is no image; pass one of its arrays, e.g. "
            f"image[{name!r}]"
            if hasattr(image, "data_vars")
            else f"an xarray.{type(image).__name__} is no image; pass a DataArray"
        )
    letters = axes_of(image) if axes is None else axes
    inner = understand(image.data, letters)

    def back(result: Any, found: str, scale: int) -> Any:
        values = inner.back(result, found, scale)
        finer = {found.index("Y"): scale, found.index("X"): scale}
        sizes = {name: finer.get(i, 1) for i, name in enumerate(image.dims)}
        made = type(image)(
            values,
            coords=finer_coords(image, sizes),
            dims=image.dims,
            name=image.name,
            attrs=finer_attrs(image.attrs, scale),
        )
        made.encoding = {k: v for k, v in image.encoding.items() if k in KEPT_ENCODING}
        return made

    nodata = inner.nodata if inner.nodata is not None else fill_value(image.attrs)
    return replace(inner, axes=letters, nodata=nodata, back=back)


def axes_of(image: Any) -> str:
    """Return one axis letter for each dimension of a DataArray.

    Raises
    ------
    ValueError
        If a dimension name is unknown; the message proposes ``axes``.
    """
    names = [cf_name(image, dim) for dim in image.dims]
    try:
        letters = letters_of(names, image.shape)
    except ValueError as error:
        raise ValueError(
            f"{error}; give axes=, a letter per dimension: T time, C channel, Z depth, Y rows, "
            "X columns, S samples of RGB or RGBA (last)"
        ) from None
    last = image.dims[-1]
    if letters[-1] == "C" and last in image.coords and "S" not in letters:
        entries = tuple(str(entry).lower() for entry in np.atleast_1d(image.coords[last].values))
        if entries in COLOURS:
            return letters[:-1] + "S"
    return letters


def cf_name(image: Any, dim: Hashable) -> Hashable:
    """Return the CF name of a dimension from the attributes of its coordinate, else its own name.

    Source: *CF Metadata Conventions*, sections 4 and 5: ``axis`` and ``standard_name``.
    """
    attributes = image.coords[dim].attrs if dim in image.coords else {}
    if str(attributes.get("axis", "")).upper() in ("T", "Z", "Y", "X"):
        return str(attributes["axis"])
    name = str(attributes.get("standard_name", ""))
    return {
        "projection_y_coordinate": "y",
        "projection_x_coordinate": "x",
        "grid_latitude": "lat",
        "grid_longitude": "lon",
        "latitude": "lat",
        "longitude": "lon",
    }.get(name, dim)


def fill_value(attrs: Mapping[Hashable, Any]) -> float | None:
    """Return the nodata value from the attributes; None if there is none."""
    for name in FILL_NAMES:
        found = np.unique(np.ravel(attrs.get(name, ())))
        if found.size == 1 and found.dtype.kind in "iuf" and np.isfinite(found[0]):
            return float(found[0])
    return None


def finer_coords(image: Any, factors: Mapping[Hashable, int]) -> dict[Hashable, Any]:
    """Return the coordinates of a DataArray for dimensions longer by the given factors.

    Coordinates along a dimension with a single entry are dropped, since their step is unknown.
    """
    coords: dict[Hashable, Any] = {}
    for name, coord in image.coords.items():
        values = coord.values
        for axis, dim in enumerate(coord.dims):
            if factors[dim] > 1:
                values = finer_values(values, axis, factors[dim])
        if values is not None:
            coords[name] = (coord.dims, values, finer_attrs(coord.attrs, max(factors.values())))
    return coords


def finer_values(
    values: npt.NDArray[Any] | None, axis: int, factor: int
) -> npt.NDArray[Any] | None:
    """Resample values at pixel centres to pixels ``factor`` times finer; None if unknown.

    The centre of the first fine pixel lies ``(1/2 - 1/(2·factor))`` steps before that of the first
    coarse one. Values are interpolated linearly between centres and extrapolated linearly to the
    outer edges; texts are repeated.
    """
    if values is None or values.dtype.kind not in "iufmM":
        return None if values is None else values.repeat(factor, axis)
    count = values.shape[axis]
    if count < 2:
        return None
    dtype = values.dtype
    times = dtype.kind in "mM"
    exact = np.moveaxis(values.astype(np.float64 if dtype.kind == "f" else np.int64), axis, 0)
    start = exact[0]
    # Relative to the first value, so that large coordinates keep their precision.
    known = (exact - start).astype(np.float64)
    places = (np.arange(count * factor) + 0.5) / factor - 0.5
    even = known[-1] / (count - 1)
    if np.allclose(known, np.multiply.outer(np.arange(count), even), rtol=1e-6, atol=0):
        finer = np.multiply.outer(places, even)
    else:
        left = np.clip(np.floor(places).astype(int), 0, count - 2)
        share = (places - left).reshape(-1, *[1] * (known.ndim - 1))
        finer = known[left] * (1 - share) + known[left + 1] * share
    if times:
        found = (np.rint(finer).astype(np.int64) + start).astype(dtype)
    else:
        found = finer + start.astype(np.float64)
    return np.moveaxis(np.asarray(found), 0, axis)


def finer_attrs(attrs: Mapping[Hashable, Any], factor: int) -> dict[Hashable, Any]:
    """Update the pixel size in attributes for a grid ``factor`` times finer.

    Rasters store it in ``GeoTransform`` (a text in GDAL's order) of their grid mapping, or in
    ``transform`` and ``res``; the corner of the first pixel stays.
    """
    finer = dict(attrs)
    try:
        if "GeoTransform" in finer:
            x, a, b, y, d, e = map(float, str(finer["GeoTransform"]).split())
            six = (x, a / factor, b / factor, y, d / factor, e / factor)
            finer["GeoTransform"] = " ".join(map(repr, six))
        if "transform" in finer:
            a, b, x, d, e, y = map(float, tuple(finer["transform"])[:6])
            finer["transform"] = (a / factor, b / factor, x, d / factor, e / factor, y)
        if "res" in finer:
            width, height = map(float, finer["res"])
            finer["res"] = (width / factor, height / factor)
    except (TypeError, ValueError):  # an unrelated attribute of the same name
        return dict(attrs)
    return finer
