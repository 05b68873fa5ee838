"""Connect a live layer to its viewer, and request the tiles in view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, ref

import numpy as np
from psygnal import Signal

from ..errors import USER_ERRORS, format_error
from ..jobs.region import camera_of, canvas_corners
from ..layers.lineage import insertion_index
from ..layers.origin import PROVENANCE_KEY
from ..layers.result import layer_arguments, layer_state
from ..layers.source import level_0
from ..redraw import Redraw, single_shot_timer, stop_timer
from ..viewers import on_window_closed, open_viewers
from .array import Cache
from .compositor import Compositor, coarser_levels
from .pyramid import connect_overview, split_levels
from .source import SourcePlanes
from .sync import LayerSync
from .visible_tiles import Box, clip, grid_of_tiles
from .worker import LiveWorker

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from .prepare import Prepared

MEMORY_FRACTION = 0.1
"""maximum fraction of the free memory for the caches of all live layers together"""
MAX_BYTES = 1 << 30
"""maximum size of these caches in bytes"""

_controllers: WeakKeyDictionary[Image, LiveController] = WeakKeyDictionary()
_instances: WeakSet[LiveController] = WeakSet()
"""controllers with caches"""


class LiveController:
    """Owner of a live layer: its levels, worker, redraws and connections.

    Parameters
    ----------
    source
        The layer that is super-resolved.
    prepared
        Its data, the options and the plan.

    Attributes
    ----------
    failed
        Emitted with a text for the user when an error has stopped the live view.
    """

    failed = Signal(str)

    def __init__(self, source: Image, prepared: Prepared) -> None:
        self.source, self.prepared = source, prepared
        self._viewer: Any = lambda: None
        self._view: tuple[Any, ...] = ()
        self._drawn_updates = 0
        self.redraw = Redraw(self._draw, self._on_error, self._on_note)
        # Zooming changes centre and zoom of the camera; a timer merges the two events.
        self._update_timer = single_shot_timer(self.update)
        self._layer: Any = lambda: None

    def make_layer(self) -> Image:
        """Return the live layer, whose data keeps this controller alive."""
        from napari.layers import Image

        source = self.source
        levels = self._build_levels()
        arguments = layer_arguments(layer_state(source), self.prepared.plan, " live")
        layer = Image(levels, **{**arguments, "multiscale": True})
        self._layer = ref(layer)
        _controllers[layer] = self
        layer.events.set_data.connect(self.update)
        layer.events.visible.connect(self.update)
        source.events.data.connect(self._on_data_replaced)
        factors = self.prepared.plan.factors[: len(arguments["scale"])]
        self.sync = LayerSync(source, layer, factors)
        connect_overview(layer)
        for other in _instances - {self}:
            other.update()  # its cache is smaller now, so some tiles may have been evicted
        return layer

    @property
    def layer(self) -> Image | None:
        """The live layer, None before `make_layer` and after it was deleted."""
        found: Image | None = self._layer()
        return found

    @property
    def viewer(self) -> ViewerModel | None:
        """The viewer that contains the live layer, None while unknown."""
        found: ViewerModel | None = self._viewer()
        return found

    @property
    def complete(self) -> bool:
        """Whether all tiles in view are computed and drawn."""
        if self.worker.running:
            return False
        return self.worker.stopped or self._drawn_updates == self.worker.updates

    def _build_levels(self) -> list[Any]:
        """Create the worker and empty caches, and return the levels of the layer."""
        plan, source = self.prepared.plan, self.source
        self.tiles, self.cache = Cache(0), Cache(0)
        fill = float(np.mean(source.contrast_limits))
        given, far = split_levels(source)
        sources = [SourcePlanes(data, plan.layout, self.cache, fill) for data in given]
        self.compositor = Compositor(
            sources[0], plan.scale, grid_of_tiles(plan.tiles), self.cache, self.tiles
        )
        self.worker = LiveWorker(
            self.compositor,
            sources,
            self.prepared.data,
            plan,
            self.prepared.options,
            on_update=self.redraw.signals.updated.emit,
            on_error=self.redraw.signals.failed.emit,
            on_note=self.redraw.signals.noted.emit,
        )
        _instances.add(self)
        distribute_memory()
        levels = [*self.compositor.levels(self), *(each.lazy(self) for each in sources)]
        if len(sources) == 1 and sources[0].in_memory:
            levels += coarser_levels(given[0], plan.layout, self)
        return [*levels, *far]

    # -- view -------------------------------------------------------------------------------------

    def update(self, *_: Any) -> None:
        """Request the tiles in view, from its centre outwards."""
        layer, visible_region = self.layer, self.compositor.visible_region
        if layer is None or self.worker.stopped:
            return
        self._find_viewer()
        step = None if self.viewer is None else self.viewer.dims.current_step
        view = (layer.data_level, layer.corner_pixels.tobytes(), step, visible_region)
        if view != self._view:
            self._view = view
            self.compositor.refined.clear()
            for source in self.worker.sources:
                source.fetched.clear()
        downsamplings = self.compositor.downsamplings
        visible = layer.visible and layer.data_level < len(downsamplings)
        if (
            not visible
            or visible_region is None
            or visible_region.downsampling != downsamplings[layer.data_level]
        ):
            self.compositor.discard_requests()
            self.worker.request((), ())
            return
        box, centre = self._visible_box(layer, visible_region.box)
        self.compositor.discard_requests(box)
        cells = [] if box is None else self.compositor.grid.nearest_first(box, centre)
        self.worker.request(visible_region.key, cells[: self.compositor.max_tiles()])

    def _schedule_update(self, *_: Any) -> None:
        self._update_timer.start(0)

    def _visible_box(self, layer: Image, box: Box) -> tuple[Box | None, tuple[float, float]]:
        """Return the visible part of a box, and the centre of the view, in pixels of the source."""
        viewer, layout = self.viewer, self.prepared.plan.layout
        corners = None if viewer is None else canvas_corners(layer, viewer)
        if corners is None:
            return box, (sum(box[0]) / 2, sum(box[1]) / 2)
        at = (corners[:, [layout.y, layout.x]] + 0.5) / self.compositor.scale
        low, high = np.floor(at.min(0)).astype(int), np.ceil(at.max(0)).astype(int)
        y, x = at.mean(0)
        visible_box = clip(box, ((int(low[0]), int(high[0])), (int(low[1]), int(high[1]))))
        return visible_box, (float(y), float(x))

    def _find_viewer(self) -> None:
        for viewer in open_viewers() if self.viewer is None else ():
            if self.layer in viewer.layers:
                self.attach(viewer)

    def attach(self, viewer: ViewerModel) -> None:
        """Connect to the camera of a viewer, and stop when window or layer are closed."""
        if self.viewer is viewer:
            return
        self._viewer = ref(viewer)
        self.sync.hide_source()
        on_window_closed(viewer, self.stop)
        camera = camera_of(viewer)
        camera.events.center.connect(self._schedule_update)
        camera.events.zoom.connect(self._schedule_update)
        viewer.layers.events.removed.connect(self._on_layer_removed)

    # -- signals of the worker --------------------------------------------------------------------

    def _draw(self) -> None:
        layer = self.layer
        if layer is None or self.worker.stopped:
            return
        self._drawn_updates = self.worker.updates
        if self.worker.plan is not None:
            # The intensity map of the whole layer is known only now.
            layer.metadata[PROVENANCE_KEY]["normalise"] = self.worker.plan.intensity.pairs
        layer.refresh(thumbnail=False, highlight=False, extent=False)

    def _on_note(self, text: str) -> None:
        from napari.utils.notifications import show_info

        if not self.worker.stopped:
            show_info(f"Live view of “{self.source.name}”: {text}.")

    def _on_error(self, error: Exception) -> None:
        from napari.utils.notifications import show_error

        expected = isinstance(error, USER_ERRORS)
        what = format_error(error) if expected else f"it stopped for a reason of its own: {error}"
        self.stop()
        text = f"Live view of “{self.source.name}”: {what}"
        if len(self.failed):
            self.failed.emit(text)
        else:
            show_error(text)

    # -- changes of model, options and source -----------------------------------------------------

    def apply(self, prepared: Prepared) -> bool:
        """Continue with another model or other options.

        Tiles computed before are displayed until they are replaced.

        Returns
        -------
        bool
            False if a new layer is needed, as scale, tiles or data differ.
        """
        old, new = self.prepared.plan, prepared.plan
        if (old.layout, old.scale, old.tiles) != (new.layout, new.scale, new.tiles):
            return False
        if self.worker.stopped or prepared.data is not self.prepared.data:
            return False
        self.prepared = prepared
        self.worker.restart(new, prepared.options, self.compositor.version + 1)
        self.update()
        return True

    def _on_data_replaced(self, *_: Any) -> None:
        """Rebuild the levels after the data of the source were replaced."""
        from .prepare import prepare

        layer, previous = self.layer, self.prepared
        if layer is None or self.worker.stopped or level_0(self.source) is previous.data:
            return
        self.worker.stop()
        try:
            model = previous.plan.model
            options = replace(previous.requested_options, detail=model.detail)
            self.prepared = prepare(self.source, model, options)
            if len(self.prepared.plan.layout.shape) != len(previous.plan.layout.shape):
                raise ValueError("the new data have other axes; switch it on again")
            layer.data = self._build_levels()
        except Exception as error:
            self._on_error(error)

    def _on_layer_removed(self, event: Any) -> None:
        viewer, layer = self.viewer, self.layer
        if event.value is layer:
            self.stop()
            self.sync.restore_source()
            distribute_memory()
        elif event.value is self.source and viewer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)

    def stop(self) -> None:
        """Stop computing and redrawing; the layer keeps its tiles."""
        self.worker.stop()
        self.redraw.stop()
        stop_timer(self._update_timer)

    def __del__(self) -> None:
        if hasattr(self, "worker"):
            self.worker.stop()


def distribute_memory() -> None:
    """Divide the memory for caches equally among the live layers that are not stopped."""
    from ...engine.device import free_ram

    working = [live for live in list(_instances) if not live.worker.stopped]
    stores = [store for live in working for store in (live.tiles, live.cache)]
    free = free_ram() + sum(store.nbytes for store in stores)
    for store in stores:
        store.resize(min(MAX_BYTES, int(MEMORY_FRACTION * free)) // len(stores))


def add_live(viewer: ViewerModel, prepared: Prepared) -> LiveController:
    """Add a live layer to a viewer, above its source and the results of the source."""
    live = LiveController(prepared.layer, prepared)
    layers = viewer.layers
    layers.insert(insertion_index(layers, prepared.layer), live.make_layer())
    live.attach(viewer)
    return live


def controller_of(layer: Image) -> LiveController | None:
    """Return the controller of a live layer; None for other layers."""
    return _controllers.get(layer)


def controllers_of(layers: Sequence[Any], source: Image | None = None) -> Iterator[LiveController]:
    """Yield the controllers of the live layers among ``layers``, optionally of one source."""
    for layer in list(layers):
        live = controller_of(layer)
        if live is not None and (source is None or live.source is source):
            yield live
