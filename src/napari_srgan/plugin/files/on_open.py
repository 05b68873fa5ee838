"""What a window shows of a file from the start: large ones at once, live views on top."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from ...options import Options, choose_model
from .. import settings
from ..jobs.queue import EXPECTED, sentence
from ..jobs.worker import make_worker
from ..layers.pyramid import follow, forget, with_overview
from ..viewers import on_window_closed, open_viewers
from .to_layers import FILE, LayerData, Origin

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

    from ..live.prepare import Prepared

MOST = 4
"""live views that come by themselves in one viewer"""
LEAST = 16
"""pixels along each side of an image from which on it gets one"""
MARK = "napari_srgan_opening"
"""key of the metadata of a layer on its way into a window for its `Opening`"""


@dataclass(eq=False)
class Opening:
    """A file on its way into a window."""

    layers: int
    """how many of its layers a live view suits"""
    live: bool | None = None
    """whether they get one; None until the first of them is there"""


def for_windows(layers: list[LayerData]) -> list[LayerData]:
    """Return what was read so that it is quickly drawn, and followed by its live views."""
    viewers = open_viewers()
    if not viewers:
        return layers
    for viewer in viewers:
        if viewer not in _greeters:
            _greeters[viewer] = OpenedFileWatcher(viewer)
    if settings.get("live_on_opening"):
        suited = [
            options for data, options, kind in layers if kind == "image" and suits(data, options)
        ]
        opening = Opening(len(suited))
        for options in suited:
            options["metadata"][MARK] = opening
    return [_quick(*layer) for layer in layers]


def shown_by(path: str) -> str:
    """Return the other file of a set by which its image is in the current viewer, or nothing."""
    if not open_viewers():
        return ""
    from napari import current_viewer

    from ...io.tiff.ome_sets import set_of

    viewer = current_viewer()
    if viewer is None:
        return ""
    origins = [layer.metadata.get(FILE) for layer in viewer.layers]
    paths = dict.fromkeys(o.path for o in origins if isinstance(o, Origin))
    if not paths or path in paths:
        return ""
    held = set_of(Path(path))
    return next((p for p in paths if len(held) > 1 and Path(p).absolute() in held), "")


def _quick(data: Any, options: dict[str, Any], kind: str) -> LayerData:
    """Return a layer that napari draws without reading all of it."""
    axes = options["metadata"][FILE].axes
    if axes is None or kind != "image":
        return data, options, kind
    fill = float(np.mean(options["contrast_limits"]))
    levels = with_overview(list(data) if options["multiscale"] else [data], axes, fill)
    if len(levels) == 1:
        return data, options, kind
    return levels, {**options, "multiscale": True}, kind


def suits(data: Any, options: dict[str, Any]) -> bool:
    """Whether an image is one that people want to see finer: no mask, labels or single values."""
    finest = data[0] if options["multiscale"] else data
    sides = finest.shape[:-1] if options["rgb"] else finest.shape
    kind, size = finest.dtype.kind, finest.dtype.itemsize
    return min(sides[-2:], default=0) >= LEAST and (kind == "f" or (kind in "iu" and size <= 2))


class OpenedFileWatcher:
    """Takes care of the layers that are opened in a viewer."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        self.waiting: list[Image] = []
        """layers whose live view is being made ready"""
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        on_window_closed(viewer, self._closed)

    def _inserted(self, event: Any) -> None:
        layer = event.value
        follow(layer)
        opening = layer.metadata.pop(MARK, None)
        if opening is None:
            return
        if opening.live is None:
            opening.live = self._room(opening)
        if opening.live:
            self._prepare(layer)

    def _removed(self, event: Any) -> None:
        forget(event.value)

    def _closed(self) -> None:
        viewer = self._viewer()
        for layer in [] if viewer is None else viewer.layers:
            forget(layer)

    def _room(self, opening: Opening) -> bool:
        """Whether all layers of a file may have live views: some alone would look odd."""
        from ..live.controller import lives_of

        viewer = self._viewer()
        there = 0 if viewer is None else len(list(lives_of(viewer.layers)))
        room = there + len(self.waiting) + opening.layers <= MOST
        if not room:
            _tell(
                f"Only {MOST} layers get a live view on opening; the button Live view of "
                "“Super-resolve layer” switches on others."
            )
        return room

    def _prepare(self, layer: Image) -> None:
        self.waiting.append(layer)
        worker = make_worker(
            ready_as_set, layer=layer, model=settings.get("model"), options=kept_options(layer)
        )
        worker.returned.connect(self._show)
        worker.errored.connect(partial(self._cannot, layer))
        worker.start()

    def _show(self, prepared: Prepared) -> None:
        """Add the live layer, if that is still wanted, and leave the selection as it is."""
        from ..live.controller import add_live, lives_of

        layer, viewer = prepared.layer, self._viewer()
        self._no_longer(layer)
        if viewer is None or layer not in viewer.layers or any(lives_of(viewer.layers, layer)):
            return
        selection = viewer.layers.selection
        selected, active = set(selection), selection.active
        live = add_live(viewer, prepared)
        live.failed.connect(partial(self._failed, ref(live)))
        viewer.layers.selection = selected
        selection.active = active

    def _cannot(self, layer: Image, error: Exception) -> None:
        self._no_longer(layer)
        viewer = self._viewer()
        if viewer is not None and layer in viewer.layers:
            said = sentence(error) if isinstance(error, EXPECTED) else f"{error!r}."
            _tell(f"“{layer.name}” has no live view: {said}")

    def _failed(self, live: Any, text: str) -> None:
        viewer, layer = self._viewer(), live().layer
        if viewer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)
        _tell(text)

    def _no_longer(self, layer: Image) -> None:
        self.waiting = [each for each in self.waiting if each is not layer]


_greeters: WeakKeyDictionary[Viewer, OpenedFileWatcher] = WeakKeyDictionary()


def kept_options(layer: Image) -> Options:
    """Return the options that a person has set, for a layer."""
    normalise = settings.get("normalise")
    if normalise == "limits":
        normalise = tuple(map(float, layer.contrast_limits))
    kept = {name: settings.get(name) for name in ("detail", "consistency", "device", "precision")}
    return Options(normalise=normalise, tile=settings.get("tile") or "auto", **kept)


def ready_as_set(layer: Image, model: str, options: Options) -> Prepared:
    """Prepare a live view, with the detail that is set where the model has more than one."""
    from ...models import list_models
    from ..live.prepare import ready

    name = choose_model(rgb=layer.rgb) if model == "auto" else model
    if name not in {card.name for card in list_models() if card.both_ends}:
        options = replace(options, detail=None)
    return ready(layer, model, options)


def _tell(text: str) -> None:
    from napari.utils.notifications import show_info

    show_info(text)
