"""The widget: choose a layer, see what will come out, click **Super-resolve layer**."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Shapes
from qtpy.QtCore import QTimer, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication, QFileDialog

from ..options import choose_model
from . import preferences
from .background import make_worker
from .controls import PRECISION_TIP, renew, show_card
from .descriptions import axes_of, outlook_text, source_text
from .extent import Extent, around_centre, camera_of, spans_of
from .file_layers import MADE
from .form import Form
from .job_rows import JobRows
from .jobs import EXPECTED, Job, Order, queue_of, sentence
from .layers import layer_source, source_of
from .live_switch import LiveSwitch
from .lookout import Lookout
from .outlook import Outlook, Survey, survey

if TYPE_CHECKING:
    import napari

    from ..engine.tiles import Span
    from ..models import ModelCard

DOCS = "https://github.com/napari-srgan/napari-srgan#in-napari"
FILE = "choose a file…"
PREVIEW_SECONDS = 2.0
PREVIEW_PIXELS = 128 * 128
"""pixels of a preview while the speed is not known"""
EXTENTS: dict[str, Extent] = {
    "whole layer": "layer",
    "current view": "view",
    "current slice": "slice",
}


class SuperResolveWidget(Form):
    """Super-resolve an image layer of a viewer.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers are offered; results are added to it.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.queue = queue_of(self.viewer)
        self.cards: dict[str, ModelCard] = {}
        self.files: list[Path] = []
        self.outlook: Outlook | None = None
        self.problem = ""
        """why there would be no result"""
        self.said: tuple[str, bool] = ("", False)
        """what happened last, and whether something went wrong"""
        self._watched: tuple[Any, ...] = ()
        self._before: Image | None = None
        self._closed = False
        self.rows = JobRows(self.queue)
        self.add_jobs(self.rows)
        self.lookout = Lookout(self._question, self)
        self._guard = QTimer(self)
        self.live = LiveSwitch(self)
        self._connect()
        self.reset_choices()
        self._follow_selection()
        worker = make_worker(survey)
        worker.returned.connect(self._surveyed)
        worker.errored.connect(lambda error: self.say(sentence(error), True))
        worker.start()

    def _connect(self) -> None:
        for combo, choices in (
            (self.layer, self._image_layers),
            (self.model, self._models),
            (self.region, self._regions),
        ):
            combo.choices = choices
        self.model.value = preferences.get("model")
        self._guard.setSingleShot(True)
        self._guard.setInterval(QApplication.doubleClickInterval())
        self._guard.timeout.connect(self._jobs_changed)
        self.lookout.seen.connect(self._seen)
        self.lookout.failed.connect(self._cannot)
        self.layer.changed.connect(self._layer_changed)
        self.model.changed.connect(self._model_changed)
        self.region.changed.connect(self._layer_changed)
        self.detail.slider.changed.connect(self.lookout.soon)
        for control in self.advanced.controls:
            control.changed.connect(self.lookout.soon)
        self.advanced.axes.changed.connect(self._layer_changed)
        self.run_button.changed.connect(self.run_or_cancel)
        self.preview_button.changed.connect(self.preview)
        self.help.changed.connect(lambda: QDesktopServices.openUrl(QUrl(DOCS)))
        self.card.changed.connect(self.show_card)
        self.queue.changed.connect(self._jobs_changed)
        self.queue.said.connect(self.say)
        self.viewer.layers.selection.events.active.connect(self._follow_selection)
        self.viewer.dims.events.connect(self._view_changed)
        camera_of(self.viewer).events.connect(self._view_changed)
        # A lambda, since Qt lets go of an object's own methods before it says that it is gone.
        self.destroyed.connect(lambda: self._disconnect())

    def _disconnect(self) -> None:
        """Let go of the viewer when the dock is closed; jobs go on."""
        if self._closed:
            return
        self._closed = True
        self.queue.changed.disconnect(self._jobs_changed)
        self.queue.said.disconnect(self.say)
        self.rows.disconnect_all()
        self.viewer.layers.selection.events.active.disconnect(self._follow_selection)
        self.viewer.dims.events.disconnect(self._view_changed)
        camera_of(self.viewer).events.disconnect(self._view_changed)
        self._watch()
        self.live.close()
        self.lookout.stop()

    # -- what there is to choose from -------------------------------------------------------------

    def _image_layers(self, _: Any = None) -> list[tuple[str, Image]]:
        images = [each for each in self.viewer.layers if isinstance(each, Image)]
        return [(each.name, each) for each in images if source_of(each) is each]

    def _models(self, _: Any = None) -> list[tuple[str, Any]]:
        layer = self.layer.value
        auto = "auto" if layer is None else f"auto: {choose_model(rgb=layer.rgb)}"
        kept = preferences.get("model")
        names = list(self.cards) or ([kept] if kept != "auto" else [])
        files: list[tuple[str, Any]] = [(path.name, path) for path in self.files]
        return [
            (auto, "auto"),
            *((name, name) for name in names),
            *files,
            (FILE, FILE),
        ]

    def _regions(self, _: Any = None) -> list[tuple[str, Any]]:
        shapes = [each for each in self.viewer.layers if isinstance(each, Shapes)]
        return [*EXTENTS.items(), *((f"rectangle in {each.name}", each) for each in shapes)]

    def _surveyed(self, found: Survey) -> None:
        if self._closed:
            return
        self.cards = {card.name: card for card in found.cards}
        self.advanced.set_devices(found.devices)
        self.advanced.precision.tooltip = f"{PRECISION_TIP}; here {found.precision}"
        renew(self.model)
        self._model_changed()

    def reset_choices(self, *_: Any) -> None:
        """Take up layers that came, went or were renamed."""
        if self._closed:
            return
        self.layer.reset_choices()
        self.region.reset_choices()
        self._layer_changed()

    # -- changes ----------------------------------------------------------------------------------

    def _follow_selection(self, *_: Any) -> None:
        """Take the image layer that is selected, unless it is a result of this widget."""
        active = self.viewer.layers.selection.active
        if isinstance(active, Image) and MADE not in active.metadata:
            with self.layer.changed.blocked():
                self.layer.reset_choices()
                self.layer.value = active
        self._layer_changed()

    def _watch(self, *layers: Any) -> None:
        """Listen to these layers instead of those before."""
        for name in ("data", "scale", "units", "axis_labels"):
            for layer in self._watched:
                getattr(layer.events, name).disconnect(self._layer_changed)
            for layer in layers:
                getattr(layer.events, name).connect(self._layer_changed)
        self._watched = layers

    def _layer_changed(self, *_: Any) -> None:
        layer = self.layer.value
        if layer is not self._before:
            # What was said of the axes and values of one layer does not hold for another.
            self._before = layer
            self.advanced.forget()
        region = self.region.value
        shapes = region if isinstance(region, Shapes) else None
        self._watch(*(each for each in (layer, shapes) if each is not None))
        given = self.advanced.axes.value.strip() or None
        self.about.setText(source_text(layer, self.viewer.layers.selection.active, given))
        if layer is not None:
            self.advanced.axes.native.setPlaceholderText(axes_of(layer))
        renew(self.model)
        self._card_changed()
        self._jobs_changed()
        self.live.refresh()
        self.lookout.soon()

    def _model_changed(self, *_: Any) -> None:
        if self.model.value == FILE:
            name, _filter = QFileDialog.getOpenFileName(
                self, "Choose a model", "", "Models (*.safetensors)"
            )
            if name and Path(name) not in self.files:
                self.files.append(Path(name))
            renew(self.model)
            with self.model.changed.blocked():
                self.model.value = Path(name) if name else "auto"
        self._card_changed()
        self.lookout.soon()

    def _card_changed(self) -> None:
        card = self._card()
        self.card.enabled = card is not None
        self.detail.set_both_ends(card is not None and card.both_ends)

    def _card(self) -> ModelCard | None:
        layer, chosen = self.layer.value, self.model.value
        if chosen == "auto":
            chosen = choose_model(rgb=layer is not None and layer.rgb)
        if isinstance(chosen, Path):
            return self.outlook.card if self.outlook is not None else None
        return self.cards.get(chosen)

    def _view_changed(self, *_: Any) -> None:
        if self.region.value != "layer":
            self.lookout.soon()

    def _jobs_changed(self, *_: Any) -> None:
        job = self._own_job()
        if job is None:
            self.run_button.text = "Super-resolve layer"
        else:
            self.run_button.text = "Cancelling…" if job.state == "cancelling" else "Cancel"
        usable = self.layer.value is not None and not self._guard.isActive()
        self.run_button.enabled = usable and (job is None or job.state != "cancelling")
        self.preview_button.enabled = self.layer.value is not None
        if job is None and not self.queue.jobs:
            self.lookout.soon()

    def _own_job(self) -> Job | None:
        """Return the run of the chosen layer that is not over, previews left aside."""
        return next((j for j in self.queue.of(self.layer.value) if not j.order.preview), None)

    # -- what will come out -----------------------------------------------------------------------

    def _question(self) -> dict[str, Any] | None:
        layer = self.layer.value
        if layer is None:
            return None
        spans = self._spans(layer)
        chosen = self.advanced.chosen(layer, self.detail.detail)
        data, options = layer_source(layer, chosen, shown=spans is not None)
        return {
            "data": data,
            "model": self.model.value,
            "options": options,
            "spans": spans,
            "may_time": not self.queue.jobs,
        }

    def _spans(self, layer: Image) -> list[Span] | None:
        """Return the part that is chosen; None for all of the layer."""
        chosen = self.region.value
        if chosen == "layer":
            return None
        if isinstance(chosen, Shapes):
            return spans_of("rectangle", layer, self.viewer, chosen)
        return spans_of(chosen, layer, self.viewer)

    def _seen(self, outlook: Outlook | None) -> None:
        if self._closed:
            return
        self.outlook, self.problem = outlook, ""
        self._card_changed()
        self._show()

    def _cannot(self, problem: str) -> None:
        self.outlook, self.problem = None, problem
        self._show()

    def _show(self) -> None:
        if self._closed:
            return
        layer = self.layer.value
        self.forecast.setText(
            outlook_text(self.outlook, layer) if self.outlook and layer is not None else ""
        )
        notes = [f"⚠ {self.problem}"] if self.problem else []
        if self.outlook is not None:
            notes += self.outlook.notes
        if self.said[0]:
            notes.append(f"⚠ {self.said[0]}" if self.said[1] else self.said[0])
        self.message.setText("\n".join(notes))

    def say(self, text: str, wrong: bool = False) -> None:
        """Tell the person a sentence."""
        self.said = (text, wrong)
        self._show()

    # -- the buttons ------------------------------------------------------------------------------

    def run_or_cancel(self) -> None:
        """Queue a run of the chosen layer; if it has one already, cancel that."""
        job = self._own_job()
        if job is not None:
            job.cancel()
            return
        self._order()
        # The second click of a double click is not a cancel.
        self.run_button.enabled = False
        self._guard.start()

    def preview(self) -> None:
        """Queue a run of what is in view, or as much of its middle as is quickly done."""
        layer = self.layer.value
        try:
            spans, cut = around_centre(
                spans_of("view", layer, self.viewer), layer, self.viewer, self._preview_pixels()
            )
        except EXPECTED as error:
            self._cannot(sentence(error))
            return
        if self._order(spans, preview=True) and cut:
            self.say("The view is large; the preview shows its middle. Zoom in for all of it.")

    def _preview_pixels(self) -> int:
        if self.outlook is None or self.outlook.seconds_per_pixel is None:
            return PREVIEW_PIXELS
        window = (PREVIEW_SECONDS / self.outlook.seconds_per_pixel) ** 0.5
        return max(PREVIEW_PIXELS // 4, int(max(window - 2 * self.outlook.halo, 0)) ** 2)

    def _order(self, spans: list[Span] | None = None, *, preview: bool = False) -> bool:
        layer = self.layer.value
        self.say("")
        try:
            order = Order(
                layer,
                self.model.value,
                self.advanced.chosen(layer, self.detail.detail),
                spans if preview else self._spans(layer),
                preview=preview,
                hide_source=preferences.get("hide_source"),
            )
        except EXPECTED as error:
            self._cannot(sentence(error))
            return False
        self._remember()
        return self.queue.add(order) is not None

    def _remember(self) -> None:
        self.advanced.remember()
        if self.detail.detail is not None:
            preferences.put("detail", self.detail.detail)
        if self.model.value == "auto" or self.model.value in self.cards:
            preferences.put("model", self.model.value)

    def show_card(self) -> None:
        """Show what is known of the chosen model."""
        card = self._card()
        if card is not None:
            show_card(card, self)
