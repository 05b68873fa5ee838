"""Which tiles are in view: numbers only."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_srgan.engine.tiles import make_tiles
from napari_srgan.plugin.live.visible_tiles import Grid, clip, even_grid, grid_of_tiles

sides = st.integers(1, 300)


def overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return max(a[0], b[0]) < min(a[1], b[1])


@given(sides, sides, st.integers(0, 20), st.integers(1, 90))
def test_the_grid_is_that_of_the_tiles(height: int, width: int, halo: int, size: int) -> None:
    tiles = make_tiles((height, width), halo, size=size)
    grid = grid_of_tiles(tiles)
    assert grid.shape == (height, width)
    for spans in (grid.rows, grid.columns):
        assert spans[0][0] == 0
        assert all(a[1] == b[0] for a, b in pairwise(spans))
    for i in range(len(grid.rows)):
        for j in range(len(grid.columns)):
            tile = tiles[i * len(grid.columns) + j]
            assert grid.box((i, j)) == (tile.core_y, tile.core_x)


@given(sides, sides, st.integers(1, 90), st.data())
def test_the_cells_are_those_that_a_box_touches(
    height: int, width: int, side: int, data: st.DataObject
) -> None:
    grid = even_grid((height, width), (side, side))
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    box = (y0, data.draw(st.integers(y0 + 1, height))), (x0, data.draw(st.integers(x0 + 1, width)))
    every = [(i, j) for i in range(len(grid.rows)) for j in range(len(grid.columns))]
    expected = [c for c in every if all(map(overlap, grid.box(c), box))]
    assert grid.cells(box) == expected
    assert sorted(grid.nearest_first(box, (0, 0))) == expected


def test_the_cell_one_looks_at_comes_first() -> None:
    grid = even_grid((100, 100), (10, 10))
    order = grid.nearest_first(((0, 100), (0, 100)), (35, 75))
    assert order[0] == (3, 7)
    assert order[-1] in ((9, 0), (0, 0), (9, 9))
    ahead = [abs(i - 3) + abs(j - 7) for i, j in order[:5]]
    assert sorted(ahead) == [0, 1, 1, 1, 1]


def test_a_large_cell_of_which_little_is_seen_comes_later() -> None:
    grid = Grid(((0, 10),), ((0, 10), (10, 200), (200, 210)))
    assert grid.nearest_first(((0, 10), (0, 12)), (5, 6))[0] == (0, 0)


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (((2, 5), (0, 99)), ((2, 5), (3, 9))),
        (((-5, 100), (-5, 100)), ((1, 8), (3, 9))),
        (((8, 100), (0, 99)), None),
        (((-50, -40), (0, 99)), None),
    ],
)
def test_boxes_are_clipped(within: object, expected: object) -> None:
    assert clip(((1, 8), (3, 9)), within) == expected  # type: ignore[arg-type]
