"""The arrays that napari slices, and the store of what was computed."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_srgan.engine.axes import make_layout
from napari_srgan.engine.tiles import Span
from napari_srgan.plugin.live import source as live_source
from napari_srgan.plugin.live.array import Array, Cache, Key, LazyPlanes, plane_index
from napari_srgan.plugin.live.compositor import (
    Compositor,
    block_mean,
    coarser_levels,
    level_downsamplings,
    upsample_linear,
)
from napari_srgan.plugin.live.source import SourcePlanes
from napari_srgan.plugin.live.visible_tiles import even_grid

rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be left to the background, however busy the machine."""
    monkeypatch.setattr("napari_srgan.plugin.live.compositor.TIME_BUDGET", 1000)


def planes_of(data: Array, axes: str, channels: int = 1) -> LazyPlanes:
    """Return an array in memory as one that is read plane by plane."""
    layout = make_layout(axes, data.shape, channels)

    def read(key: Key, rows: Span, columns: Span) -> Array:
        return np.asarray(data[plane_index(layout, key, slice(*rows), slice(*columns))])

    return LazyPlanes(data.shape, data.dtype, layout, read)


def picture_of(data: Any, axes: str = "YX", scale: int = 4, cell: int = 8, most: int = 1 << 24):  # type: ignore[no-untyped-def]
    """Return a picture of a source that is not computed yet."""
    layout = make_layout(axes, data.shape, 3 if axes[-1] == "S" else 1)
    cache = Cache(most)
    grid = even_grid(layout.plane, (cell, cell))
    return Compositor(SourcePlanes(data, layout, cache, 7), scale, grid, cache, Cache(most))


def one_index(n: int) -> st.SearchStrategy[Any]:
    return st.one_of(st.integers(-n, n - 1), st.slices(n))


@pytest.mark.parametrize(
    ("axes", "shape", "channels"),
    [
        ("YX", (7, 9), 1),
        ("YXS", (7, 9, 3), 3),
        ("TZYX", (2, 3, 7, 9), 1),
        ("CYX", (3, 7, 9), 3),
        ("YCX", (7, 2, 9), 1),
        ("XYZ", (4, 5, 6), 1),
    ],
)
@given(data=st.data())
def test_lazy_planes_are_indexed_like_numpy(
    axes: str, shape: tuple[int, ...], channels: int, data: st.DataObject
) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)
    index = tuple(data.draw(one_index(n)) for n in shape[: data.draw(st.integers(0, len(shape)))])
    lazy = planes_of(array, axes, channels)[index]
    assert lazy.shape == array[index].shape
    assert np.array_equal(np.asarray(lazy), array[index])


def test_a_cut_and_then_a_slice_as_napari_does_it() -> None:
    array = rng.integers(0, 9, (4, 3, 20, 30))
    lazy = planes_of(array, "TZYX")[:, :, 5:17, 8:9]
    assert lazy.shape == (4, 3, 12, 1)
    assert np.array_equal(np.asarray(lazy[2, 1, :, :]), array[2, 1, 5:17, 8:9])
    assert np.asarray(lazy[..., 0]).shape == (4, 3, 12)


def test_the_store_keeps_to_its_limit_and_drops_the_oldest() -> None:
    cache = Cache(1000)
    for i in range(20):
        cache.put(i, np.zeros(100, "uint8"))
        cache.get(0)
        assert cache.nbytes <= 1000
    assert cache.get(0) is not None
    assert [i for i in range(20) if cache.get(i) is not None] == [0, *range(11, 20)]
    cache.pinned = frozenset([11, 12])
    for i in (30, 31):
        cache.put(i, np.zeros(100, "uint8"))
    assert [i for i in range(40) if cache.get(i) is not None] == [11, 12, *range(14, 20), 30, 31]
    cache.pinned = frozenset()
    cache.put(19, np.zeros(50, "uint8"))
    assert cache.nbytes == 950
    cache.clear()
    assert cache.nbytes == 0


@pytest.mark.parametrize(
    ("scale", "shrinks"),
    [(1, (1,)), (2, (1,)), (3, (1,)), (4, (1, 2)), (6, (1, 2)), (8, (1, 2, 4))],
)
def test_levels_lie_between_the_result_and_the_source(scale: int, shrinks: Any) -> None:
    assert level_downsamplings(scale) == shrinks


def test_what_is_not_computed_is_the_interpolated_source() -> None:
    y, x = np.mgrid[:20, :30].astype(np.float32)
    levels = picture_of(3 * y + 5 * x).levels(None)
    fine = np.asarray(levels[0])
    assert fine.shape == (80, 120)
    # A plane stays one, at its place: the pixel j of the result lies at (j + ½) / 4 − ½.
    v, u = (np.mgrid[:80, :120] + 0.5) / 4 - 0.5
    inside = (slice(2, -2), slice(2, -2))
    assert np.allclose(fine[inside], (3 * v + 5 * u)[inside], atol=1e-4)
    half = np.asarray(levels[1])
    assert np.allclose(half, fine.reshape(40, 2, 60, 2).mean((1, 3)), atol=1e-4)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "uint32", "int64", "uint64"])
def test_integers_are_interpolated_within_their_range(dtype: str) -> None:
    info = np.iinfo(dtype)
    data = np.array([[info.min, info.max], [info.max, info.max]], dtype)
    fine = np.asarray(picture_of(data).levels(None)[0])
    assert fine.dtype == dtype
    assert fine[-1, -1] >= info.max - info.max // 1000
    assert (block_mean(data, 2, (0, 1)).astype(float) >= info.min).all()


def test_interpolation_has_no_seams() -> None:
    data = rng.integers(0, 60_000, (50, 41), "uint16")
    in_cells = np.asarray(picture_of(data, cell=7).levels(None)[0])
    whole = upsample_linear(np.pad(data, 1, "edge"), 4, (0, 1))
    assert np.array_equal(in_cells, whole)


def test_what_time_does_not_suffice_for_is_repeated_and_then_refined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = rng.integers(0, 60_000, (50, 41), "uint16")
    picture = picture_of(data)
    with monkeypatch.context() as patch:
        patch.setattr("napari_srgan.plugin.live.compositor.TIME_BUDGET", -1)
        assert np.array_equal(np.asarray(picture.levels(None)[0]), data.repeat(4, 0).repeat(4, 1))
    assert len(picture.unrefined) == len(picture.grid.rows) * len(picture.grid.columns)
    while picture.refine():
        pass
    whole = upsample_linear(np.pad(data, 1, "edge"), 4, (0, 1))
    assert np.array_equal(np.asarray(picture.levels(None)[0]), whole)


def test_a_store_that_is_too_small_is_not_filled_over_and_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("napari_srgan.plugin.live.compositor.TIME_BUDGET", -1)
    lazy = da.from_array(rng.integers(0, 255, (64, 64), "uint8"), chunks=(8, 8))
    picture = picture_of(lazy, most=500)
    picture.source._seconds = 1
    rounds = 0
    while rounds < 5:
        np.asarray(picture.levels(None)[0])
        if not (picture.unrefined or picture.source.requested):
            break
        while picture.source.fetch() or picture.refine():
            pass
        rounds += 1
    assert 0 < rounds < 5


def test_tiles_are_shown_where_they_are() -> None:
    data = rng.integers(0, 255, (3, 16, 24, 3), "uint8")
    picture = picture_of(data, "ZYXS")
    before = np.asarray(picture.levels(None)[0])
    block = rng.integers(0, 255, (32, 32, 3), "uint8")
    picture.put((1,), (0, 2), block, version=0)
    assert picture.is_current((1,), (0, 2))
    assert not picture.is_current((0,), (0, 2))
    fine, half = (np.asarray(level) for level in picture.levels(None))
    assert np.array_equal(fine[1, :32, 64:], block)
    mean = block.reshape(16, 2, 16, 2, 3).mean((1, 3))
    assert np.abs(half[1, :16, 32:] - mean).max() <= 0.5
    fine[1, :32, 64:] = before[1, :32, 64:]
    assert np.array_equal(fine, before)


def test_tiles_of_another_model_are_shown_but_do_not_count() -> None:
    picture = picture_of(np.zeros((16, 16), "uint8"))
    picture.put((), (0, 0), np.full((32, 32), 9, "uint8"), version=0)
    picture.version = 1
    assert not picture.is_current((), (0, 0))
    assert (np.asarray(picture.levels(None)[0])[:32, :32] == 9).all()


def test_a_lazy_source_is_left_to_the_background_where_it_is_slow() -> None:
    data = rng.integers(0, 255, (5, 64, 64), "uint8")
    lazy = da.from_array(data, chunks=(1, 32, 32))
    layout = make_layout("ZYX", data.shape, 1)
    source = SourcePlanes(lazy, layout, Cache(1 << 20), 7)
    source._seconds = live_source.TIME_BUDGET
    level = source.lazy(None)
    assert (np.asarray(level[2]) == 7).all()
    assert len(source.requested) == 4
    while source.fetch():
        pass
    assert np.array_equal(np.asarray(level[2]), data[2])


def test_many_planes_at_once_share_the_windows_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_srgan.plugin.live.compositor.TIME_BUDGET", 1e-9)
    monkeypatch.setattr("napari_srgan.plugin.live.compositor.BUDGET_PERIOD", 1000)
    picture = picture_of(rng.integers(0, 255, (40, 64, 64), "uint8"), "ZYX")
    across = np.asarray(picture.levels(None)[0][:, 40:41, :][:, 0, :])
    assert across.shape == (40, 256)
    assert len(picture.unrefined) == 40 * 8


def test_a_quick_lazy_source_is_read_at_once() -> None:
    data = rng.integers(0, 255, (5, 16, 16), "uint8")
    source = SourcePlanes(
        da.from_array(data, chunks=(1, 16, 16)),
        make_layout("ZYX", data.shape, 1),
        Cache(1 << 20),
        7,
    )
    for _ in range(2):  # once to get to know it
        first = np.asarray(source.lazy(None)[3])
        while source.fetch():
            pass
    assert np.array_equal(np.asarray(source.lazy(None)[3]), data[3])
    assert first.shape == (16, 16)


def test_large_planes_have_coarser_levels_that_lie_on_them() -> None:
    y = np.mgrid[:5001, :4100][0].astype(np.float32)
    layout = make_layout("YX", y.shape, 1)
    levels = coarser_levels(y, layout, None)
    assert [level.shape for level in levels] == [(2500, 2050), (1250, 1025)]
    for level in levels:
        factor = 5001 / level.shape[0]
        centres = (np.arange(level.shape[0]) + 0.5) * factor - 0.5
        assert np.abs(np.asarray(level)[:, 0] - centres).max() <= 0.51
    assert coarser_levels(y[:100, :100], make_layout("YX", (100, 100), 1), None) == []
