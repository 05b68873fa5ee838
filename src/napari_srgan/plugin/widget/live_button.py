"""The button **Live view**: switches it on and off, and lets it follow what is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from ..jobs.queue import EXPECTED, sentence
from ..jobs.worker import make_worker
from ..layers.source import level_0
from ..live.prepare import Prepared, ready

if TYPE_CHECKING:
    from napari.layers import Image

    from ...options import Options
    from ..live.controller import LiveController
    from .form import Form

SETTLE = 200
"""milliseconds without a change after which a live view follows"""


class LiveButton:
    """Controller of the button **Live view**.

    Parameters
    ----------
    form
        The form whose layer, model and options count.
    viewer
        The viewer that the live layers are added to.
    can_run
        Returns whether a layer can be super-resolved.
    say
        Shows a sentence, and whether it tells of an error.
    """

    def __init__(
        self,
        form: Form,
        viewer: Any,
        can_run: Callable[[Image], bool],
        say: Callable[[str, bool], None],
    ) -> None:
        self.form, self.viewer = form, viewer
        self.can_run, self.say = can_run, say
        self.button = form.live_button.native
        self.worker: Any = None
        self.pending: Image | None = None
        """the layer whose live view is being made ready"""
        self.again = False
        self.timer = QTimer(form)
        self.timer.setSingleShot(True)
        self.timer.setInterval(SETTLE)
        self.timer.timeout.connect(self._follow)
        self.button.setCheckable(True)
        self.button.clicked.connect(self.switch)
        for control in (form.model, form.detail.slider, *form.advanced.controls):
            control.changed.connect(self.soon)
        viewer.layers.events.removed.connect(self.refresh)

    @property
    def live(self) -> LiveController | None:
        """The live view of the chosen layer, if it has one."""
        from ..live.controller import lives_of

        return next(lives_of(self.viewer.layers, self.form.layer.source), None)

    def switch(self, on: bool) -> None:
        """Switch the live view of the chosen layer on or off."""
        layer, live = self.form.layer.source, self.live
        self.say("", False)
        if on and live is None and layer is not None:
            self.pending = layer
            self._prepare()
        elif not on:
            self.pending = None
            self._remove(live)
        self.refresh()

    def soon(self, *_: Any) -> None:
        """Follow as soon as nothing has changed for a moment."""
        if self.live is not None or self.pending is not None:
            self.timer.start()

    def refresh(self, *_: Any) -> None:
        """Show whether the chosen layer has a live view."""
        layer = self.form.layer.source
        on = layer is not None and (self.pending is layer or self.live is not None)
        self.button.setEnabled(on or (layer is not None and self.can_run(layer)))
        self.button.setChecked(on)

    def close(self) -> None:
        """Let go of the viewer; live views go on."""
        self.timer.stop()
        self.pending = None
        self.viewer.layers.events.removed.disconnect(self.refresh)

    # -- getting ready ----------------------------------------------------------------------------

    def _chosen(self, layer: Image) -> tuple[Any, Options]:
        options = self.form.advanced.chosen(layer, self.form.detail.detail)
        return self.form.model.value, options

    def _follow(self) -> None:
        live = self.live
        if self.pending is None and live is None:
            return
        self._prepare()

    def _prepare(self) -> None:
        """Load the model in the background and then show; after the load that is under way."""
        if self.worker is not None:
            self.again = True
            return
        layer = self.pending or self.form.layer.source
        if layer is None:
            return
        try:
            model, options = self._chosen(layer)
        except EXPECTED as error:
            self._cannot(error)
            return
        live = self.live
        if live is not None and (live.prepared.given, live.prepared.asked) == (model, options):
            return
        self.worker = make_worker(ready, layer=layer, model=model, options=options)
        self.worker.returned.connect(self._show)
        self.worker.errored.connect(self._cannot)
        self.worker.finished.connect(self._end)
        self.worker.start()

    def _show(self, prepared: Prepared) -> None:
        from ..live.controller import add_live, lives_of

        layer, layers = prepared.layer, self.viewer.layers
        old = next(lives_of(layers, layer), None)
        if layer not in layers or (old is None and self.pending is not layer):
            return
        self.pending = None
        if level_0(layer) is not prepared.data:
            self.pending, self.again = layer, True
            return
        if old is not None:
            if old.follow(prepared):
                return
            self._remove(old)
        add_live(self.viewer, prepared).failed.connect(self._failed)
        self.refresh()

    def _end(self) -> None:
        self.worker = None
        if self.again:
            self.again = False
            self._prepare()

    def _cannot(self, error: Exception) -> None:
        self.pending = None
        self.say(sentence(error), True)
        self.refresh()

    def _failed(self, text: str) -> None:
        from ..live.controller import lives_of

        for live in lives_of(self.viewer.layers):
            if live.work.stopped:
                self._remove(live)
        self.say(text, True)

    def _remove(self, live: LiveController | None) -> None:
        layers = self.viewer.layers
        if live is not None and live.layer in layers:
            layers.remove(live.layer)
