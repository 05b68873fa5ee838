"""The button **Live view**: add, update and remove the live view of the chosen layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from ..errors import USER_ERRORS, format_error
from ..jobs.worker import make_worker
from ..layers.source import level_0
from ..live.prepare import Prepared, prepare_in_thread

if TYPE_CHECKING:
    from napari.layers import Image

    from ...options import Options
    from ..live.controller import LiveController
    from .form import Form

DEBOUNCE_MS = 200
"""delay in milliseconds after the last change of model or options"""


class LiveButton:
    """Controller of the button **Live view**.

    Parameters
    ----------
    form
        The form with the button, from which layer, model and options are read.
    viewer
        Live layers are added to this viewer.
    is_supported
        Returns whether a layer can be super-resolved.
    show_message
        Called with a text for the user, and whether it reports an error.
    """

    def __init__(
        self,
        form: Form,
        viewer: Any,
        is_supported: Callable[[Image], bool],
        show_message: Callable[[str, bool], None],
    ) -> None:
        self.form, self.viewer = form, viewer
        self.is_supported, self.show_message = is_supported, show_message
        self.button = form.live_button.native
        self.worker: Any = None
        self.pending: Image | None = None
        """the layer whose live view is being prepared"""
        self.rerun = False
        self.timer = QTimer(form)
        self.timer.setSingleShot(True)
        self.timer.setInterval(DEBOUNCE_MS)
        self.timer.timeout.connect(self._update)
        self.button.setCheckable(True)
        self.button.clicked.connect(self.toggle)
        for control in (form.model, form.detail.slider, *form.advanced.controls):
            control.changed.connect(self.schedule)
        viewer.layers.events.removed.connect(self.refresh)

    @property
    def live(self) -> LiveController | None:
        """The live view of the chosen layer, if it has one."""
        from ..live.controller import controllers_of

        return next(controllers_of(self.viewer.layers, self.form.layer.source), None)

    def toggle(self, on: bool) -> None:
        """Add or remove the live view of the chosen layer."""
        layer, live = self.form.layer.source, self.live
        self.show_message("", False)
        if on and live is None and layer is not None:
            self.pending = layer
            self._prepare()
        elif not on:
            self.pending = None
            self._remove(live)
        self.refresh()

    def schedule(self, *_: Any) -> None:
        """Update the live view after the delay; restarts the delay."""
        if self.live is not None or self.pending is not None:
            self.timer.start()

    def refresh(self, *_: Any) -> None:
        """Update checked and enabled state of the button."""
        layer = self.form.layer.source
        on = layer is not None and (self.pending is layer or self.live is not None)
        self.button.setEnabled(on or (layer is not None and self.is_supported(layer)))
        self.button.setChecked(on)

    def close(self) -> None:
        """Disconnect from the viewer; live views continue."""
        self.timer.stop()
        self.pending = None
        self.viewer.layers.events.removed.disconnect(self.refresh)

    # -- preparation ------------------------------------------------------------------------------

    def _selected_options(self, layer: Image) -> tuple[Any, Options]:
        options = self.form.advanced.selected_options(layer, self.form.detail.detail)
        return self.form.model.value, options

    def _update(self) -> None:
        live = self.live
        if self.pending is None and live is None:
            return
        self._prepare()

    def _prepare(self) -> None:
        """Load the model in a worker, then add or update the live layer.

        If a worker is running, this is repeated when it has finished.
        """
        if self.worker is not None:
            self.rerun = True
            return
        layer = self.pending or self.form.layer.source
        if layer is None:
            return
        try:
            model, options = self._selected_options(layer)
        except USER_ERRORS as error:
            self._on_error(error)
            return
        live = self.live
        if live is not None and (
            live.prepared.requested_model,
            live.prepared.requested_options,
        ) == (model, options):
            return
        self.worker = make_worker(prepare_in_thread, layer=layer, model=model, options=options)
        self.worker.returned.connect(self._add_live_layer)
        self.worker.errored.connect(self._on_error)
        self.worker.finished.connect(self._on_finished)
        self.worker.start()

    def _add_live_layer(self, prepared: Prepared) -> None:
        from ..live.controller import add_live, controllers_of

        layer, layers = prepared.layer, self.viewer.layers
        old = next(controllers_of(layers, layer), None)
        if layer not in layers or (old is None and self.pending is not layer):
            return
        self.pending = None
        if level_0(layer) is not prepared.data:
            self.pending, self.rerun = layer, True
            return
        if old is not None:
            if old.apply(prepared):
                return
            self._remove(old)
        add_live(self.viewer, prepared).failed.connect(self._on_failed)
        self.refresh()

    def _on_finished(self) -> None:
        self.worker = None
        if self.rerun:
            self.rerun = False
            self._prepare()

    def _on_error(self, error: Exception) -> None:
        self.pending = None
        self.show_message(format_error(error), True)
        self.refresh()

    def _on_failed(self, text: str) -> None:
        from ..live.controller import controllers_of

        for live in controllers_of(self.viewer.layers):
            if live.worker.stopped:
                self._remove(live)
        self.show_message(text, True)

    def _remove(self, live: LiveController | None) -> None:
        layers = self.viewer.layers
        if live is not None and live.layer in layers:
            layers.remove(live.layer)
