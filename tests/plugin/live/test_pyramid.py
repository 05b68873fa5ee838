"""Large images without a pyramid: drawn at once, read beside the window, and nothing twice."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
from napari.utils.notifications import notification_manager
from pytestqt.qtbot import QtBot

from napari_srgan.plugin import settings
from napari_srgan.plugin.live.pyramid import Overview, overview_of, with_overview

rng = np.random.default_rng(0)


def sampled(data: Any, step: int) -> Any:
    """Return the middle one of every ``step × step`` pixels."""
    rows, columns = (n // step * step for n in data.shape)
    return data[step // 2 : rows : step, step // 2 : columns : step]


def ready(overview: Overview, levels: list[Any]) -> list[Any]:
    """Return the levels when all of them was read."""
    for level in levels:
        np.asarray(level)
    overview.join(30)
    assert not overview.running
    return [np.asarray(level) for level in levels]


def test_levels_are_samples_of_the_image(qtbot: QtBot) -> None:
    data = rng.integers(0, 250, (6000, 5003), "uint8")
    _, *levels = with_overview([da.from_array(data, chunks=1000)], "YX", 7)
    assert [level.shape for level in levels] == [(3000, 2501), (1500, 1250)]
    for step, level in zip((2, 4), ready(levels[0].owner, levels), strict=True):
        assert np.array_equal(level, sampled(data, step))


def test_colours_and_slices_are_kept_together(qtbot: QtBot) -> None:
    data = rng.integers(0, 250, (2, 2500, 2600, 3), "uint8")
    _, level = with_overview([da.from_array(data, chunks=(1, 900, 900, 3))], "ZYXS", 0)
    assert level.shape == (2, 1250, 1300, 3)
    np.asarray(level[1])
    level.owner.join(30)
    assert np.array_equal(np.asarray(level[1]), data[1, 1::2, 1::2])
    assert not np.asarray(level[0]).any()


def test_what_is_small_or_in_memory_is_left_as_it_is(qtbot: QtBot) -> None:
    small, large = da.zeros((900, 2048)), np.zeros((3000, 3000))
    assert with_overview([small], "YX", 0) == [small]
    assert with_overview([large], "YX", 0)[0] is large
    assert len(with_overview([large], "YX", 0)) == 1


def test_what_is_not_read_yet_is_shown_from_coarser_levels(qtbot: QtBot) -> None:
    data = np.add.outer(np.arange(8200), np.arange(8200)).astype("float32")
    _, *levels = with_overview([da.from_array(data, chunks=1000)], "YX", -1)
    overview = levels[0].owner
    assert (np.asarray(levels[2]) == -1).all()
    overview.join(30)
    overview.stopped = True
    shown = np.asarray(levels[0])
    assert np.abs(shown - data[1::2, 1::2]).max() <= 8


@pytest.fixture
def slow_file(tmp_path: Path) -> Path:
    """Return a file of 18 MB that is read from disk."""
    settings.put("lazy_over", 0)
    settings.put("live_on_opening", False)
    data = rng.integers(0, 250, (3000, 6000), "uint8")
    tifffile.imwrite(tmp_path / "a.tif", data, tile=(256, 256), compression="zlib")
    return tmp_path / "a.tif"


def test_a_window_shows_all_of_it_in_the_end(
    make_napari_viewer_proxy: Any, qtbot: QtBot, slow_file: Path
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    (layer,) = viewer.open(str(slow_file), plugin="napari-srgan")
    raw = getattr(layer, "__wrapped__", layer)
    overview = overview_of(raw)
    assert overview is not None
    viewer.reset_view()
    qtbot.waitUntil(lambda: overview.updates > 0 and not overview.running, timeout=30_000)
    qtbot.wait(300)
    drawn = raw._slice.image.raw
    assert np.array_equal(drawn, sampled(tifffile.imread(slow_file), 4))
    news = overview.updates
    qtbot.wait(300)
    assert overview.updates == news


@pytest.mark.timing
def test_reading_ends_when_the_layer_is_removed(
    make_napari_viewer_proxy: Any, qtbot: QtBot
) -> None:
    import napari_srgan.plugin.files.on_open as opening

    def slowly(block: Any) -> Any:
        time.sleep(0.05)
        return block

    lazy = da.zeros((30_000, 30_000), dtype="uint8", chunks=2000).map_blocks(slowly, dtype="uint8")
    viewer = make_napari_viewer_proxy(show=True)
    levels = with_overview([lazy], "YX", 0)
    opening.prepare_for_viewer([])
    layer = viewer.add_image(levels, multiscale=True, contrast_limits=(0, 255))
    overview = levels[-1].owner
    qtbot.waitUntil(lambda: overview.running, timeout=10_000)
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: not overview.running, timeout=3_000)


def test_a_file_that_fails_is_said_once(make_napari_viewer_proxy: Any, qtbot: QtBot) -> None:
    def broken(block: Any) -> Any:
        raise OSError("the disk is gone")

    lazy = da.zeros((5000, 5000), dtype="uint8", chunks=1000).map_blocks(
        broken, dtype="uint8", meta=np.empty(0, "uint8")
    )
    notification_manager.records.clear()
    viewer = make_napari_viewer_proxy(show=True)
    levels = with_overview([lazy], "YX", 0)
    viewer.add_image(levels, multiscale=True, contrast_limits=(0, 255))
    qtbot.waitUntil(lambda: bool(notification_manager.records), timeout=10_000)
    assert [record.message for record in notification_manager.records] == ["The disk is gone."]
