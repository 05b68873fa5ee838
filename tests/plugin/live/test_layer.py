"""The live view: exact, where one looks, and gone when it is to be gone."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Points
from napari.utils.notifications import notification_manager
from pytestqt.qtbot import QtBot

import napari_srgan as ns
from napari_srgan.plugin.live import controller as live_control
from napari_srgan.plugin.live.controller import LiveController, controller_of
from napari_srgan.plugin.live.visible_tiles import Cell
from tests.conftest import MakeModel

rng = np.random.default_rng(0)

Show = Callable[..., tuple[Any, Any, LiveController]]


def live_on(layer: Any) -> LiveController:
    """Return what belongs to a live layer."""
    live = controller_of(getattr(layer, "__wrapped__", layer))
    assert live is not None
    return live


def wait(bot: QtBot, until: Callable[[], object], seconds: float = 60) -> None:
    """Let the window work until something is so."""
    bot.waitUntil(lambda: bool(until()), timeout=round(1000 * seconds))


def everything(live: LiveController, *keys: tuple[int, ...]) -> None:
    """Have all tiles of some planes computed."""
    grid = live.compositor.grid
    cells = grid.cells(((0, grid.shape[0]), (0, grid.shape[1])))
    for key in keys:
        live.worker.request(key, cells)
        live.worker.join(60)
        assert sharp(live, key) == set(cells)


def sharp(live: LiveController, key: tuple[int, ...] = ()) -> set[Cell]:
    """Return the cells whose tiles are there."""
    grid = live.compositor.grid
    every = grid.cells(((0, grid.shape[0]), (0, grid.shape[1])))
    return {cell for cell in every if live.compositor.is_current(key, cell)}


@pytest.fixture
def show(make_napari_viewer_proxy: Any, qtbot: QtBot) -> Iterator[Show]:
    """Return a function that shows the live view of an image in a window."""
    shown: list[LiveController] = []

    def make(
        data: Any,
        model: ns.Model,
        zoom: float = 8,
        before: Callable[[LiveController], None] | None = None,
    ) -> Any:
        viewer = make_napari_viewer_proxy(show=True)
        source = viewer.add_image(data, name="a", contrast_limits=(0, 255))
        layer = ns.live_layer(getattr(source, "__wrapped__", source), model, tile=16)
        if before is not None:
            before(live_on(layer))
        viewer.scene.camera.zoom = zoom
        viewer.add_layer(layer)
        shown.append(live_on(layer))
        return viewer, source, shown[-1]

    yield make
    for live in shown:
        live.stop()
        live.worker.join(30)


def image(*shape: int) -> Any:
    """Return an image of noise."""
    return rng.integers(0, 255, shape, "uint8")


@pytest.mark.parametrize(
    ("data", "channels", "options", "keys"),
    [
        (rng.normal(size=(150, 170)).astype("f4"), 1, {}, [()]),
        (rng.integers(100, 4000, (2, 140, 50), "uint16"), 1, {"axes": "ZYX"}, [(0,), (1,)]),
        (image(150, 160, 3), 3, {}, [()]),
        (image(50, 160, 4), 3, {}, [()]),
        (image(130, 140, 3), 1, {}, [()]),
        (image(3, 130, 140), 3, {"axes": "CYX"}, [()]),
        (image(2, 2, 30, 140), 1, {"axes": "TCYX"}, [(0, 0), (0, 1), (1, 0), (1, 1)]),
        (np.where(image(140, 50) < 9, np.nan, image(140, 50)).astype("f4"), 1, {}, [()]),
        (image(40, 150), 1, {"consistency": 1, "nodata": 3, "normalise": (0.0, 99.0)}, [()]),
    ],
)
def test_complete_it_is_the_result_to_the_bit(
    make_model: MakeModel, qtbot: QtBot, data: Any, channels: int, options: Any, keys: Any
) -> None:
    rgb = data.shape[-1] in (3, 4)
    source, model = Image(data, rgb=rgb, scale=(2,) * (data.ndim - rgb)), make_model(channels)
    # Windows so large that a run does not take two of them together, which rounds otherwise.
    options = {"precision": "float32", "tile": 96, **options}
    layer = ns.live_layer(source, model, **options)
    everything(live_on(layer), *keys)
    assert len(sharp(live_on(layer), keys[0])) > 1
    expected = ns.super_resolve_layer(source, model, **options)
    assert len(layer.data) == 3
    assert np.array_equal(np.asarray(layer.data[0]), expected.data, equal_nan=True)
    assert layer.data[2] is data
    assert np.array_equal(layer.scale, expected.scale)
    assert np.array_equal(layer.translate, expected.translate)


def test_tiles_of_another_size_change_hardly_a_level(make_model: MakeModel, qtbot: QtBot) -> None:
    data = rng.integers(0, 60_000, (150, 170), "uint16")
    source, model = Image(data), make_model()
    layer = ns.live_layer(source, model, tile=20)
    everything(live_on(layer), ())
    expected = ns.super_resolve_layer(source, model).data.astype(int)
    assert np.abs(np.asarray(layer.data[0]).astype(int) - expected).max() <= 1


def test_all_levels_are_drawn_on_the_same_place(show: Show, make_identity: MakeModel) -> None:
    viewer, source, live = show(image(48, 64), make_identity(), zoom=8)
    layer: Any = live.layer
    layer.visible = False
    expected = viewer.screenshot(flash=False)
    layer.visible, source.visible = True, False
    bot_wait = viewer.screenshot  # draws
    for level in range(3):
        layer.locked_data_level = level
        if level < 2:
            # The identity repeats pixels, as the window does.
            live.worker.request((), sorted(live.compositor.grid.cells(((0, 48), (0, 64)))))
            live.worker.join(60)
            layer.refresh()
        assert np.array_equal(bot_wait(flash=False), expected), level


def test_zoomed_out_nothing_is_computed(show: Show, make_model: MakeModel, qtbot: QtBot) -> None:
    viewer, _, live = show(image(600, 600), make_model(), zoom=0.9)
    viewer.screenshot(flash=False)
    layer: Any = live.layer
    assert layer.data_level == 2
    assert live.worker.computed == 0
    assert not live.worker.running
    viewer.scene.camera.zoom = 8
    wait(qtbot, lambda: live.worker.computed)
    assert layer.data_level < 2
    assert "source" not in layer.metadata


def test_what_one_looks_at_is_sharp_first_and_nothing_else_is(
    show: Show, make_model: MakeModel, qtbot: QtBot
) -> None:
    viewer, _, live = show(image(400, 400), make_model(1, blocks=8, features=32), zoom=0.9)
    viewer.screenshot(flash=False)
    camera, grid = viewer.scene.camera, live.compositor.grid
    camera.center = (0, 300, 100)
    camera.zoom = 16
    viewer.screenshot(flash=False)
    wait(qtbot, lambda: live.worker.computed)
    # The store drops what was put first, so it lists its tiles in the order in which they came.
    oldest: Any = next(iter(live.tiles._entries))
    first = oldest[1]
    assert first in grid.cells(((299, 302), (99, 102)))
    wait(qtbot, lambda: not live.worker.running)
    height, width = (n / 16 for n in viewer.canvas.size)
    box = (300 - height / 2, 300 + height / 2), (100 - width / 2, 100 + width / 2)
    seen = grid.cells(tuple((int(a), int(b) + 1) for a, b in box))  # type: ignore[arg-type]
    inner = grid.cells(tuple((int(a) + 2, int(b) - 1) for a, b in box))  # type: ignore[arg-type]
    assert set(inner) <= sharp(live) <= set(seen)


def test_tiles_that_have_left_the_view_are_left_out(
    show: Show, make_model: MakeModel, qtbot: QtBot
) -> None:
    viewer, _, live = show(image(400, 400), make_model(1, blocks=16, features=64), zoom=0.9)
    viewer.screenshot(flash=False)
    camera, grid = viewer.scene.camera, live.compositor.grid
    camera.zoom, camera.center = 6, (0, 60, 60)
    viewer.screenshot(flash=False)
    wait(qtbot, lambda: live.worker.running)
    camera.zoom, camera.center = 30, (0, 350, 350)
    viewer.screenshot(flash=False)
    wait(qtbot, lambda: not live.worker.running)
    there = grid.cells(((345, 355), (345, 355)))
    assert set(there) <= sharp(live)
    assert len(sharp(live)) < 12
    assert len(grid.nearest_first(((10, 110), (0, 120)), (60, 60))) > 24


def test_the_slice_in_view_is_computed(show: Show, make_model: MakeModel, qtbot: QtBot) -> None:
    viewer, _, live = show(image(5, 40, 40), make_model(), zoom=14)
    viewer.screenshot(flash=False)
    at = viewer.dims.current_step[0]
    wait(qtbot, lambda: sharp(live, (at,)) and not live.worker.running)
    viewer.dims.current_step = (4, 0, 0)
    viewer.screenshot(flash=False)
    wait(qtbot, lambda: sharp(live, (4,)) and not live.worker.running)
    assert [bool(sharp(live, (z,))) for z in range(5)] == [z in (at, 4) for z in range(5)]


def test_a_hidden_layer_computes_nothing(show: Show, make_model: MakeModel, qtbot: QtBot) -> None:
    viewer, _, live = show(image(300, 300), make_model(1, blocks=8, features=32), zoom=8)
    viewer.screenshot(flash=False)
    layer: Any = live.layer
    wait(qtbot, lambda: live.worker.running)
    layer.visible = False
    wait(qtbot, lambda: not live.worker.running)
    computed = live.worker.computed
    viewer.scene.camera.center = (0, 30, 30)
    viewer.screenshot(flash=False)
    assert not live.worker.running
    layer.visible = True
    wait(qtbot, lambda: live.worker.computed > computed)


def test_the_old_picture_stays_until_the_new_model_has_drawn_its_own(
    show: Show, make_model: MakeModel, make_identity: MakeModel, qtbot: QtBot
) -> None:
    data = image(40, 40)
    viewer, source, live = show(data, make_identity(), zoom=14)
    viewer.screenshot(flash=False)
    wait(qtbot, lambda: sharp(live) and not live.worker.running)
    layer: Any = live.layer
    repeated = data.repeat(4, 0).repeat(4, 1)
    assert np.array_equal(np.asarray(layer.data[0]), repeated)
    raw = getattr(source, "__wrapped__", source)
    model = make_model()
    options = live.prepared.requested_options
    from napari_srgan.plugin.live.prepare import prepare

    live.worker.stopped = True
    assert not live.apply(prepare(raw, model, options))
    live.worker.stopped = False
    assert live.apply(prepare(raw, model, options)) is (model.halo == make_identity().halo)
    wait(qtbot, lambda: sharp(live) and not live.worker.running)
    expected = ns.super_resolve_layer(raw, model, tile=16).data
    assert np.array_equal(np.asarray(layer.data[0]), expected)


def test_the_store_is_bounded_and_nothing_goes_round_in_circles(
    show: Show, make_model: MakeModel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 400_000
    monkeypatch.setattr(live_control, "MAX_BYTES", most)
    viewer, _, live = show(image(200, 200), make_model(), zoom=3)
    largest = 0
    for place in range(40, 180, 40):
        before = live.worker.computed
        viewer.scene.camera.center = (0, place, place)
        viewer.screenshot(flash=False)
        qtbot.wait(200)  # until the window has drawn the new place
        wait(qtbot, lambda: live.complete)
        largest = max(largest, live.cache.nbytes + live.tiles.nbytes)
        # A move may be seen in two steps, of which the first has begun a few tiles.
        assert live.worker.computed - before < 2 * live.compositor.max_tiles()
    assert live.worker.computed > 10
    assert most / 4 < largest <= most
    assert live.complete


def test_live_layers_share_the_memory_that_is_meant_for_all(
    make_model: MakeModel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 400_000
    monkeypatch.setattr(live_control, "MAX_BYTES", most)
    viewer, layers, lives = ViewerModel(), [], []
    for i in range(4):
        source = viewer.add_image(image(100, 100), name=f"{i}")
        layers.append(viewer.add_layer(ns.live_layer(source, make_model(), tile=16)))
        lives.append(live_on(layers[-1]))
        lives[-1].attach(viewer)
        for live in lives:
            grid = live.compositor.grid
            live.worker.request((), grid.cells(((0, 100), (0, 100)))[: live.compositor.max_tiles()])
            live.worker.join(60)
        held = sum(live.tiles.nbytes for live in lives)
        limits = {store.limit for live in lives for store in (live.tiles, live.cache)}
        assert limits == {most // (2 * (i + 1))}
        assert most / 4 < held <= most / 2
    # A layer that goes leaves its part to the others.
    viewer.layers.remove(layers[0])
    assert [live.tiles.limit for live in lives] == [most // 8, *[most // 6] * 3]
    viewer.layers.clear()


def test_it_ends_with_its_layer(show: Show, make_model: MakeModel, qtbot: QtBot) -> None:
    viewer, _, live = show(image(300, 300), make_model(1, blocks=8, features=32), zoom=8)
    viewer.screenshot(flash=False)
    wait(qtbot, lambda: live.worker.running)
    viewer.layers.remove(live.layer)
    assert live.worker.stopped
    wait(qtbot, lambda: not live.worker.running, 5)
    assert not live.redraw.timer.isActive()


def test_it_goes_with_its_source(show: Show, make_model: MakeModel, qtbot: QtBot) -> None:
    viewer, source, live = show(image(100, 100), make_model())
    viewer.screenshot(flash=False)
    viewer.layers.remove(source)
    assert len(viewer.layers) == 0
    assert live.worker.stopped


def test_a_layer_that_was_never_shown_leaves_nothing(make_model: MakeModel, qtbot: QtBot) -> None:
    layer = ns.live_layer(Image(image(50, 50)), make_model())
    work, gone = live_on(layer).worker, weakref.ref(layer)
    del layer
    gc.collect()
    assert gone() is None
    assert work.stopped


def test_a_source_that_fails_is_said_once_and_stays_visible(
    show: Show, make_model: MakeModel, qtbot: QtBot
) -> None:
    def broken(block: Any) -> Any:
        raise OSError("the disk is gone")

    notification_manager.records.clear()
    good = image(200, 200)
    bad = da.from_array(good).map_blocks(broken, dtype="uint8", meta=np.empty(0, "uint8"))

    def break_it(live: LiveController) -> None:
        live.worker.data = bad

    viewer, source, live = show(good, make_model(), before=break_it)
    viewer.screenshot(flash=False)
    wait(qtbot, lambda: live.worker.stopped)
    wait(qtbot, lambda: notification_manager.records)
    viewer.scene.camera.center = (0, 20, 20)
    viewer.screenshot(flash=False)
    (said,) = [r.message for r in notification_manager.records]
    assert said == "Live view of “a”: The disk is gone."
    assert source.visible
    assert not live.worker.running


def test_new_data_of_the_source_are_shown(
    show: Show, make_identity: MakeModel, qtbot: QtBot
) -> None:
    viewer, source, live = show(image(40, 40), make_identity(), zoom=14)
    viewer.screenshot(flash=False)
    wait(qtbot, lambda: sharp(live))
    new = image(30, 35)
    source.data = new
    viewer.screenshot(flash=False)
    wait(qtbot, lambda: sharp(live) and not live.worker.running)
    layer: Any = live.layer
    assert np.array_equal(np.asarray(layer.data[0]), new.repeat(4, 0).repeat(4, 1))
    assert layer.data[2] is new


def test_it_moves_with_its_source(make_model: MakeModel, qtbot: QtBot) -> None:
    source = Image(image(20, 30), scale=(2, 3))
    layer = ns.live_layer(source, make_model())
    source.scale, source.translate, source.rotate = (5, 7), (1, 2), 30
    expected = ns.super_resolve_layer(source, make_model())
    for name in ("scale", "translate", "rotate", "shear"):
        assert np.allclose(getattr(layer, name), getattr(expected, name)), name


def test_a_run_of_a_live_layer_is_one_of_its_source(make_identity: MakeModel, qtbot: QtBot) -> None:
    source = Image(image(20, 30), name="a", scale=(2, 3))
    finer = ns.super_resolve_layer(ns.live_layer(source, make_identity()), make_identity())
    assert finer.name == "a ×4"
    assert finer.data.shape == (80, 120)
    again = ns.live_layer(ns.live_layer(source, make_identity()), make_identity())
    assert live_on(again).source is source


@pytest.mark.parametrize("multiscale", [False, True])
def test_lazy_sources_are_read_in_the_background(
    show: Show, make_identity: MakeModel, qtbot: QtBot, multiscale: bool
) -> None:
    data = image(60, 60)
    lazy = da.from_array(data, chunks=(20, 20))
    levels: Any = [lazy, lazy[::2, ::2]] if multiscale else lazy
    viewer, _, live = show(levels, make_identity(), zoom=9)
    viewer.screenshot(flash=False)
    wait(qtbot, lambda: sharp(live) and not live.worker.running)
    layer: Any = live.layer
    assert len(layer.data) == 3 + multiscale
    assert np.array_equal(np.asarray(layer.data[0]), data.repeat(4, 0).repeat(4, 1))
    for level, source in zip(layer.data[2:], levels if multiscale else [lazy], strict=True):
        assert np.array_equal(np.asarray(level), np.asarray(source))


def test_it_says_how_it_was_made(show: Show, make_model: MakeModel, qtbot: QtBot) -> None:
    viewer, _, live = show(rng.integers(0, 9000, (40, 40), "uint16"), make_model(), zoom=14)
    viewer.screenshot(flash=False)
    wait(qtbot, lambda: sharp(live) and live.complete)
    layer: Any = live.layer
    made = layer.metadata["napari_srgan"]
    assert layer.name == "a ×4 live"
    assert made["model"] == "random-1"
    wait(qtbot, lambda: made["normalise"][0][1] > 8000)


@pytest.mark.parametrize(
    ("layer", "options", "error", "message"),
    [
        (Points(np.zeros((3, 2)), name="spots"), {}, TypeError, "only image layers"),
        (Image(np.zeros((9, 9))), {"axes": "YQ"}, ValueError, r"\['Q'\]"),
        (Image(np.zeros((9, 9))), {"normalise": "no"}, ValueError, "allowed are 'auto'"),
        (Image(np.zeros((9, 9))), {"tile": 0}, ValueError, "at least 1"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    make_model: MakeModel, qtbot: QtBot, layer: Any, options: Any, error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        ns.live_layer(layer, make_model(), **options)


@pytest.mark.timing
@pytest.mark.slow
def test_python_ends_while_it_computes() -> None:
    code = """
import time
import napari, numpy as np, napari_srgan as ns
from napari_srgan.plugin.live.controller import controller_of
viewer = napari.Viewer(show=True)
layer = viewer.add_layer(ns.live_layer(viewer.add_image(np.random.rand(400, 400))))
viewer.scene.camera.zoom = 5
viewer.screenshot(flash=False)
print(controller_of(layer).worker.running)
since = time.perf_counter()
"""
    ends = "import atexit\natexit.register(lambda: print(time.perf_counter() - since < 5))\n"
    # What is registered first is called last.
    code = code.replace("import napari,", ends + "since = 0\nimport napari,", 1)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "True"]
    assert "Traceback" not in done.stderr
