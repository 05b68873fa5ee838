"""The layers that the widget takes: those that are selected, or the one chosen by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

from napari.layers import Image
from qtpy.QtCore import QTimer

from ..layers.lineage import is_derived_from, made_from
from ..layers.source import source_of, sources_of
from ..layers.validation import refusal
from .object_choice import Entry, ObjectChoice

if TYPE_CHECKING:
    from napari.components import ViewerModel


@dataclass(frozen=True)
class Several:
    """Several layers that are super-resolved one after the other."""

    layers: tuple[Image, ...]


class LayerChoice(ObjectChoice):
    """A combo box of the image layers of a viewer, which follows their selection.

    A result that napari selects because it has just been added is not followed: what a person
    chose stays chosen. So it is with a result that napari selects in the place of one that was
    removed.
    """

    viewer: ViewerModel | None = None
    several: Several | None = None
    """the layers that were selected together last, offered in one entry"""

    def attach(self, viewer: ViewerModel) -> None:
        """Offer the layers of a viewer."""
        self.viewer = viewer
        self._selected: tuple[Any, ...] = ()
        self._met: WeakSet[Any] = WeakSet(viewer.layers)
        self._arrived: Any = lambda: None
        self._removal = QTimer(self.native)
        self._removal.setSingleShot(True)
        self._removal.setInterval(0)
        viewer.layers.events.removed.connect(self._removed)
        self.choices = lambda _: self.offered()
        self.follow()

    def detach(self) -> None:
        """Let go of the viewer."""
        if self.viewer is not None:
            self.viewer.layers.events.removed.disconnect(self._removed)
            self._removal.stop()

    # -- what is taken ----------------------------------------------------------------------------

    @property
    def sources(self) -> tuple[Image, ...]:
        """The layers that a run is for."""
        value = self.value
        if isinstance(value, Several):
            return value.layers
        return () if value is None else (value,)

    @property
    def source(self) -> Image | None:
        """The layer that is looked at: of several the topmost, as it is what is seen."""
        return self.sources[-1] if self.sources else None

    @property
    def left_out(self) -> list[tuple[Image, str]]:
        """The selected images that are not among several, with the reason of each."""
        images = [] if self.source is None else sources_of(self._in_selection())
        return [(each, refusal(each)) for each in images if each not in _fit(images)]

    @property
    def remark(self) -> str:
        """What is taken and why, where that is not just the layer that is selected."""
        if not self.sources:
            return ""
        selected = self._in_selection()
        images = _fit(sources_of(selected))
        others = [each for each in selected if not isinstance(each, Image)]
        several = len(self.sources) > 1
        taken = f"the {len(self.sources)} layers" if several else f"“{self.sources[0].name}”"
        verb = "are" if several else "is"
        lines = []
        if several:
            count, shown = len(self.sources), self.sources[-1].name
            lines.append(f"{count} layers, one after the other; shown here is “{shown}”.")
        if images and set(images) != set(self.sources):
            if len(selected) == 1 and selected[0] is self._arrived():
                lines.append(f"“{selected[0].name}” is new; {taken} {verb} still taken.")
            else:
                names = ", ".join(f"“{each.name}”" for each in images)
                lines.append(f"{names} {_is_or_are(images)} selected, but {taken} {verb} taken.")
        if images and others:
            names = ", ".join(f"“{each.name}” ({_kind(each)})" for each in others)
            lines.append(f"Left out: {names}.")
        elif others:
            names = ", ".join(f"“{each.name}”" for each in others)
            what = f"a {_kind(others[0])} layer" if len(others) == 1 else "no image layers"
            image = "" if several else "the image "
            lines.append(f"{names} {_is_or_are(others)} {what}; {image}{taken} {verb} taken.")
        return "\n".join(lines)

    # -- what there is ----------------------------------------------------------------------------

    def offered(self) -> list[Entry]:
        """Return the images that may be taken; a live layer stands for its source."""
        layers = () if self.viewer is None else self.viewer.layers
        images = [each for each in layers if isinstance(each, Image) and source_of(each) is each]
        entries: list[Entry] = [(each.name, each) for each in images]
        if self.several is not None:
            left = tuple(each for each in self.several.layers if each in images)
            if left != self.several.layers:
                self.several = Several(left) if len(left) > 1 else None
        if self.several is not None:
            names = ", ".join(each.name for each in self.several.layers)
            entries.insert(0, (f"{len(self.several.layers)} layers: {names}", self.several))
        return entries

    def fallback(self, kept: Any, entries: Sequence[Entry]) -> int:
        """Take what is left of several layers, else what is selected, else the first image."""
        before = kept.layers if isinstance(kept, Several) else ()
        if before and self.several is not None:
            return 0
        values = [value for _, value in entries]
        images = [each for each in values if isinstance(each, Image)]
        wanted = (*before, *sources_of(self._in_selection()), *images)
        return values.index(next(each for each in wanted if each in images))

    # -- the selection ----------------------------------------------------------------------------

    def follow(self) -> bool:
        """Take what is selected, if another selection than before; say whether that is so."""
        selected = self._in_selection()
        if selected == self._selected:
            return False
        self._selected = selected
        new = set(selected) - set(self._met)
        self._met.update(selected)
        images = sources_of(selected)
        if len(selected) == 1 and self._is_napari_s(selected[0], new=bool(new)):
            self._arrived = ref(selected[0]) if new else self._arrived
        elif images:
            self._take(_fit(images))
        return True

    def _take(self, images: Sequence[Image]) -> None:
        self.several = Several(tuple(images)) if len(images) > 1 else None
        with self.changed.blocked():
            self.reset_choices()
            self.value = self.several or images[0]

    def _is_napari_s(self, layer: Any, *, new: bool) -> bool:
        """Whether napari selected a layer, and no person: a result just added, or left over."""
        if new:
            return made_from(layer) is not None
        return self._removal.isActive() and any(
            is_derived_from(layer, each) for each in self.sources
        )

    def _removed(self, *_: Any) -> None:
        # Before the window works on, napari selects another layer.
        self._removal.start()

    def _in_selection(self) -> tuple[Any, ...]:
        """Return the layers that are selected, the lowest first."""
        if self.viewer is None:
            return ()
        return tuple(each for each in self.viewer.layers if each in self.viewer.layers.selection)


def _fit(images: list[Image]) -> list[Image]:
    """Return those of several images that can be super-resolved, or the topmost if none can."""
    return [each for each in images if not refusal(each)] or images[-1:]


def _kind(layer: Any) -> str:
    return type(layer).__name__.lower()


def _is_or_are(things: Iterable[Any]) -> str:
    return "is" if len(list(things)) == 1 else "are"
