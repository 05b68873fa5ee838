"""Combo box of the source layers, which follows the layer selection of the viewer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

from napari.layers import Image
from qtpy.QtCore import QTimer

from ..layers.lineage import is_derived_from, parent_of
from ..layers.source import source_of, sources_of
from ..layers.validation import unsupported_reason
from .object_choice import Entry, ObjectChoice

if TYPE_CHECKING:
    from napari.components import ViewerModel


@dataclass(frozen=True)
class LayerGroup:
    """Layers that are super-resolved one after the other."""

    layers: tuple[Image, ...]


class LayerChoice(ObjectChoice):
    """A combo box of the image layers of a viewer, which follows their selection.

    Results that napari selects automatically are not followed: a result that was just added, or
    one selected in place of a removed layer.
    """

    viewer: ViewerModel | None = None
    group: LayerGroup | None = None
    """the layers that were last selected together, offered as one entry"""

    def attach(self, viewer: ViewerModel) -> None:
        """Connect to a viewer and offer its layers."""
        self.viewer = viewer
        self._last_selection: tuple[Any, ...] = ()
        self._known_layers: WeakSet[Any] = WeakSet(viewer.layers)
        self._last_added: Any = lambda: None
        self._removal_timer = QTimer(self.native)
        self._removal_timer.setSingleShot(True)
        self._removal_timer.setInterval(0)
        viewer.layers.events.removed.connect(self._on_removed)
        self.choices = lambda _: self.available_entries()
        self.follow_selection()

    def detach(self) -> None:
        """Disconnect from the viewer."""
        if self.viewer is not None:
            self.viewer.layers.events.removed.disconnect(self._on_removed)
            self._removal_timer.stop()

    # -- chosen layers ----------------------------------------------------------------------------

    @property
    def sources(self) -> tuple[Image, ...]:
        """The chosen layers."""
        value = self.value
        if isinstance(value, LayerGroup):
            return value.layers
        return () if value is None else (value,)

    @property
    def source(self) -> Image | None:
        """The chosen layer; of a group the topmost, which is visible."""
        return self.sources[-1] if self.sources else None

    @property
    def left_out(self) -> list[tuple[Image, str]]:
        """Selected images that are not part of the group, with the reason for each."""
        images = [] if self.source is None else sources_of(self._selected_layers())
        return [
            (each, unsupported_reason(each))
            for each in images
            if each not in _supported_or_topmost(images)
        ]

    @property
    def remark(self) -> str:
        """Explanation of the choice, empty if it is just the selected layer."""
        if not self.sources:
            return ""
        selected = self._selected_layers()
        images = _supported_or_topmost(sources_of(selected))
        others = [each for each in selected if not isinstance(each, Image)]
        is_group = len(self.sources) > 1
        taken, verb = self._describe_sources()
        lines = []
        if is_group:
            count, shown = len(self.sources), self.sources[-1].name
            lines.append(f"{count} layers, one after the other; shown here is “{shown}”.")
        if images and set(images) != set(self.sources) and not self.new_result_remark:
            names = ", ".join(f"“{each.name}”" for each in images)
            lines.append(f"{names} {_is_or_are(images)} selected, but {taken} {verb} taken.")
        if images and others:
            names = ", ".join(f"“{each.name}” ({_type_name(each)})" for each in others)
            lines.append(f"Left out: {names}.")
        elif others:
            names = ", ".join(f"“{each.name}”" for each in others)
            what = f"a {_type_name(others[0])} layer" if len(others) == 1 else "no image layers"
            image = "" if is_group else "the image "
            lines.append(f"{names} {_is_or_are(others)} {what}; {image}{taken} {verb} taken.")
        return "\n".join(lines)

    @property
    def new_result_remark(self) -> str:
        """Explanation why a selected new result is not followed, empty if none is selected."""
        selected = self._selected_layers()
        is_new = len(selected) == 1 and selected[0] is self._last_added()
        if not is_new or not self.sources or set(sources_of(selected)) == set(self.sources):
            return ""
        taken, verb = self._describe_sources()
        return f"“{selected[0].name}” is new; {taken} {verb} still taken."

    def _describe_sources(self) -> tuple[str, str]:
        """Return a phrase for the chosen layers and the verb that agrees with it."""
        if len(self.sources) > 1:
            return f"the {len(self.sources)} layers", "are"
        return f"“{self.sources[0].name}”", "is"

    # -- entries ----------------------------------------------------------------------------------

    def available_entries(self) -> list[Entry]:
        """Return the group and the image layers; live layers are represented by their source."""
        layers = () if self.viewer is None else self.viewer.layers
        images = [each for each in layers if isinstance(each, Image) and source_of(each) is each]
        entries: list[Entry] = [(each.name, each) for each in images]
        if self.group is not None:
            left = tuple(each for each in self.group.layers if each in images)
            if left != self.group.layers:
                self.group = LayerGroup(left) if len(left) > 1 else None
        if self.group is not None:
            names = ", ".join(each.name for each in self.group.layers)
            entries.insert(0, (f"{len(self.group.layers)} layers: {names}", self.group))
        return entries

    def fallback_index(self, previous: Any, entries: Sequence[Entry]) -> int:
        """Return the index of the rest of a group, else a selected layer, else the first image."""
        before = previous.layers if isinstance(previous, LayerGroup) else ()
        if before and self.group is not None:
            return 0
        values = [value for _, value in entries]
        images = [each for each in values if isinstance(each, Image)]
        candidates = (*before, *sources_of(self._selected_layers()), *images)
        return values.index(next(each for each in candidates if each in images))

    # -- selection --------------------------------------------------------------------------------

    def follow_selection(self) -> bool:
        """Choose the selected layers; return whether the selection has changed."""
        selected = self._selected_layers()
        if selected == self._last_selection:
            return False
        self._last_selection = selected
        new = set(selected) - set(self._known_layers)
        self._known_layers.update(selected)
        images = sources_of(selected)
        if len(selected) == 1 and self._selected_by_napari(selected[0], new=bool(new)):
            self._last_added = ref(selected[0]) if new else self._last_added
        elif images:
            self._set_layers(_supported_or_topmost(images))
        return True

    def _set_layers(self, images: Sequence[Image]) -> None:
        self.group = LayerGroup(tuple(images)) if len(images) > 1 else None
        with self.changed.blocked():
            self.reset_choices()
            self.value = self.group or images[0]

    def _selected_by_napari(self, layer: Any, *, new: bool) -> bool:
        """Whether napari, not the user, selected a layer: a new result, or one after a removal."""
        if new:
            return parent_of(layer) is not None
        return self._removal_timer.isActive() and any(
            is_derived_from(layer, each) for each in self.sources
        )

    def _on_removed(self, *_: Any) -> None:
        # napari selects another layer before the event loop continues and the timer ends.
        self._removal_timer.start()

    def _selected_layers(self) -> tuple[Any, ...]:
        """Return the selected layers, the bottom one first."""
        if self.viewer is None:
            return ()
        return tuple(each for each in self.viewer.layers if each in self.viewer.layers.selection)


def _supported_or_topmost(images: list[Image]) -> list[Image]:
    """Return the images that can be super-resolved, or the topmost one if none can."""
    return [each for each in images if not unsupported_reason(each)] or images[-1:]


def _type_name(layer: Any) -> str:
    return type(layer).__name__.lower()


def _is_or_are(things: Iterable[Any]) -> str:
    return "is" if len(list(things)) == 1 else "are"
