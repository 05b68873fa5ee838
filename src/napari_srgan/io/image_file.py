"""One record that every format is read into and every writer writes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .rpc import finer_rpc

TIEPOINTS = 33922
"""TIFF tag: column, row, level, x, y, z of points whose place is known"""
GEO_KEYS = 34735
"""TIFF tag: the directory of the keys of a reference system"""

RPC = 50844
"""TIFF tag: rational polynomials from the ground to rows and columns"""

PER_BAND = ("scale", "offset", "bands", "band_names")
"""entries of a record's metadata that hold one value for each band"""
LONG_NAMES = {"µm": "micrometer", "mm": "millimeter", "m": "meter"}
"""units of length → their names in full, as OME-NGFF and pint have them"""


@dataclass(frozen=True)
class Channel:
    """What a file says of one channel or band."""

    name: str = ""
    colour: tuple[int, int, int] | None = None
    """red, green and blue, 0 to 255"""
    window: tuple[float, float] | None = None
    """intensities that the file asks to be shown as black and white"""
    emission: float | None = None
    """wavelength in nm"""
    excitation: float | None = None
    """wavelength in nm"""
    exposure: float | None = None
    """time in seconds"""


def points_are_centres(tags: Mapping[int, tuple[Any, ...]]) -> bool:
    """Whether coordinates in a GeoTIFF's tags are those of pixel centres (PixelIsPoint)."""
    keys = tags.get(GEO_KEYS, ())
    return any(keys[i] == 1025 and keys[i + 3] == 2 for i in range(4, len(keys) - 3, 4))


@dataclass(frozen=True)
class GeoReference:
    """Where a raster lies on the Earth.

    ``transform`` maps ``(column, row, 1)`` of pixel *corners*, so ``(0, 0)`` is the outer corner of
    the first pixel, to the coordinates of the reference system: a 3 × 3 matrix as GDAL has it.
    """

    transform: npt.NDArray[np.float64] | None
    tags: Mapping[int, tuple[Any, ...]] = field(default_factory=dict)
    """the keys of the reference system (GeoKeyDirectory and its numbers and texts) by TIFF tag"""
    crs: str = ""
    """the reference system in words, such as EPSG:32633, where it is known"""

    def part(self, first_row: float, first_column: float, factor: float) -> GeoReference:
        """Return the reference of a grid ``factor`` times finer that begins at a pixel's corner.

        Ground control points (tag 33922), which a file without a transform may have, move along, as
        do rational polynomials (50844).
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
        """Return a reference whose rational polynomials are those of another grid.

        ``rows`` and ``columns`` are where it begins and how many times finer it is.
        """
        if RPC not in self.tags:
            return self
        return replace(self, tags={**self.tags, RPC: finer_rpc(self.tags[RPC], rows, columns)})

    def steps(self) -> tuple[float, float]:
        """Return how far rows and columns lie apart in the units of the reference system, roughly.

        Of control points it is the mean, and of rational polynomials that at their middle; 1 where
        there is neither.
        """
        if self.transform is not None:
            column, row = np.hypot(*self.transform[:2, :2]).tolist()
            return row, column
        found = (1.0, 1.0)
        if values := self.tags.get(RPC):
            found = abs(values[9] / values[7]), abs(values[10] / values[8])
        elif len(points := self.tags.get(TIEPOINTS, ())) >= 12:
            table = np.reshape(points[: len(points) // 6 * 6], (-1, 6)).astype(float)
            with np.errstate(all="ignore"):  # what is too large is not taken
                span = np.ptp(table, axis=0)
                step = float(np.hypot(*span[3:5]) / (np.hypot(*span[:2]) or 1))
            found = step, step
        return found if all(0 < step < np.inf for step in found) else (1.0, 1.0)

    def _points(self, row: float, column: float, factor: float) -> dict[int, tuple[Any, ...]]:
        tags = dict(self.tags)
        if points := tags.get(TIEPOINTS):
            # Where values stand for points, whole numbers are the centres of pixels.
            half = 0.5 if points_are_centres(tags) else 0.0
            moved = list(points)
            for i in range(0, len(points) - 1, 6):
                moved[i] = (points[i] + half - column) * factor - half
                moved[i + 1] = (points[i + 1] + half - row) * factor - half
            tags[TIEPOINTS] = tuple(moved)
        return tags


@dataclass(frozen=True)
class ImageFile:
    """An image as it came from a file, or as it is to be written.

    Coordinates are those of pixel *centres*, the first of which is 0, everywhere but in ``geo``.
    """

    data: Any
    """a NumPy array, or a lazy one (dask) where the file is large"""
    axes: str | None = None
    """one letter per dimension of T C Z Y X S; None where the file does not say"""
    pixel_size: Mapping[str, float] = field(default_factory=dict)
    """axis letter (Y, X, Z) → size of a pixel in ``unit``, where the file says so; T in seconds"""
    unit: str = "µm"
    """of the pixel size and of the world: µm, mm, m, or degree"""
    name: str = ""
    """of this image, where the file holds several"""
    channels: tuple[Channel, ...] = ()
    """one for each entry of the axis C, where the file says so; one for an image without C"""
    levels: tuple[Any, ...] = ()
    """coarser levels of a pyramid, finest first, without ``data`` itself"""
    affine: npt.NDArray[np.float64] | None = None
    """4 × 4 matrix from pixel indices ``(z, y, x, 1)`` to the world in ``unit``, where the file has
    one (NIfTI, DICOM, OME's positions of a stage); the world of a volume of the body is
    ``(z, y, x)`` = superior, posterior, left (LPS reversed)"""
    geo: GeoReference | None = None
    nodata: float | None = None
    """value of pixels without one"""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """what else the file says, as its own library gives it"""
    missing: Any = None
    """booleans, true where a pixel has no value (a mask, an opacity of 0, an index of a palette),
    of shape Y, X or that of the image without S; lazy where the file is; None where all have one"""
    alpha: Any = None
    """opacity of shape Y, X of an image whose samples are not RGBA, which have it as their last"""
    labels: tuple[ImageFile, ...] = ()
    """images of the same place whose numbers stand for objects, where the file has some"""
