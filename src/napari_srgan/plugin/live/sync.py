"""A live layer and its source: they lie in one place, look alike and do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import ref

from ..layers.result import finer_transform, layer_state

if TYPE_CHECKING:
    from napari.layers import Image

PLACED = ("scale", "translate", "rotate", "shear", "affine", "units")
"""attributes of the source that place both layers"""
LOOKS = ("contrast_limits", "gamma", "colormap")
"""attributes that are the same in both, whichever is changed"""
COVERING = ("opaque", "translucent", "translucent_no_depth")
"""ways of blending in which a layer hides what is under it"""


class LayerSync:
    """What keeps a live layer and its source together.

    Parameters
    ----------
    source, layer
        The two layers, which are not kept alive by this.
    factors
        How many times finer the live layer is along the axes of its transform.
    """

    def __init__(self, source: Image, layer: Image, factors: Sequence[int]) -> None:
        self._source, self._layer = ref(source), ref(layer)
        self._factors = factors
        self._busy = False
        self._covered = False
        for name in PLACED:
            getattr(source.events, name).connect(self._moved)
        for name in LOOKS[:2] if source.rgb else LOOKS:
            for each in (source, layer):
                getattr(each.events, name).connect(self._looks_changed)

    def _both(self) -> tuple[Any, Any] | None:
        source, layer = self._source(), self._layer()
        return None if source is None or layer is None else (source, layer)

    def _moved(self, *_: Any) -> None:
        """Lay the live layer where the source lies."""
        if (both := self._both()) is None:
            return
        source, layer = both
        state = layer_state(source)
        for name in PLACED[2:]:
            setattr(layer, name, state[name])
        for name, value in finer_transform(state, self._factors, [0] * len(self._factors)).items():
            setattr(layer, name, value)

    def _looks_changed(self, event: Any) -> None:
        """Give one layer the looks of the other."""
        both = self._both()
        if both is None or self._busy:
            return
        here, there = both if event.source is both[0] else both[::-1]
        self._busy = True
        try:
            setattr(there, event.type, getattr(here, event.type))
        finally:
            self._busy = False

    def cover(self) -> None:
        """Show the source only while the live layer is hidden, where both would add up."""
        both = self._both()
        if both is None or self._covered:
            return
        source, layer = both
        hides = layer.blending in COVERING and layer.opacity == 1
        if hides or not (source.visible and layer.visible):
            return
        self._covered = True
        source.visible = False
        layer.events.visible.connect(self._swap)

    def _swap(self, *_: Any) -> None:
        if (both := self._both()) is not None:
            both[0].visible = not both[1].visible

    def part(self) -> None:
        """Show a source that was covered again, as its live layer goes."""
        both = self._both()
        if both is None or not self._covered:
            return
        source, layer = both
        layer.events.visible.disconnect(self._swap)
        source.visible = source.visible or layer.visible
