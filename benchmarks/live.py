"""How smooth the window stays with a live view, and how soon it is sharp.

Run as ``xvfb-run -a -s "-screen 0 1280x800x24" python -m benchmarks.live`` on a machine without a
screen and without other work. Blocks are times for which the window did not come to its turn while
a script pans and zooms: with the live view, and of napari alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import napari
import numpy as np
import psutil
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

import napari_srgan as ns
from napari_srgan.engine.run import Run
from napari_srgan.plugin.jobs.region import camera_of
from napari_srgan.plugin.jobs.worker import one_core_free
from napari_srgan.plugin.live.controller import LiveController, controller_of
from napari_srgan.plugin.live.worker import tile_plan

SIDE = 4096
"""pixels along each side of the image, which is of 16 bit"""
TICK = 0.005
"""seconds between two turns of an idle window"""


def let(seconds: float) -> None:
    """Let the window work for a time."""
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        QApplication.processEvents()
        time.sleep(min(0.001, end - now))


def sharp(live: LiveController) -> None:
    """Let the window work until all in view is sharp."""
    let(0.1)
    while not live.complete:
        let(0.02)


@contextmanager
def gaps(clock: Any = time.perf_counter) -> Iterator[list[float]]:
    """Collect the seconds between the turns of the window."""
    found: list[float] = []
    last = clock()

    def tick() -> None:
        nonlocal last
        now = clock()
        found.append(now - last)
        last = now

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(round(1000 * TICK))
    yield found
    timer.stop()


def pan_and_zoom(camera: Any, seconds: float, row: float) -> None:
    """Move the camera as a hand does, about fifty times in a second."""
    for step in range(round(50 * seconds)):
        camera.center = (0, row + 2 * step, 1000 + 3 * step)
        camera.zoom = 3 + 2 * np.sin(step / 20)
        let(0.02)


def blocks(camera: Any, title: str) -> None:
    """Print how long the window was blocked while it was moved about."""
    pan_and_zoom(camera, 2, 400)  # what napari does but once
    for clock, name in ((time.perf_counter, "wall clock"), (time.thread_time, "its own work")):
        with gaps(clock) as found:
            pan_and_zoom(camera, 8, 1200)
        late = 1000 * np.array(found)
        worst = [np.percentile(late, 50), np.percentile(late, 99), late.max()]
        print(f"| {title}, {name} | " + " | ".join(f"{ms:.0f}" for ms in worst) + " |", flush=True)


def network_seconds(live: LiveController, data: Any, place: int) -> float:
    """Return how long the network takes for the tile at a pixel of the diagonal, as it runs live.

    Parameters
    ----------
    live
        A live view that has computed a tile already, of one plane.
    data
        Of its source.
    place
        Row and column in pixels of the source.
    """
    (cell,) = live.compositor.grid.cells(((place, place + 1), (place, place + 1)))
    assert live.worker.plan is not None
    part = tile_plan(live.worker.plan, (), cell)
    with one_core_free():
        since = time.perf_counter()
        for _ in Run(part, data, live.worker._runner).into(np.empty(part.shape, part.dtype)):
            pass
        return time.perf_counter() - since


def first_tile(live: LiveController, camera: Any, data: Any, place: int) -> tuple[float, float]:
    """Return seconds from a jump to the first tile drawn, and of the network for it alone."""
    camera.zoom, camera.center = 20, (0, place, place)
    before, since = live.worker.computed, time.perf_counter()
    drawn = live._drawn_updates
    while live.worker.computed == before or live._drawn_updates == drawn:
        let(0.001)
    seconds = time.perf_counter() - since
    sharp(live)
    return seconds, network_seconds(live, data, place)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pan", type=float, default=60, help="seconds of panning for the memory")
    pan: float = parser.parse_args().pan
    data = np.random.default_rng(0).integers(0, 4096, (SIDE, SIDE), "uint16")
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(1280, 800)
    source = viewer.add_image(data, name="a", contrast_limits=(0, 4096))
    camera, process = camera_of(viewer), psutil.Process()
    print("| blocked, ms | median | 99 % | longest |\n|---|---|---|---|")
    blocks(camera, "napari alone")
    layer = viewer.add_layer(ns.live_layer(source))
    live = controller_of(layer)
    assert live is not None
    camera.zoom = 4
    sharp(live)
    blocks(camera, "with a live view")
    sharp(live)
    times = [first_tile(live, camera, data, place) for place in range(2000, 4000, 400)]
    for seconds, network in times:
        print(
            f"first tile {1000 * seconds:.0f} ms after a jump, {1000 * network:.0f} ms of them the "
            f"network's: {1000 * (seconds - network):.0f} ms late"
        )
    sharp(live)
    used = sum(process.cpu_times()[:2])
    loop = QEventLoop()
    QTimer.singleShot(10_000, loop.quit)
    loop.exec()
    idle = sum(process.cpu_times()[:2]) - used
    print(f"idle for 10 s: {idle:.2f} s of processor time", flush=True)
    memory = [process.memory_info().rss / 2**20]
    for part in range(4):
        pan_and_zoom(camera, pan / 4, 300 + 600 * part)
        memory.append(process.memory_info().rss / 2**20)
    held = (live.tiles.nbytes + live.cache.nbytes) / 2**20
    said = ", ".join(f"{mb:.0f}" for mb in memory)
    print(f"memory while panning for {pan:.0f} s: {said} MB, {held:.0f} of them tiles")
    viewer.close()


if __name__ == "__main__":
    main()
