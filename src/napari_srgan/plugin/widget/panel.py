"""The widget: choose a layer, see what will come out, click **Super-resolve layer**."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Shapes
from qtpy.QtCore import QTimer, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication, QFileDialog

from ...options import choose_model
from .. import settings
from ..jobs.estimate import Choices, Estimate, find_choices
from ..jobs.queue import (
    EXPECTED,
    Job,
    Order,
    queue_of,
    sentence,
)
from ..jobs.region import (
    Extent,
    around_centre,
    camera_of,
    spans_of,
)
from ..jobs.worker import make_worker
from ..layers.source import layer_source, level_0, missing_of
from ..layers.validation import doubt, refusal
from .controls import PRECISION_TIP, show_card
from .estimate_updater import EstimateUpdater
from .form import Form
from .job_list import JobList
from .labels import axes_of, estimate_text, source_text
from .live_button import LiveButton
from .object_choice import file_texts

if TYPE_CHECKING:
    import napari

    from ...engine.tiles import Span
    from ...models import ModelCard
    from ...options import Options

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
        self.estimate: Estimate | None = None
        self.problem = ""
        """why there would be no result"""
        self.refused = ""
        """why none of the chosen layers can be super-resolved"""
        self.fit: tuple[Image, ...] = ()
        """the chosen layers that can be super-resolved"""
        self.remarks: list[str] = []
        """what a person should know of the chosen layers"""
        self.said: tuple[str, bool] = ("", False)
        """what happened last, and whether something went wrong"""
        self._watched: tuple[Any, ...] = ()
        self._before: tuple[Image, ...] = ()
        self._estimate_of: tuple[Any, ...] = (None, None)
        self._model_before: Any = "auto"
        self._shapes: Shapes | None = None
        """the layer whose rectangle was chosen last"""
        self._closed = False
        self.rows = JobList(self.queue)
        self.add_jobs(self.rows)
        self.estimate_updater = EstimateUpdater(self._question, self)
        self._guard = QTimer(self)
        self.live = LiveButton(self, self.viewer, lambda layer: layer in self.fit, self.say)
        self._connect()
        self.layer.attach(self.viewer)
        self.reset_choices()
        worker = make_worker(find_choices)
        worker.returned.connect(self._show_choices)
        worker.errored.connect(lambda error: self.say(sentence(error), True))
        worker.start()

    def _connect(self) -> None:
        self.model.choices = self._models
        self.region.choices = self._regions
        self.model.value = settings.get("model")
        self._guard.setSingleShot(True)
        self._guard.setInterval(QApplication.doubleClickInterval())
        self._guard.timeout.connect(self._jobs_changed)
        self.estimate_updater.seen.connect(self._seen)
        self.estimate_updater.failed.connect(self._cannot)
        self.layer.changed.connect(self._layer_changed)
        self.model.changed.connect(self._model_changed)
        self.region.changed.connect(self._region_changed)
        self.detail.slider.changed.connect(self.estimate_updater.soon)
        for control in self.advanced.controls:
            control.changed.connect(self.estimate_updater.soon)
        self.advanced.axes.changed.connect(self._layer_changed)
        self.run_button.changed.connect(self.run_or_cancel)
        self.preview_button.changed.connect(self.preview)
        self.help.changed.connect(lambda: QDesktopServices.openUrl(QUrl(DOCS)))
        self.card.changed.connect(self.show_card)
        self.queue.changed.connect(self._jobs_changed)
        self.queue.said.connect(self.say)
        self.viewer.layers.selection.events.changed.connect(self._follow_selection)
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
        self.viewer.layers.selection.events.changed.disconnect(self._follow_selection)
        self.viewer.dims.events.disconnect(self._view_changed)
        camera_of(self.viewer).events.disconnect(self._view_changed)
        self._watch()
        self.layer.detach()
        self.live.close()
        self.estimate_updater.stop()

    # -- what there is to choose from -------------------------------------------------------------

    def _image_layers(self, _: Any = None) -> list[tuple[str, Image]]:
        return [entry for entry in self.layer.offered() if isinstance(entry[1], Image)]

    def _models(self, _: Any = None) -> list[tuple[str, Any]]:
        layer = self.layer.source
        auto = "auto" if layer is None else f"auto: {choose_model(rgb=layer.rgb)}"
        kept = settings.get("model")
        names = list(self.cards) or ([kept] if kept != "auto" else [])
        files = zip(file_texts(self.files), self.files, strict=True)
        return [
            (auto, "auto"),
            *((name, name) for name in names),
            *files,
            (FILE, FILE),
        ]

    def _regions(self, _: Any = None) -> list[tuple[str, Any]]:
        shapes = [each for each in self.viewer.layers if isinstance(each, Shapes)]
        return [*EXTENTS.items(), *((f"rectangle in {each.name}", each) for each in shapes)]

    def _show_choices(self, found: Choices) -> None:
        if self._closed:
            return
        self.cards = {card.name: card for card in found.cards}
        self.advanced.set_devices(found.devices)
        self.advanced.precision.tooltip = f"{PRECISION_TIP}; here {found.precision}"
        self.model.renew()
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
        if self.layer.follow():
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
        layer = self.layer.source
        if self.layer.sources != self._before:
            # What was said of the axes and values of one layer does not hold for another.
            self._before = self.layer.sources
            self.advanced.forget()
        shape = None if layer is None else level_0(layer).shape
        if (layer, shape) != self._estimate_of:
            self._estimate_of, self.estimate = (layer, shape), None
        region = self.region.value
        shapes = region if isinstance(region, Shapes) else None
        self._watch(*(each for each in (layer, shapes) if each is not None))
        given = self.advanced.axes.value.strip() or None
        self.about.setText(source_text(layer, self.layer.remark, given))
        if layer is not None:
            self.advanced.axes.native.setPlaceholderText(axes_of(layer))
        self.model.renew()
        self._examine(given)
        self._card_changed()
        self._jobs_changed()
        self.live.refresh()
        self.estimate_updater.soon()

    def _region_changed(self, *_: Any) -> None:
        region, shapes = self.region.value, self._shapes
        self._shapes = region if isinstance(region, Shapes) else None
        if shapes is not None and shapes not in self.viewer.layers:
            self.say(f"“{shapes.name}” is gone; the whole layer is taken.")
        self._layer_changed()

    def _examine(self, axes: str | None) -> None:
        """See which of the layers can be done at all, before anything is computed."""
        reasons = [(each, refusal(each, axes)) for each in self.layer.sources]
        self.fit = tuple(each for each, reason in reasons if not reason)
        refused = [(each, reason) for each, reason in reasons if reason]
        self.refused = refused[0][1] if refused and not self.fit else ""
        left_out = [*self.layer.left_out, *(refused if self.fit else ())]
        self.remarks = [
            *(f"Left out: “{each.name}”. {reason}" for each, reason in left_out),
            *filter(None, (doubt(each, axes) for each in self.fit)),
        ]
        self._show()

    def _model_changed(self, *_: Any) -> None:
        if self.model.value == FILE:
            name, _filter = QFileDialog.getOpenFileName(
                self, "Choose a model", "", "Models (*.safetensors)"
            )
            if name and Path(name) not in self.files:
                self.files.append(Path(name))
            self.model.renew()
            with self.model.changed.blocked():
                self.model.value = Path(name) if name else self._model_before
        self._model_before = self.model.value
        self._card_changed()
        self.estimate_updater.soon()

    def _card_changed(self) -> None:
        card = self._card()
        self.card.enabled = card is not None
        self.detail.set_both_ends(card is not None and card.both_ends)

    def _card(self, layer: Image | None = None) -> ModelCard | None:
        """Return what is known of the chosen model, as it is for a layer."""
        layer, chosen = layer or self.layer.source, self.model.value
        if chosen == "auto":
            chosen = choose_model(rgb=layer is not None and layer.rgb)
        if isinstance(chosen, Path):
            return self.estimate.card if self.estimate is not None else None
        return self.cards.get(chosen)

    def _view_changed(self, *_: Any) -> None:
        if self.region.value != "layer":
            self.estimate_updater.soon()

    def _jobs_changed(self, *_: Any) -> None:
        jobs, several = self._own_jobs(), len(self.fit) > 1
        if jobs:
            stopping = all(job.state == "cancelling" for job in jobs)
            self.run_button.text = "Cancelling…" if stopping else "Cancel"
        else:
            what = f"{len(self.fit)} layers" if several else "layer"
            self.run_button.text = f"Super-resolve {what}"
        usable = bool(jobs or self.fit) and not self._guard.isActive()
        self.run_button.enabled = usable and self.run_button.text != "Cancelling…"
        self.preview_button.enabled = self.layer.source in self.fit
        if not jobs and not self.queue.jobs:
            self.estimate_updater.soon()

    def _own_jobs(self) -> list[Job]:
        """Return the runs of the chosen layers that are not over, previews left aside."""
        jobs = [job for layer in self.layer.sources for job in self.queue.of(layer)]
        return [job for job in jobs if not job.order.preview]

    # -- what will come out -----------------------------------------------------------------------

    def _question(self) -> dict[str, Any] | None:
        layer = self.layer.source
        if layer is None or layer not in self.fit:
            return None
        spans = self._spans(layer)
        data, options = layer_source(layer, self._options(layer), shown=spans is not None)
        return {
            "data": data,
            "model": self.model.value,
            "options": options,
            "spans": spans,
            "missing": missing_of(layer),
            "may_time": not self.queue.jobs,
        }

    def _options(self, layer: Image) -> Options:
        """Return what was chosen, for one of the layers."""
        options = self.advanced.chosen(layer, self.detail.detail)
        card = self._card(layer)
        if card is not None and not card.both_ends:
            options = replace(options, detail=None)
        return options

    def _spans(self, layer: Image) -> list[Span] | None:
        """Return the part that is chosen; None for all of the layer."""
        chosen = self.region.value
        if chosen == "layer":
            return None
        if isinstance(chosen, Shapes):
            return spans_of("rectangle", layer, self.viewer, chosen)
        return spans_of(chosen, layer, self.viewer)

    def _seen(self, estimate: Estimate | None) -> None:
        if self._closed:
            return
        self.estimate, self.problem = estimate, ""
        self._card_changed()
        self._show()

    def _cannot(self, problem: str) -> None:
        self.estimate, self.problem = None, problem
        self._show()

    def _show(self) -> None:
        if self._closed:
            return
        layer = self.layer.source
        self.forecast.setText(
            estimate_text(self.estimate, layer) if self.estimate and layer is not None else ""
        )
        notes = [f"⚠ {text}" for text in (self.refused or self.problem, *self.remarks) if text]
        if self.estimate is not None:
            notes += self.estimate.notes
        if self.said[0]:
            notes.append(f"⚠ {self.said[0]}" if self.said[1] else self.said[0])
        self.message.setText("\n".join(notes))

    def say(self, text: str, wrong: bool = False) -> None:
        """Tell the person a sentence."""
        self.said = (text, wrong)
        self._show()

    # -- the buttons ------------------------------------------------------------------------------

    def run_or_cancel(self) -> None:
        """Queue runs of the chosen layers; if they have some already, cancel those."""
        jobs = self._own_jobs()
        if jobs:
            for job in reversed(jobs):
                job.cancel()
            return
        self.say("")
        for layer in self.fit:
            self._order(layer)
        # The second click of a double click is not a cancel.
        self.run_button.enabled = False
        self._guard.start()

    def preview(self) -> None:
        """Queue a run of what is in view, or as much of its middle as is quickly done."""
        layer = self.layer.source
        self.say("")
        try:
            spans, cut = around_centre(
                spans_of("view", layer, self.viewer), layer, self.viewer, self._preview_pixels()
            )
        except EXPECTED as error:
            self._cannot(sentence(error))
            return
        if self._order(layer, spans, preview=True) and cut:
            self.say("The view is large; the preview shows its middle. Zoom in for all of it.")

    def _preview_pixels(self) -> int:
        if self.estimate is None or self.estimate.seconds_per_pixel is None:
            return PREVIEW_PIXELS
        window = (PREVIEW_SECONDS / self.estimate.seconds_per_pixel) ** 0.5
        return max(PREVIEW_PIXELS // 4, int(max(window - 2 * self.estimate.halo, 0)) ** 2)

    def _order(
        self, layer: Image, spans: list[Span] | None = None, *, preview: bool = False
    ) -> bool:
        try:
            order = Order(
                layer,
                self.model.value,
                self._options(layer),
                spans if preview else self._spans(layer),
                preview=preview,
                hide_source=settings.get("hide_source"),
            )
        except EXPECTED as error:
            self._cannot(sentence(error))
            return False
        self._remember()
        return self.queue.add(order) is not None

    def _remember(self) -> None:
        self.advanced.remember()
        if self.detail.detail is not None:
            settings.put("detail", self.detail.detail)
        if self.model.value == "auto" or self.model.value in self.cards:
            settings.put("model", self.model.value)

    def show_card(self) -> None:
        """Show what is known of the chosen model."""
        card = self._card()
        if card is not None:
            show_card(card, self)
