"""Opened files: coarser levels for large images, and live views."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from ...options import Options, choose_model
from .. import settings
from ..errors import USER_ERRORS, format_error
from ..jobs.worker import make_worker
from ..layers.origin import ORIGIN_KEY, Origin
from ..live.pyramid import connect_overview, disconnect_overview, with_overview
from ..viewers import on_window_closed, open_viewers
from .to_layers import LayerData

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

    from ..live.prepare import Prepared

MAX_LIVE_VIEWS = 4
"""maximum number of live views added automatically to a viewer"""
MIN_SIDE = 16
"""minimum side in pixels of an image that gets a live view"""
OPENING_KEY = "napari_srgan_opening"
"""metadata key for the `Opening` of a layer that is being added to a viewer"""


@dataclass(eq=False)
class Opening:
    """A file that is being added to a viewer."""

    layers: int
    """number of layers that are suitable for a live view"""
    live: bool | None = None
    """whether live views are added; None until the first layer is added"""


def prepare_for_viewer(layers: list[LayerData]) -> list[LayerData]:
    """Add coarser levels to large images, and mark the layers that get a live view."""
    viewers = open_viewers()
    if not viewers:
        return layers
    for viewer in viewers:
        if viewer not in _watchers:
            _watchers[viewer] = OpenedFileWatcher(viewer)
    if settings.get("live_on_opening"):
        suitable = [
            options
            for data, options, kind in layers
            if kind == "image" and is_suitable(data, options)
        ]
        opening = Opening(len(suitable))
        for options in suitable:
            options["metadata"][OPENING_KEY] = opening
    return [_with_overview(*layer) for layer in layers]


def shown_by(path: str) -> str:
    """Return the other file of a set by which its image is in the current viewer, or nothing."""
    if not open_viewers():
        return ""
    from napari import current_viewer

    from ...io.tiff.ome_sets import set_of

    viewer = current_viewer()
    if viewer is None:
        return ""
    origins = [layer.metadata.get(ORIGIN_KEY) for layer in viewer.layers]
    paths = dict.fromkeys(o.path for o in origins if isinstance(o, Origin))
    if not paths or path in paths:
        return ""
    held = set_of(Path(path))
    return next((p for p in paths if len(held) > 1 and Path(p).absolute() in held), "")


def _with_overview(data: Any, options: dict[str, Any], kind: str) -> LayerData:
    """Return a layer, with coarser levels if it is large."""
    axes = options["metadata"][ORIGIN_KEY].axes
    if axes is None or kind != "image":
        return data, options, kind
    fill = float(np.mean(options["contrast_limits"]))
    levels = with_overview(list(data) if options["multiscale"] else [data], axes, fill)
    if len(levels) == 1:
        return data, options, kind
    return levels, {**options, "multiscale": True}, kind


def is_suitable(data: Any, options: dict[str, Any]) -> bool:
    """Whether an image is likely an intensity image: not tiny, no dtype of masks or labels."""
    finest = data[0] if options["multiscale"] else data
    sides = finest.shape[:-1] if options["rgb"] else finest.shape
    kind, size = finest.dtype.kind, finest.dtype.itemsize
    return min(sides[-2:], default=0) >= MIN_SIDE and (kind == "f" or (kind in "iu" and size <= 2))


class OpenedFileWatcher:
    """Adds live views to the layers of opened files in a viewer."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        self.waiting: list[Image] = []
        """layers whose live view is being prepared"""
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        on_window_closed(viewer, self._on_window_closed)

    def _on_inserted(self, event: Any) -> None:
        layer = event.value
        connect_overview(layer)
        opening = layer.metadata.pop(OPENING_KEY, None)
        if opening is None:
            return
        if opening.live is None:
            opening.live = self._has_room(opening)
        if opening.live:
            self._prepare(layer)

    def _on_removed(self, event: Any) -> None:
        disconnect_overview(event.value)

    def _on_window_closed(self) -> None:
        viewer = self._viewer()
        for layer in [] if viewer is None else viewer.layers:
            disconnect_overview(layer)

    def _has_room(self, opening: Opening) -> bool:
        """Whether live views can be added to all layers of a file, or else to none."""
        from ..live.controller import controllers_of

        viewer = self._viewer()
        present = 0 if viewer is None else len(list(controllers_of(viewer.layers)))
        fits = present + len(self.waiting) + opening.layers <= MAX_LIVE_VIEWS
        if not fits:
            _notify(
                f"Only {MAX_LIVE_VIEWS} layers get a live view on opening; the button Live view of "
                "“Super-resolve layer” switches on others."
            )
        return fits

    def _prepare(self, layer: Image) -> None:
        self.waiting.append(layer)
        worker = make_worker(
            prepare_from_settings,
            layer=layer,
            model=settings.get("model"),
            options=options_from_settings(layer),
        )
        worker.returned.connect(self._add_live_layer)
        worker.errored.connect(partial(self._on_error, layer))
        worker.start()

    def _add_live_layer(self, prepared: Prepared) -> None:
        """Add the live layer if its source is still in the viewer; keep the selection."""
        from ..live.controller import add_live, controllers_of

        layer, viewer = prepared.layer, self._viewer()
        self._remove_waiting(layer)
        if (
            viewer is None
            or layer not in viewer.layers
            or any(controllers_of(viewer.layers, layer))
        ):
            return
        selection = viewer.layers.selection
        selected, active = set(selection), selection.active
        live = add_live(viewer, prepared)
        live.failed.connect(partial(self._on_failed, ref(live)))
        viewer.layers.selection = selected
        selection.active = active

    def _on_error(self, layer: Image, error: Exception) -> None:
        self._remove_waiting(layer)
        viewer = self._viewer()
        if viewer is not None and layer in viewer.layers:
            reason = format_error(error) if isinstance(error, USER_ERRORS) else f"{error!r}."
            _notify(f"“{layer.name}” has no live view: {reason}")

    def _on_failed(self, live: Any, text: str) -> None:
        viewer, layer = self._viewer(), live().layer
        if viewer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)
        _notify(text)

    def _remove_waiting(self, layer: Image) -> None:
        self.waiting = [each for each in self.waiting if each is not layer]


_watchers: WeakKeyDictionary[Viewer, OpenedFileWatcher] = WeakKeyDictionary()


def options_from_settings(layer: Image) -> Options:
    """Return the options in the settings, for a layer."""
    normalise = settings.get("normalise")
    if normalise == "limits":
        normalise = tuple(map(float, layer.contrast_limits))
    values = {name: settings.get(name) for name in ("detail", "consistency", "device", "precision")}
    return Options(normalise=normalise, tile=settings.get("tile") or "auto", **values)


def prepare_from_settings(layer: Image, model: str, options: Options) -> Prepared:
    """Prepare a live view; ``detail`` is ignored if the model has only one end."""
    from ...models import list_models
    from ..live.prepare import prepare_in_thread

    name = choose_model(rgb=layer.rgb) if model == "auto" else model
    if name not in {card.name for card in list_models() if card.both_ends}:
        options = replace(options, detail=None)
    return prepare_in_thread(layer, model, options)


def _notify(text: str) -> None:
    from napari.utils.notifications import show_info

    show_info(text)
