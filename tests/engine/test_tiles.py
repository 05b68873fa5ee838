from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_srgan.engine.tiles import choose_grid, make_tiles, window_length

lengths = st.integers(1, 200)


@given(lengths, lengths, st.integers(0, 20), st.integers(1, 64))
def test_cores_cover_every_pixel_once(height: int, width: int, halo: int, size: int) -> None:
    count = np.zeros((height, width), int)
    for tile in make_tiles((height, width), halo, size=size):
        count[tile.core()] += 1
    assert (count == 1).all()


@given(lengths, lengths, st.integers(0, 20), st.integers(1, 64))
def test_windows_hold_the_halo_and_have_one_shape(
    height: int, width: int, halo: int, size: int
) -> None:
    tiles = make_tiles((height, width), halo, size=size)
    assert len({t.window_shape for t in tiles}) == 1
    for tile in tiles:
        for core, window, length in (
            (tile.core_y, tile.window_y, height),
            (tile.core_x, tile.window_x, width),
        ):
            assert 0 <= window[0] <= max(0, core[0] - halo)
            assert min(length, core[1] + halo) <= window[1] <= length


@given(lengths, lengths, st.integers(0, 20), st.integers(1, 64), st.data())
def test_a_region_is_covered_once_and_sees_its_halo(
    height: int, width: int, halo: int, size: int, data: st.DataObject
) -> None:
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    y1 = data.draw(st.integers(y0 + 1, height))
    x1 = data.draw(st.integers(x0 + 1, width))
    count = np.zeros((height, width), int)
    for tile in make_tiles((height, width), halo, size=size, region=((y0, y1), (x0, x1))):
        count[tile.core()] += 1
        assert tile.window_y[0] <= max(0, tile.core_y[0] - halo)
        assert tile.window_x[1] >= min(width, tile.core_x[1] + halo)
    expected = np.zeros_like(count)
    expected[y0:y1, x0:x1] = 1
    assert (count == expected).all()


@pytest.mark.parametrize("shape", [(512, 512), (300, 2000), (1024, 768), (4096, 4096)])
@pytest.mark.parametrize("pixels", [96 * 96, 200_000, 400_000])
def test_chosen_grid_is_the_best_there_is(shape: tuple[int, int], pixels: int) -> None:
    halo = 40

    def work(rows: int, columns: int) -> tuple[int, int]:
        window = [window_length(n, k, halo) for n, k in zip(shape, (rows, columns), strict=True)]
        return window[0] * window[1], rows * columns * window[0] * window[1]

    every = [work(r, c) for r in range(1, 260) for c in range(1, 260)]
    least = min(total for window, total in every if window <= pixels)
    window, total = work(*choose_grid(shape, halo, pixels))
    assert window <= pixels
    assert total == least


def test_one_tile_where_everything_fits() -> None:
    (tile,) = make_tiles((50, 60), 40, pixels=3000)
    assert tile.window == (slice(0, 50), slice(0, 60))


def test_core_is_given_in_finer_pixels() -> None:
    tile = make_tiles((100, 100), 8, size=30)[-1]
    assert tile.core(4)[0] == slice(4 * tile.core()[0].start, 400)
    inside = tile.core_in_window()
    assert inside[0].start == tile.core_y[0] - tile.window_y[0]
