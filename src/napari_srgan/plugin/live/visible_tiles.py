"""Grid of the tiles of a plane: which tiles are in view, and in which order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...engine.tiles import Span, Tiles

Cell = tuple[int, int]
"""index of a cell in its grid, along Y and X"""
Box = tuple["Span", "Span"]
"""spans of rows and columns: first index and last index + 1"""


@dataclass(frozen=True)
class Grid:
    """Division of a plane into rows and columns of cells, in pixels, without gaps."""

    rows: tuple[Span, ...]
    """spans of the rows of cells, in order"""
    columns: tuple[Span, ...]
    """spans of the columns of cells, in order"""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the plane in pixels."""
        return self.rows[-1][1], self.columns[-1][1]

    @property
    def max_cell_pixels(self) -> int:
        """Number of pixels of the largest cell."""
        return max(b - a for a, b in self.rows) * max(b - a for a, b in self.columns)

    def box(self, cell: Cell) -> Box:
        """Return the rows and columns of pixels of a cell."""
        return self.rows[cell[0]], self.columns[cell[1]]

    def cells(self, box: Box) -> list[Cell]:
        """Return the cells that overlap a box, row by row."""
        rows, columns = _overlapping(self.rows, box[0]), _overlapping(self.columns, box[1])
        return [(i, j) for i in rows for j in columns]

    def nearest_first(self, box: Box, centre: tuple[float, float]) -> list[Cell]:
        """Return the cells that overlap a box, sorted by distance from a point.

        The distance is measured to the centre of the part of the cell inside the box, so that a
        large cell of which little is visible does not come first.
        """

        def distance(cell: Cell) -> float:
            total = 0.0
            for span, visible, at in zip(self.box(cell), box, centre, strict=True):
                middle = (max(span[0], visible[0]) + min(span[1], visible[1])) / 2
                total += (middle - at) ** 2
            return total

        return sorted(self.cells(box), key=distance)


def grid_of_tiles(tiles: Tiles) -> Grid:
    """Return the grid of the tiles of a plan; cell (i, j) is tile i·columns + j."""
    rows, columns = (tuple(core for core, _ in spans) for spans in (tiles.rows, tiles.columns))
    return Grid(rows, columns)


def even_grid(shape: tuple[int, int], side: tuple[int, int]) -> Grid:
    """Return a grid of cells of size ``side``, cropped at the border."""
    rows, columns = (
        tuple((a, min(a + step, n)) for a in range(0, n, step))
        for n, step in zip(shape, side, strict=True)
    )
    return Grid(rows, columns)


def clip(box: Box, within: Box) -> Box | None:
    """Return the intersection of two boxes, None if it is empty."""
    (y0, y1), (x0, x1) = (
        (max(a[0], b[0]), min(a[1], b[1])) for a, b in zip(box, within, strict=True)
    )
    return ((y0, y1), (x0, x1)) if y0 < y1 and x0 < x1 else None


def _overlapping(spans: Sequence[Span], span: Span) -> range:
    first = bisect_right([last for _, last in spans], span[0])
    after = bisect_left([first for first, _ in spans], span[1])
    return range(first, after)
