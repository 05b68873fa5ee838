"""Which tiles of a plane are in view, and in which order: numbers only."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...engine.tiles import Span, Tiles

Cell = tuple[int, int]
"""place of a tile in its grid, along Y and X"""
Box = tuple["Span", "Span"]
"""rows and columns: the first and the one after the last"""


@dataclass(frozen=True)
class Grid:
    """How a plane is divided into cells, in pixels of the plane.

    The rows and columns of cells cover the plane without gaps, in order.
    """

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the plane."""
        return self.rows[-1][1], self.columns[-1][1]

    @property
    def most_pixels(self) -> int:
        """Pixels of the largest cell."""
        return max(b - a for a, b in self.rows) * max(b - a for a, b in self.columns)

    def box(self, cell: Cell) -> Box:
        """Return the pixels of a cell."""
        return self.rows[cell[0]], self.columns[cell[1]]

    def cells(self, box: Box) -> list[Cell]:
        """Return the cells that share a pixel with a box, row by row."""
        rows, columns = _touched(self.rows, box[0]), _touched(self.columns, box[1])
        return [(i, j) for i in rows for j in columns]

    def nearest_first(self, box: Box, centre: tuple[float, float]) -> list[Cell]:
        """Return the cells that share a pixel with a box, those nearest to a point first.

        The distance is that from the point to the middle of the part of the cell in the box, so
        that a large cell of which little is in view does not come before what one looks at.
        """

        def distance(cell: Cell) -> float:
            total = 0.0
            for span, seen, at in zip(self.box(cell), box, centre, strict=True):
                middle = (max(span[0], seen[0]) + min(span[1], seen[1])) / 2
                total += (middle - at) ** 2
            return total

        return sorted(self.cells(box), key=distance)


def grid_of_tiles(tiles: Tiles) -> Grid:
    """Return the grid of a plan's tiles; the tile of cell (i, j) is number i·columns + j."""
    rows, columns = (tuple(core for core, _ in spans) for spans in (tiles.rows, tiles.columns))
    return Grid(rows, columns)


def even_grid(shape: tuple[int, int], side: tuple[int, int]) -> Grid:
    """Return a grid of cells of ``side``, the last ones cut at the border."""
    rows, columns = (
        tuple((a, min(a + step, n)) for a in range(0, n, step))
        for n, step in zip(shape, side, strict=True)
    )
    return Grid(rows, columns)


def clip(box: Box, within: Box) -> Box | None:
    """Return what two boxes share, None where that is nothing."""
    (y0, y1), (x0, x1) = (
        (max(a[0], b[0]), min(a[1], b[1])) for a, b in zip(box, within, strict=True)
    )
    return ((y0, y1), (x0, x1)) if y0 < y1 and x0 < x1 else None


def _touched(spans: Sequence[Span], wanted: Span) -> range:
    first = bisect_right([last for _, last in spans], wanted[0])
    after = bisect_left([first for first, _ in spans], wanted[1])
    return range(first, after)
