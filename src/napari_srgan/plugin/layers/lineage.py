"""Which layer a result was computed from, and where among the layers a new one belongs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from .result_names import name_result
from .source import source_of

if TYPE_CHECKING:
    from napari.layers import Image

    from .result_names import Recipe

_made: WeakKeyDictionary[Image, tuple[ref[Image], Recipe]] = WeakKeyDictionary()


def enter(result: Image, source: Image, recipe: Recipe, layers: Iterable[Any]) -> None:
    """Remember how a result was made of which layer, and name it beside earlier ones.

    Parameters
    ----------
    result
        Whose name is that of a first result.
    source, recipe
        What it was computed from, and how.
    layers
        Those beside which it will be shown.
    """
    result.name = name_result(result.name, recipe, _recipes(layers, source))
    _made[result] = (ref(source), recipe)


def shown_with(layer: Image) -> list[Any]:
    """Return the layers of the open viewers that show a layer."""
    if "napari._qt" not in sys.modules:
        return []
    from ..viewers import open_viewers

    lists = (viewer.layers for viewer in open_viewers())
    return [each for layers in lists if layer in layers for each in layers]


def made_from(layer: Any) -> Image | None:
    """Return the layer that a result of this session, or a live layer, was computed from."""
    source: Image = source_of(layer)
    if source is not layer:
        return source
    made = _made.get(layer)
    return None if made is None else made[0]()


def is_derived_from(layer: Any, source: Image) -> bool:
    """Whether a layer was computed from another one, or from a result of that."""
    before = made_from(layer)
    while before is not None and before is not source:
        before = made_from(before)
    return before is source


def place_above(layers: Sequence[Any], source: Image) -> int:
    """Return the place above a layer in the list and above all that may cover it.

    Those are what was computed from the layer, and where it is a result itself, from its source.
    """
    first = source
    while (before := made_from(first)) is not None:
        first = before
    family = (i for i, each in enumerate(layers) if each is first or is_derived_from(each, first))
    return 1 + max(family, default=layers.index(source))


def _recipes(layers: Iterable[Any], source: Image) -> Iterator[tuple[str, Recipe]]:
    """Yield names and recipes of the results of a layer that are among some layers."""
    for each in layers:
        made = _made.get(each)
        if made is not None and made[0]() is source:
            yield each.name, made[1]
