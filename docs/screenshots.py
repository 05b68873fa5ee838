"""Makes the pictures of the documentation, with real clicks in a real window.

To be run as::

    xvfb-run -a -s "-screen 0 1280x800x24" python docs/screenshots.py

They are written beside this file; another folder may be given. With ``--theme light`` they show
napari's light theme, and their names end with ``_light``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_srgan.plugin.jobs.region import camera_of

SIZE = (1280, 800)
SAMPLES = {"microscopy": "tissue", "satellite": "moon", "fundus": "fundus"}
"""picture → sample: the Moon from an orbiter stands for satellite images"""
LONG = 300
"""seconds after which something is wrong"""


class Stage:
    """A napari window with the widget docked and a sample open."""

    def __init__(self, sample: str, theme: str) -> None:
        self.viewer = napari.Viewer(show_welcome_screen=False)
        self.viewer.theme = theme
        self.viewer.window.resize(*SIZE)
        self.viewer.open_sample("napari-srgan", sample)
        _, self.widget = self.viewer.window.add_plugin_dock_widget(
            "napari-srgan", "Super-resolve layer"
        )
        self.wait(lambda: self.widget.estimate is not None and self.widget.estimate.seconds)
        self.viewer.reset_view()

    def wait(self, until: Callable[[], Any]) -> None:
        """Let the window work until something is so."""
        end = time.monotonic() + LONG
        while not until():
            if time.monotonic() > end:
                raise TimeoutError("the window does not get ready")
            QApplication.processEvents()
            time.sleep(0.01)

    def settle(self, seconds: float = 1) -> None:
        """Let the window draw what is new."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end)

    def run(self) -> None:
        """Click the large button."""
        self.wait(self.widget.run_button.native.isEnabled)
        QTest.mouseClick(self.widget.run_button.native, Qt.MouseButton.LeftButton)  # type: ignore[call-overload]

    def wait_for_progress(self, part: float) -> None:
        """Wait until a part of the run is done; all of it is done when the layer is there."""
        jobs = self.widget.queue.jobs
        self.wait(lambda: not jobs or (jobs[0].progress and jobs[0].progress.done >= part < 1))

    def shoot(self, path: Path) -> None:
        """Write a picture of the window."""
        self.settle()
        pixels = self.viewer.screenshot(canvas_only=False, flash=False)
        Image.fromarray(pixels).convert("RGB").save(path, quality=88)
        print(path)

    def close(self) -> None:
        """Close the window."""
        self.viewer.close()


def main(folder: Path, theme: str) -> None:
    """Make all pictures."""
    end = ".jpg" if theme == "dark" else f"_{theme}.jpg"
    for picture, sample in SAMPLES.items():
        stage = Stage(sample, theme)
        stage.shoot(folder / f"widget_{picture}{end}")
        if picture == "fundus":
            stage.run()
            stage.wait_for_progress(0.3)
            stage.shoot(folder / f"running{end}")
            stage.wait_for_progress(1)
            side_by_side(stage)
            stage.shoot(folder / f"result{end}")
        stage.close()


def side_by_side(stage: Stage) -> None:
    """Show source and result beside each other, zoomed to the optic disc."""
    layers = stage.viewer.layers
    layers.remove("retina (HR)")
    canvas = getattr(stage.viewer, "canvas", stage.viewer)
    canvas.grid.enabled = True
    canvas.grid.shape = (1, 2)
    canvas.grid.stride = 1
    camera = camera_of(stage.viewer)
    camera.center = (0, 730, 240)
    camera.zoom = 1.6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    given = parser.parse_args()
    main(given.folder, given.theme)
