"""The dock widget: choose a layer, read the estimate, click **Super-resolve layer**."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Shapes
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices

from ..errors import format_error
from ..jobs.estimate import Choices, Estimate, find_choices
from ..jobs.queue import queue_of
from ..jobs.region import camera_of
from ..jobs.total import Arguments, valid_arguments
from ..jobs.worker import make_worker
from ..layers.source import level_0
from .controls import PRECISION_TIP, show_card
from .estimate_updater import EstimateUpdater
from .form import Form
from .form_values import FormValues
from .job_list import JobList
from .labels import axes_of, source_text
from .live_button import LiveButton
from .messages import Messages, check_layers
from .run_buttons import RunButtons

if TYPE_CHECKING:
    import napari

    from ...models import ModelCard

DOCS = "https://github.com/napari-srgan/napari-srgan#in-napari"
"""opened by the help button"""


class SuperResolveWidget(Form):
    """Super-resolve an image layer of a viewer.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers are offered; results are added to it.

    Attributes
    ----------
    queue
        Job queue of the viewer.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.queue = queue_of(self.viewer)
        self.messages = Messages(self)
        self._connected_layers: tuple[Any, ...] = ()
        self._previous_sources: tuple[Image, ...] = ()
        self._estimate_key: tuple[Any, ...] = (None, None)
        self._previous_shapes: Shapes | None = None
        self.job_list = JobList(self.queue)
        self.add_job_list(self.job_list)
        self.values = FormValues(self, self.viewer, self._file_card)
        self.estimate_updater = EstimateUpdater(self._estimate_arguments, self)
        self.runs = RunButtons(
            self,
            self.values,
            self.queue,
            self.viewer,
            get_supported=lambda: self.supported,
            get_estimate=lambda: self.estimate,
            show_message=self.messages.show,
            on_error=self.messages.set_problem,
        )
        self.live = LiveButton(
            self, self.viewer, lambda layer: layer in self.supported, self.messages.show
        )
        self._connect()
        self.layer.attach(self.viewer)
        self.reset_choices()
        worker = make_worker(find_choices)
        worker.returned.connect(self._on_choices_found)
        worker.errored.connect(lambda error: self.messages.show(format_error(error), True))
        worker.start()

    def _connect(self) -> None:
        self.region.choices = lambda _: self.values.regions()
        self.model.attach(lambda: self.layer.source)
        self.runs.guard.timeout.connect(self._on_jobs_changed)
        self.estimate_updater.ready.connect(self._on_estimate)
        self.estimate_updater.failed.connect(self.messages.set_problem)
        self.layer.changed.connect(self._on_layer_changed)
        self.model.changed.connect(self._on_model_changed)
        self.region.changed.connect(self._on_region_changed)
        self.detail.slider.changed.connect(self.estimate_updater.schedule)
        for control in self.advanced.controls:
            control.changed.connect(self.estimate_updater.schedule)
        self.advanced.axes.changed.connect(self._on_layer_changed)
        self.help.changed.connect(lambda: QDesktopServices.openUrl(QUrl(DOCS)))
        self.card.changed.connect(self.show_card)
        self.queue.changed.connect(self._on_jobs_changed)
        self.queue.message.connect(self.messages.show)
        self.viewer.layers.selection.events.changed.connect(self._on_selection_changed)
        self.viewer.dims.events.connect(self._on_view_changed)
        camera_of(self.viewer).events.connect(self._on_view_changed)
        # A lambda, since Qt disconnects an object's own methods before it emits ``destroyed``.
        self.destroyed.connect(lambda: self._disconnect())

    def _disconnect(self) -> None:
        """Disconnect from the viewer when the dock widget is closed; jobs continue."""
        if self.messages.closed:
            return
        self.messages.closed = True
        self.queue.changed.disconnect(self._on_jobs_changed)
        self.queue.message.disconnect(self.messages.show)
        self.job_list.disconnect_all()
        self.viewer.layers.selection.events.changed.disconnect(self._on_selection_changed)
        self.viewer.dims.events.disconnect(self._on_view_changed)
        camera_of(self.viewer).events.disconnect(self._on_view_changed)
        self._connect_layers()
        self.layer.detach()
        self.live.close()
        self.estimate_updater.stop()

    @property
    def estimate(self) -> Estimate | None:
        """Estimate for the chosen layer and options, None if there is none."""
        return self.messages.estimate

    @property
    def supported(self) -> tuple[Image, ...]:
        """The chosen layers that can be super-resolved."""
        return self.messages.check.supported

    def reset_choices(self, *_: Any) -> None:
        """Update layers and regions; napari calls this when layers are added or removed."""
        if self.messages.closed:
            return
        self.layer.reset_choices()
        self.region.reset_choices()
        self._on_layer_changed()

    # -- choices ----------------------------------------------------------------------------------

    def _on_choices_found(self, found: Choices) -> None:
        if self.messages.closed:
            return
        self.advanced.set_devices(found.devices)
        self.advanced.precision.tooltip = f"{PRECISION_TIP}; here {found.precision}"
        self.model.set_cards(found.cards)
        self._on_model_changed()

    def _on_selection_changed(self, *_: Any) -> None:
        if self.layer.follow_selection():
            self._on_layer_changed()

    def _connect_layers(self, *layers: Any) -> None:
        """Connect to changes of these layers, and disconnect from the previous ones."""
        for name in ("data", "scale", "units", "axis_labels"):
            for layer in self._connected_layers:
                getattr(layer.events, name).disconnect(self._on_layer_changed)
            for layer in layers:
                getattr(layer.events, name).connect(self._on_layer_changed)
        self._connected_layers = layers

    def _on_layer_changed(self, *_: Any) -> None:
        layer = self.layer.source
        if self.layer.sources != self._previous_sources:
            # Typed axes and no-data value apply to one layer only.
            self._previous_sources = self.layer.sources
            self.advanced.clear_layer_options()
        shape = None if layer is None else level_0(layer).shape
        if (layer, shape) != self._estimate_key:
            self._estimate_key, self.messages.estimate = (layer, shape), None
        self._connect_layers(*(each for each in (layer, self.values.shapes) if each is not None))
        axes = self.values.axes
        self.layer_info.setText(source_text(layer, self.layer.remark, axes))
        if layer is not None:
            self.advanced.axes.native.setPlaceholderText(axes_of(layer))
        self.model.update_entries()
        self.messages.set_check(check_layers(self.layer, axes))
        self._update_card()
        self._on_jobs_changed()
        self.live.refresh()
        self.estimate_updater.schedule()

    def _on_region_changed(self, *_: Any) -> None:
        shapes, self._previous_shapes = self._previous_shapes, self.values.shapes
        if shapes is not None and shapes not in self.viewer.layers:
            self.messages.show(f"“{shapes.name}” is gone; the whole layer is taken.")
        self._on_layer_changed()

    def _on_model_changed(self, *_: Any) -> None:
        self.model.resolve(self)
        self._update_card()
        self.estimate_updater.schedule()

    def _update_card(self) -> None:
        card = self.values.card()
        self.card.enabled = card is not None
        self.detail.set_both_ends(card is not None and card.both_ends)

    def _file_card(self) -> ModelCard | None:
        return None if self.estimate is None else self.estimate.card

    def show_card(self) -> None:
        """Show the card of the chosen model."""
        card = self.values.card()
        if card is not None:
            show_card(card, self)

    # -- estimate ---------------------------------------------------------------------------------

    def _on_view_changed(self, *_: Any) -> None:
        if self.region.value != "layer":
            self.estimate_updater.schedule()

    def _on_jobs_changed(self, *_: Any) -> None:
        self.runs.refresh()
        if not self.queue.jobs:
            self.estimate_updater.schedule()

    def _estimate_arguments(self) -> list[Arguments]:
        layer = self.layer.source
        if layer is None or layer not in self.supported:
            return []

        def arguments(layer: Image) -> Arguments:
            return self.values.estimate_arguments(layer, measure_speed=not self.queue.jobs)

        others = [each for each in self.supported if each is not layer]
        return [arguments(layer), *valid_arguments(arguments, others)]

    def _on_estimate(self, estimate: Estimate | None) -> None:
        if self.messages.closed:
            return
        self.messages.estimate = estimate
        self._update_card()
        self.messages.set_estimate(estimate)
