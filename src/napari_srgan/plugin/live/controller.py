"""Follows what a viewer shows of a live layer, and has it computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, ref

import numpy as np
from psygnal import Signal

from ..files.to_layers import MADE
from ..jobs.queue import EXPECTED, sentence
from ..jobs.region import camera_of, in_canvas
from ..layers.lineage import place_above
from ..layers.pyramid import far_levels, follow
from ..layers.result import layer_arguments, layer_state
from ..layers.source import level_0
from ..viewers import on_window_closed, open_viewers
from .array import Cache
from .compositor import Compositor, coarser_levels
from .redraw import Redraw, stop_timer, timer_of
from .source import SourcePlanes
from .sync import LayerSync
from .visible_tiles import Box, clip, grid_of_tiles
from .worker import LiveWorker

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from .prepare import Prepared

SHARE_OF_FREE = 0.1
"""part of the free memory that the tiles of all live layers together may take"""
MOST_BYTES = 1 << 30
"""bytes that they may take at most"""

_lives: WeakKeyDictionary[Image, LiveController] = WeakKeyDictionary()
_built: WeakSet[LiveController] = WeakSet()
"""those that have a store"""


class LiveController:
    """A live layer and what belongs to it.

    Parameters
    ----------
    source
        The layer that is shown finer.
    prepared
        Its data, the options and the plan.

    Attributes
    ----------
    failed
        Emitted with a sentence when the live view has stopped because something went wrong.
    """

    failed = Signal(str)

    def __init__(self, source: Image, prepared: Prepared) -> None:
        self.source, self.prepared = source, prepared
        self._viewer: Any = lambda: None
        self._view: tuple[Any, ...] = ()
        self._drawn_news = 0
        self.redraw = Redraw(self._draw, self._fail, self._note)
        # A move of the camera changes its centre and its zoom; both are looked at once.
        self._moved = timer_of(self.look)
        self._layer: Any = lambda: None

    def make_layer(self) -> Image:
        """Make the layer, which then keeps all this alive."""
        from napari.layers import Image

        source = self.source
        levels = self._build()
        arguments = layer_arguments(layer_state(source), self.prepared.plan, " live")
        layer = Image(levels, **{**arguments, "multiscale": True})
        self._layer = ref(layer)
        _lives[layer] = self
        layer.events.set_data.connect(self.look)
        layer.events.visible.connect(self.look)
        source.events.data.connect(self._replaced)
        factors = self.prepared.plan.factors[: len(arguments["scale"])]
        self.pair = LayerSync(source, layer, factors)
        follow(layer)
        for other in _built - {self}:
            other.look()  # of its tiles some may have had to go
        return layer

    @property
    def layer(self) -> Image | None:
        """The live layer, as long as there is one."""
        found: Image | None = self._layer()
        return found

    @property
    def viewer(self) -> ViewerModel | None:
        """The viewer that it is in, as long as that is known."""
        found: ViewerModel | None = self._viewer()
        return found

    @property
    def complete(self) -> bool:
        """Whether everything in view is sharp and drawn, and nothing is under way."""
        if self.work.running:
            return False
        return self.work.stopped or self._drawn_news == self.work.news

    def _build(self) -> list[Any]:
        """Make the levels of the layer, with an empty store."""
        plan, source = self.prepared.plan, self.source
        self.tiles, self.cache = Cache(0), Cache(0)
        fill = float(np.mean(source.contrast_limits))
        given, far = far_levels(source)
        sources = [SourcePlanes(data, plan.layout, self.cache, fill) for data in given]
        self.compositor = Compositor(
            sources[0], plan.scale, grid_of_tiles(plan.tiles), self.cache, self.tiles
        )
        self.work = LiveWorker(
            self.compositor,
            sources,
            self.prepared.data,
            plan,
            self.prepared.options,
            arrived=self.redraw.bell.arrived.emit,
            failed=self.redraw.bell.failed.emit,
            noted=self.redraw.bell.noted.emit,
        )
        _built.add(self)
        share_memory()
        levels = [*self.compositor.levels(self), *(each.lazy(self) for each in sources)]
        if len(sources) == 1 and sources[0].in_memory:
            levels += coarser_levels(given[0], plan.layout, self)
        return [*levels, *far]

    # -- what is in view --------------------------------------------------------------------------

    def look(self, *_: Any) -> None:
        """See what is in view and have it computed, from its centre outwards."""
        layer, shown = self.layer, self.compositor.shown
        if layer is None or self.work.stopped:
            return
        self._find_viewer()
        step = None if self.viewer is None else self.viewer.dims.current_step
        view = (layer.data_level, layer.corner_pixels.tobytes(), step, shown)
        if view != self._view:
            self._view = view
            self.compositor.refined.clear()
            for source in self.work.sources:
                source.fetched.clear()
        shrinks = self.compositor.shrinks
        visible = layer.visible and layer.data_level < len(shrinks)
        if not visible or shown is None or shown.shrink != shrinks[layer.data_level]:
            self.compositor.forget()
            self.work.want((), ())
            return
        box, centre = self._in_view(layer, shown.box)
        self.compositor.forget(box)
        cells = [] if box is None else self.compositor.grid.nearest_first(box, centre)
        self.work.want(shown.key, cells[: self.compositor.most_tiles()])

    def _look_soon(self, *_: Any) -> None:
        self._moved.start(0)

    def _in_view(self, layer: Image, box: Box) -> tuple[Box | None, tuple[float, float]]:
        """Return the part of a box that the camera sees, and the point it is aimed at."""
        viewer, layout = self.viewer, self.prepared.plan.layout
        corners = None if viewer is None else in_canvas(layer, viewer)
        if corners is None:
            return box, (sum(box[0]) / 2, sum(box[1]) / 2)
        at = (corners[:, [layout.y, layout.x]] + 0.5) / self.compositor.scale
        low, high = np.floor(at.min(0)).astype(int), np.ceil(at.max(0)).astype(int)
        y, x = at.mean(0)
        seen = clip(box, ((int(low[0]), int(high[0])), (int(low[1]), int(high[1]))))
        return seen, (float(y), float(x))

    def _find_viewer(self) -> None:
        for viewer in open_viewers() if self.viewer is None else ():
            if self.layer in viewer.layers:
                self.attach(viewer)

    def attach(self, viewer: ViewerModel) -> None:
        """Follow the camera of a viewer, and end with its window or the layers in it."""
        if self.viewer is viewer:
            return
        self._viewer = ref(viewer)
        self.pair.cover()
        on_window_closed(viewer, self.stop)
        camera = camera_of(viewer)
        camera.events.center.connect(self._look_soon)
        camera.events.zoom.connect(self._look_soon)
        viewer.layers.events.removed.connect(self._removed)

    # -- what came --------------------------------------------------------------------------------

    def _draw(self) -> None:
        layer = self.layer
        if layer is None or self.work.stopped:
            return
        self._drawn_news = self.work.news
        if self.work.plan is not None:
            # Known since the whole layer was looked at.
            layer.metadata[MADE]["normalise"] = self.work.plan.intensity.pairs
        layer.refresh(thumbnail=False, highlight=False, extent=False)

    def _note(self, text: str) -> None:
        from napari.utils.notifications import show_info

        if not self.work.stopped:
            show_info(f"Live view of “{self.source.name}”: {text}.")

    def _fail(self, error: Exception) -> None:
        from napari.utils.notifications import show_error

        expected = isinstance(error, EXPECTED)
        what = sentence(error) if expected else f"it stopped for a reason of its own: {error}"
        self.stop()
        text = f"Live view of “{self.source.name}”: {what}"
        if len(self.failed):
            self.failed.emit(text)
        else:
            show_error(text)

    # -- changes ----------------------------------------------------------------------------------

    def follow(self, prepared: Prepared) -> bool:
        """Go on with another model or other options; False where a new layer is needed for it.

        What was computed before stays in view until it is replaced.
        """
        old, new = self.prepared.plan, prepared.plan
        if (old.layout, old.scale, old.tiles) != (new.layout, new.scale, new.tiles):
            return False
        if self.work.stopped or prepared.data is not self.prepared.data:
            return False
        self.prepared = prepared
        self.work.restart(new, prepared.options, self.compositor.stamp + 1)
        self.look()
        return True

    def _replaced(self, *_: Any) -> None:
        """Take the source's new data."""
        from .prepare import prepare

        layer, asked = self.layer, self.prepared
        if layer is None or self.work.stopped or level_0(self.source) is asked.data:
            return
        self.work.stop()
        try:
            model = asked.plan.model
            options = replace(asked.asked, detail=model.detail)
            self.prepared = prepare(self.source, model, options)
            if len(self.prepared.plan.layout.shape) != len(asked.plan.layout.shape):
                raise ValueError("the new data have other axes; switch it on again")
            layer.data = self._build()
        except Exception as error:
            self._fail(error)

    def _removed(self, event: Any) -> None:
        viewer, layer = self.viewer, self.layer
        if event.value is layer:
            self.stop()
            self.pair.part()
            share_memory()
        elif event.value is self.source and viewer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)

    def stop(self) -> None:
        """Compute no more; the layer keeps what it has."""
        self.work.stop()
        self.redraw.stop()
        stop_timer(self._moved)

    def __del__(self) -> None:
        if hasattr(self, "work"):
            self.work.stop()


def share_memory() -> None:
    """Give each live layer that works the same part of the memory that is meant for all."""
    from ...engine.device import free_ram

    working = [live for live in list(_built) if not live.work.stopped]
    stores = [store for live in working for store in (live.tiles, live.cache)]
    free = free_ram() + sum(store.nbytes for store in stores)
    for store in stores:
        store.resize(min(MOST_BYTES, int(SHARE_OF_FREE * free)) // len(stores))


def add_live(viewer: ViewerModel, prepared: Prepared) -> LiveController:
    """Add the live layer that was prepared to a viewer, right above its source and its results."""
    live = LiveController(prepared.layer, prepared)
    layers = viewer.layers
    layers.insert(place_above(layers, prepared.layer), live.make_layer())
    live.attach(viewer)
    return live


def live_of(layer: Image) -> LiveController | None:
    """Return what belongs to a live layer; None where the layer is not one."""
    return _lives.get(layer)


def lives_of(layers: Sequence[Any], source: Image | None = None) -> Iterator[LiveController]:
    """Yield the live views among some layers, of one source where that is given."""
    for layer in list(layers):
        live = live_of(layer)
        if live is not None and (source is None or live.source is source):
            yield live
