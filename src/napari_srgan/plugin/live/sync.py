"""Synchronise transform, appearance and visibility of a live layer and its source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import ref

from ..layers.result import finer_transform, layer_state

if TYPE_CHECKING:
    from napari.layers import Image

TRANSFORM_ATTRIBUTES = ("scale", "translate", "rotate", "shear", "affine", "units")
"""attributes copied from the source to the live layer"""
APPEARANCE_ATTRIBUTES = ("contrast_limits", "gamma", "colormap")
"""attributes copied in both directions"""
OPAQUE_BLENDINGS = ("opaque", "translucent", "translucent_no_depth")
"""blending modes in which an opaque layer hides the layers below"""


class LayerSync:
    """Keeps a live layer and its source in sync.

    Parameters
    ----------
    source, layer
        The two layers, held by weak references.
    factors
        Upscaling factor along each axis of the transform.
    """

    def __init__(self, source: Image, layer: Image, factors: Sequence[int]) -> None:
        self._source, self._layer = ref(source), ref(layer)
        self._factors = factors
        self._copying = False
        self._source_hidden = False
        for name in TRANSFORM_ATTRIBUTES:
            getattr(source.events, name).connect(self._copy_transform)
        for name in APPEARANCE_ATTRIBUTES[:2] if source.rgb else APPEARANCE_ATTRIBUTES:
            for each in (source, layer):
                getattr(each.events, name).connect(self._copy_appearance)

    def _layer_pair(self) -> tuple[Any, Any] | None:
        source, layer = self._source(), self._layer()
        return None if source is None or layer is None else (source, layer)

    def _copy_transform(self, *_: Any) -> None:
        """Set the transform of the live layer from that of the source."""
        if (pair := self._layer_pair()) is None:
            return
        source, layer = pair
        state = layer_state(source)
        for name in TRANSFORM_ATTRIBUTES[2:]:
            setattr(layer, name, state[name])
        for name, value in finer_transform(state, self._factors, [0] * len(self._factors)).items():
            setattr(layer, name, value)

    def _copy_appearance(self, event: Any) -> None:
        """Copy a changed attribute to the other layer."""
        pair = self._layer_pair()
        if pair is None or self._copying:
            return
        changed, other = pair if event.source is pair[0] else pair[::-1]
        self._copying = True
        try:
            setattr(other, event.type, getattr(changed, event.type))
        finally:
            self._copying = False

    def hide_source(self) -> None:
        """Hide the source while the live layer is visible, if blending would add both."""
        pair = self._layer_pair()
        if pair is None or self._source_hidden:
            return
        source, layer = pair
        hides = layer.blending in OPAQUE_BLENDINGS and layer.opacity == 1
        if hides or not (source.visible and layer.visible):
            return
        self._source_hidden = True
        source.visible = False
        layer.events.visible.connect(self._toggle_source)

    def _toggle_source(self, *_: Any) -> None:
        if (pair := self._layer_pair()) is not None:
            pair[0].visible = not pair[1].visible

    def restore_source(self) -> None:
        """Show a hidden source again, when its live layer is removed."""
        pair = self._layer_pair()
        if pair is None or not self._source_hidden:
            return
        source, layer = pair
        layer.events.visible.disconnect(self._toggle_source)
        source.visible = source.visible or layer.visible
