"""`ImageFile`, the common representation of images in all formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .rpc import finer_rpc

TIEPOINTS = 33922
"""TIFF tag: column, row, level, x, y, z of ground control points"""
GEO_KEYS = 34735
"""TIFF tag: GeoKeyDirectory of the reference system"""

RPC = 50844
"""TIFF tag: rational polynomial coefficients (RPC)"""

PER_BAND = ("scale", "offset", "bands", "band_names")
"""entries of `ImageFile.metadata` with one value for each band"""
LONG_NAMES = {"µm": "micrometer", "mm": "millimeter", "m": "meter"}
"""full names of units of length, as in OME-NGFF and pint"""


@dataclass(frozen=True)
class Channel:
    """Metadata of a channel or band."""

    name: str = ""
    colour: tuple[int, int, int] | None = None
    """red, green and blue, 0 to 255"""
    window: tuple[float, float] | None = None
    """intensities displayed as black and white"""
    emission: float | None = None
    """wavelength in nm"""
    excitation: float | None = None
    """wavelength in nm"""
    exposure: float | None = None
    """time in seconds"""


def points_are_centres(tags: Mapping[int, tuple[Any, ...]]) -> bool:
    """Whether coordinates in GeoTIFF tags refer to pixel centres (PixelIsPoint)."""
    keys = tags.get(GEO_KEYS, ())
    return any(keys[i] == 1025 and keys[i + 3] == 2 for i in range(4, len(keys) - 3, 4))


@dataclass(frozen=True)
class GeoReference:
    """Georeference of a raster.

    ``transform`` maps ``(column, row, 1)`` to coordinates of the reference system: a 3 × 3 matrix
    as in GDAL. It refers to pixel *corners*, so ``(0, 0)`` is the outer corner of the first pixel.
    """

    transform: npt.NDArray[np.float64] | None
    tags: Mapping[int, tuple[Any, ...]] = field(default_factory=dict)
    """the reference system (GeoKeyDirectory and its numbers and texts) by TIFF tag"""
    crs: str = ""
    """name of the reference system, such as EPSG:32633, if known"""

    def part(self, first_row: float, first_column: float, factor: float) -> GeoReference:
        """Return the reference of a grid ``factor`` times finer that begins at a pixel's corner.

        Ground control points (tag 33922) of a file without a transform, and rational polynomials
        (50844), are converted too.
        """
        rows, columns = (first_row, factor), (first_column, factor)
        if self.transform is None:
            points = self._points(first_row, first_column, factor)
            return replace(self, tags=points).polynomials_moved(rows, columns)
        move = np.array([[1 / factor, 0, first_column], [0, 1 / factor, first_row], [0, 0, 1]])
        return replace(self, transform=self.transform @ move).polynomials_moved(rows, columns)

    def polynomials_moved(
        self, rows: tuple[float, float], columns: tuple[float, float]
    ) -> GeoReference:
        """Convert the rational polynomials to another grid.

        ``rows`` and ``columns`` are its start and its factor of refinement.
        """
        if RPC not in self.tags:
            return self
        return replace(self, tags={**self.tags, RPC: finer_rpc(self.tags[RPC], rows, columns)})

    def steps(self) -> tuple[float, float]:
        """Return the approximate distance of rows and of columns in units of the reference system.

        For control points it is the mean; for rational polynomials, that at their centre; 1
        without either.
        """
        if self.transform is not None:
            column, row = np.hypot(*self.transform[:2, :2]).tolist()
            return row, column
        found = (1.0, 1.0)
        if values := self.tags.get(RPC):
            found = abs(values[9] / values[7]), abs(values[10] / values[8])
        elif len(points := self.tags.get(TIEPOINTS, ())) >= 12:
            table = np.reshape(points[: len(points) // 6 * 6], (-1, 6)).astype(float)
            with np.errstate(all="ignore"):  # overflow is checked below
                span = np.ptp(table, axis=0)
                step = float(np.hypot(*span[3:5]) / (np.hypot(*span[:2]) or 1))
            found = step, step
        return found if all(0 < step < np.inf for step in found) else (1.0, 1.0)

    def _points(self, row: float, column: float, factor: float) -> dict[int, tuple[Any, ...]]:
        tags = dict(self.tags)
        if points := tags.get(TIEPOINTS):
            # With PixelIsPoint, integer coordinates are pixel centres.
            half = 0.5 if points_are_centres(tags) else 0.0
            moved = list(points)
            for i in range(0, len(points) - 1, 6):
                moved[i] = (points[i] + half - column) * factor - half
                moved[i + 1] = (points[i + 1] + half - row) * factor - half
            tags[TIEPOINTS] = tuple(moved)
        return tags


@dataclass(frozen=True)
class ImageFile:
    """An image from a file, or to be written to one.

    Coordinates refer to pixel *centres*, the first of which is at 0, except in ``geo``.
    """

    data: Any
    """numpy array, or a lazy one (dask) for a large file"""
    axes: str | None = None
    """one letter per dimension of T C Z Y X S; None if unknown"""
    pixel_size: Mapping[str, float] = field(default_factory=dict)
    """pixel size by axis letter (Y, X, Z) in ``unit``, and T in seconds; only known ones"""
    unit: str = "µm"
    """unit of pixel size and world coordinates: µm, mm, m, or degree"""
    name: str = ""
    """name of this image in a file with several"""
    channels: tuple[Channel, ...] = ()
    """one for each entry of the axis C, or one for an image without C; empty if unknown"""
    levels: tuple[Any, ...] = ()
    """coarser levels of a pyramid, finest first, without ``data`` itself"""
    affine: npt.NDArray[np.float64] | None = None
    """4 × 4 matrix from pixel indices ``(z, y, x, 1)`` to world coordinates in ``unit``, if the
    file has one (NIfTI, DICOM, OME stage positions); the world of a medical volume is ``(z, y, x)``
    = superior, posterior, left (LPS reversed)"""
    geo: GeoReference | None = None
    nodata: float | None = None
    """nodata value"""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """other metadata, as its library returns it"""
    missing: Any = None
    """boolean array, True at missing pixels (from a mask, an alpha of 0, a palette index), of shape
    Y, X or that of the image without S; lazy if the file is; None if all pixels are valid"""
    alpha: Any = None
    """alpha of shape Y, X for an image without RGBA samples (those include alpha)"""
    labels: tuple[ImageFile, ...] = ()
    """label images at the same position"""
