"""A real viewer with the widget docked, and small models in the place of the shipped ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from napari.utils.notifications import notification_manager
from npe2 import PluginManager, PluginManifest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

import napari_srgan as ns
from napari_srgan.models import Model, save_model
from napari_srgan.plugin.widget.panel import SuperResolveWidget
from tests.conftest import MakeModel

PLUGIN = "napari-srgan"
TITLE = "Super-resolve layer"


@dataclass
class Opened:
    """A viewer with the widget in its dock, and a hand on the mouse."""

    viewer: Any
    widget: SuperResolveWidget
    bot: QtBot

    def click(self, button: Any) -> None:
        """Click a button with the left mouse button."""
        native: QWidget = getattr(button, "native", button)
        QTest.mouseClick(native, Qt.MouseButton.LeftButton)  # type: ignore[call-overload]

    def run(self) -> None:
        """Click the large button."""
        self.bot.waitUntil(self.widget.run_button.native.isEnabled, timeout=10_000)
        self.click(self.widget.run_button)

    def wait(self, until: Callable[[], object], seconds: float = 60) -> None:
        """Let the window work until something is so."""
        self.bot.waitUntil(lambda: bool(until()), timeout=round(1000 * seconds))

    def wait_for_jobs(self, seconds: float = 120) -> None:
        """Wait until no job is left."""
        self.wait(lambda: not self.widget.queue.jobs, seconds)

    def wait_until_settled(self) -> None:
        """Wait until nothing is being worked out any more."""
        estimate_updater = self.widget.estimate_updater
        self.wait(lambda: not estimate_updater.timer.isActive() and not estimate_updater.worker)

    def wait_for_estimate(self, *, timed: bool = False) -> Any:
        """Wait until it is known what will come out, and return it."""

        def known() -> bool:
            estimate = self.widget.estimate
            settled = (
                not self.widget.estimate_updater.timer.isActive()
                and not self.widget.estimate_updater.worker
            )
            return settled and estimate is not None and (not timed or estimate.seconds is not None)

        self.wait(known)
        return self.widget.estimate

    @property
    def names(self) -> list[str]:
        """Names of the layers, the lowest first."""
        return [layer.name for layer in self.viewer.layers]

    @property
    def message(self) -> str:
        """What the widget says under its buttons."""
        return self.widget.message.text()


@pytest.fixture(autouse=True)
def own_settings(plugin_settings: None, npe2pm: PluginManager) -> None:
    """Let this plugin alone be there, with settings of the test's own."""
    npe2pm.register(PluginManifest.from_distribution(PLUGIN))


@pytest.fixture(autouse=True)
def no_old_notifications() -> None:
    """Forget what earlier tests were told."""
    notification_manager.records.clear()


def idle() -> bool:
    """Whether nothing runs in the background."""
    pool = QThreadPool.globalInstance()
    assert pool is not None
    return pool.activeThreadCount() == 0


def put(folder: Path, name: str, model: Model) -> None:
    """Save a model under a name into the person's own folder, where it comes before all others."""
    folder.mkdir(exist_ok=True)
    save_model(folder / name, model.state_dict(), ns.ModelCard(name, model.network.config))


@pytest.fixture
def small_models(own_models: Path, make_model: MakeModel) -> None:
    """Put small random networks in the place of the shipped ones."""
    put(own_models, "gray-x4", make_model(1))
    put(own_models, "general-x4", make_model(3))


@pytest.fixture
def identity_models(own_models: Path, make_identity: MakeModel) -> None:
    """Put networks that repeat pixels in the place of the shipped ones."""
    put(own_models, "gray-x4", make_identity(1))
    put(own_models, "general-x4", make_identity(3))


@pytest.fixture
def slow_model(own_models: Path, make_model: MakeModel) -> None:
    """Put a network in the place of gray-x4 that takes its time."""
    put(own_models, "gray-x4", make_model(1, blocks=16, features=64))


@pytest.fixture
def open_widget(make_napari_viewer_proxy: Any, qtbot: QtBot) -> Iterator[Callable[..., Opened]]:
    """Return a function that opens a viewer with the widget."""
    opened: list[Opened] = []

    def make(**viewer_options: Any) -> Opened:
        viewer = make_napari_viewer_proxy(**viewer_options)
        _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, TITLE)
        opened.append(Opened(viewer, getattr(widget, "__wrapped__", widget), qtbot))
        opened[-1].wait(lambda: opened[-1].widget.model.cards)
        return opened[-1]

    yield make
    for each in opened:
        for job in list(each.widget.queue.jobs):
            job.cancel()
        each.wait(idle)
