"""Convert layers to images of a file, with pixel size, position and georeference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.axes import complete_labels, guess_axes
from ...io import Channel, GeoReference, ImageFile
from ...io.image_file import PER_BAND, RPC
from ...io.resampling import Grid, regridded
from ..layers.origin import ORIGIN_KEY, PROVENANCE_KEY, Origin
from ..layers.transform import Matrix, spatial, transform_of, world_matrix
from ..layers.units import known_scale

TOLERANCE = 1e-6
"""tolerance in pixels of the source for positions of pixel edges"""


@dataclass(frozen=True)
class LayerImage:
    """A layer as an image to be written."""

    image: ImageFile
    """data and metadata of the file"""
    origin: Origin | None
    """the file that the layer was read from"""
    provenance: dict[str, Any] | None
    """provenance of a super-resolved layer"""


def image_of(data: Any, options: Mapping[str, Any]) -> LayerImage:
    """Convert a layer, given as data and arguments, to an image of a file.

    For a layer that was read from a file by this package, or computed from one, the transform of
    the layer relative to the transform at reading is applied to the georeference and the affine of
    the file. Maps keep their reference system, and volumes their position.

    Raises
    ------
    ValueError
        If the layer has more axes than there are axis letters.
    """
    if options.get("multiscale") or isinstance(data, (list, tuple)):
        data = data[0]
    rgb = options.get("rgb")
    metadata = options.get("metadata") or {}
    origin = metadata.get(ORIGIN_KEY)
    origin = origin if isinstance(origin, Origin) else None
    provenance = metadata.get(PROVENANCE_KEY)
    provenance = provenance if isinstance(provenance, dict) else None
    labels = options.get("axis_labels") or ()
    axes = complete_labels(labels, data.shape, rgb=bool(rgb))
    if axes is None and origin is not None and len(origin.axes or "") == data.ndim:
        axes = origin.axes
    axes = axes or guess_axes(data.shape, rgb=rgb)
    if origin is not None and origin.axes not in (None, axes):
        origin = None  # the axes have been changed since reading
    plain = axes.replace("S", "")

    record = origin.record if origin is not None else ImageFile(None)
    upscaling = {
        a: float(provenance.get("scale", 1)) if provenance and a in "YX" else 1.0 for a in plain
    }
    if record.geo is not None and origin is not None and not record.pixel_size.keys() & {*"YX"}:
        # Units are unknown: the scale of the layer is relative to the pixel size of the map.
        steps = dict(zip("YX", record.geo.steps(), strict=True))
        upscaling = {a: times / steps.get(a, 1.0) for a, times in upscaling.items()}
    preferred_unit = record.unit if record.pixel_size or record.affine is not None else None
    matrix = world_matrix(options, len(plain))
    known, unit, factors = known_scale(
        options.get("units"), plain, matrix, upscaling, preferred_unit
    )
    matrix[:-1] *= np.asarray(factors)[:, None]
    size = {a: float(np.linalg.norm(matrix[:-1, i])) for i, a in enumerate(plain) if a in known}

    affine: Matrix | None = spatial(matrix, plain) if {"Y", "X"} <= set(known) else None
    geo = missing = alpha = None
    if origin is not None and origin.axes is not None:
        shown = world_matrix(transform_of(record, plain, origin.shape), len(plain))
        grid = _snap_to_pixels(spatial(np.linalg.inv(shown) @ matrix, plain))
        geo = record.geo and _transform_georeference(record.geo, grid)
        if record.affine is not None:
            affine = record.affine @ grid
        sides = tuple(data.shape[axes.index(a)] for a in "YX")
        missing = _resample_to_grid(record.missing, grid, sides, smooth=False)
        alpha = _resample_to_grid(record.alpha, grid, sides, smooth=True)
    return LayerImage(
        replace(
            record,
            data=data,
            axes=axes,
            pixel_size=size,
            unit=unit,
            name=str(options.get("name") or ""),
            channels=_channels(options, data, axes, origin),
            affine=affine,
            geo=geo,
            nodata=record.nodata if record.nodata is not None else (provenance or {}).get("nodata"),
            metadata=_metadata(record, origin),
            missing=missing,
            alpha=alpha,
        ),
        origin,
        provenance,
    )


def _snap_to_pixels(grid: Matrix) -> Matrix:
    """Remove rounding errors from the matrix between two grids.

    For axis-aligned grids, pixel ratios within ``TOLERANCE`` of 1 over an integer are made exact,
    and outer edges within ``TOLERANCE`` of a pixel edge are moved onto it.
    """
    linear = grid[:3, :3]
    if np.abs(linear - np.diag(np.diag(linear))).max() > TOLERANCE * np.abs(linear).max():
        return grid
    found = np.eye(4)
    for i in range(3):
        step = float(grid[i, i])
        times = 1 / step
        if abs(times - round(times)) < TOLERANCE * abs(times) and round(times):
            step = 1 / round(times)
        edge = float(grid[i, 3]) - step / 2 + 0.5
        edge = float(round(edge)) if abs(edge - round(edge)) < TOLERANCE else edge
        found[i, i], found[i, 3] = step, edge + step / 2 - 0.5
    return found


def _transform_georeference(geo: GeoReference, grid: Matrix) -> GeoReference | None:
    """Return the georeference of a grid whose pixel ``p`` is pixel ``grid @ p`` of the source.

    None if it cannot be represented.
    """
    if np.abs(np.concatenate([grid[0, 1:3], grid[1:3, 0]])).max() > TOLERANCE:
        return None  # rotated out of the plane of the map
    order = [2, 1, 3]  # column, row
    within = grid[np.ix_(order, order)]
    corner = within @ [-0.5, -0.5, 1] + [0.5, 0.5, 0]
    if geo.transform is not None:
        edges = within.copy()
        edges[:2, 2] = corner[:2]
        geo = replace(geo, transform=geo.transform @ edges)
        if max(abs(within[0, 1]), abs(within[1, 0])) > TOLERANCE:
            return replace(geo, tags={k: v for k, v in geo.tags.items() if k != RPC})
        starts = [(float(corner[i]), 1 / float(within[i, i])) for i in (1, 0)]
        return geo.polynomials_moved(*starts)
    if within[0, 1] or within[1, 0] or abs(within[0, 0] - within[1, 1]) > TOLERANCE:
        return None
    return geo.part(float(corner[1]), float(corner[0]), 1 / float(within[0, 0]))


def _resample_to_grid(values: Any, grid: Matrix, sides: tuple[int, ...], *, smooth: bool) -> Any:
    """Resample a mask or alpha channel to the grid of a layer; None if the grid is rotated."""
    if values is None or np.abs(np.concatenate([grid[0, 1:3], grid[1:3, 0]])).max() > TOLERANCE:
        return None
    if max(abs(grid[1, 2]), abs(grid[2, 1])) > TOLERANCE:
        return None
    rows, columns = (
        Grid(float(grid[i, 3] - grid[i, i] / 2 + 0.5), float(grid[i, i]), n)
        for i, n in zip((1, 2), sides, strict=True)
    )
    return regridded(values, rows, columns, smooth=smooth)


def _channels(
    options: Mapping[str, Any], data: Any, axes: str, origin: Origin | None
) -> tuple[Channel, ...]:
    before = origin.record.channels if origin is not None else ()
    if "C" in axes:
        return before if len(before) == data.shape[axes.index("C")] else ()
    if "S" in axes:
        return ()
    number = origin.channel if origin is not None else None
    own = Channel()
    if number is not None and number < len(before):
        own = before[number]
    elif len(before) == 1:
        own = before[0]
    limits = options.get("contrast_limits")
    window = own.window if limits is None else (float(limits[0]), float(limits[1]))
    colour = _colour(options.get("colormap")) or own.colour
    return (replace(own, colour=colour, window=window),)


def _colour(colormap: Any) -> tuple[int, int, int] | None:
    """Return the end colour of a colormap that is linear from black; None for others and grey."""
    if colormap is None:
        return None
    if isinstance(colormap, dict) and "colors" in colormap:
        colours = np.asarray(colormap["colors"], float)
    else:
        from napari.utils.colormaps import ensure_colormap

        colours = np.asarray(ensure_colormap(colormap).colors, float)
    # A linear colormap may be given by two colours or by many.
    end = colours[-1, :3]
    ramp = np.linspace(0, 1, len(colours))[:, None] * end
    if len(colours) < 2 or np.abs(colours[:, :3] - ramp).max() > 0.02 or np.ptp(end) < 0.02:
        return None
    red, green, blue = (round(255 * float(part)) for part in end)
    return red, green, blue


def _metadata(record: ImageFile, origin: Origin | None) -> dict[str, Any]:
    found = dict(record.metadata)
    if origin is not None and origin.channel is not None:
        for role in PER_BAND:
            values = found.get(role)
            if isinstance(values, tuple) and origin.channel < len(values):
                found[role] = (values[origin.channel],)
    return found
