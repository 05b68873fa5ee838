"""Source layers of results, and the position of new results in the layer list."""

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

_results: WeakKeyDictionary[Image, tuple[ref[Image], Recipe]] = WeakKeyDictionary()


def register_result(result: Image, source: Image, recipe: Recipe, layers: Iterable[Any]) -> None:
    """Store source and recipe of a result, and append differences from earlier ones to its name.

    Parameters
    ----------
    result
        The new layer; its name is the default name of a result.
    source, recipe
        The layer that it was computed from, and the parameters.
    layers
        The layers of the viewer that it will be added to.
    """
    result.name = name_result(result.name, recipe, _recipes(layers, source))
    _results[result] = (ref(source), recipe)


def layers_shown_with(layer: Image) -> list[Any]:
    """Return the layers of all open viewers that contain ``layer``."""
    if "napari._qt" not in sys.modules:
        return []
    from ..viewers import open_viewers

    lists = (viewer.layers for viewer in open_viewers())
    return [each for layers in lists if layer in layers for each in layers]


def parent_of(layer: Any) -> Image | None:
    """Return the source of a live layer or of a result of this session; None for other layers."""
    source: Image = source_of(layer)
    if source is not layer:
        return source
    entry = _results.get(layer)
    return None if entry is None else entry[0]()


def is_derived_from(layer: Any, source: Image) -> bool:
    """Whether a layer was computed from ``source``, directly or through other results."""
    parent = parent_of(layer)
    while parent is not None and parent is not source:
        parent = parent_of(parent)
    return parent is source


def insertion_index(layers: Sequence[Any], source: Image) -> int:
    """Return the index at which to insert a result of ``source``.

    It is above ``source`` and above all layers derived from the same original layer.
    """
    root = source
    while (parent := parent_of(root)) is not None:
        root = parent
    related = (i for i, each in enumerate(layers) if each is root or is_derived_from(each, root))
    return 1 + max(related, default=layers.index(source))


def _recipes(layers: Iterable[Any], source: Image) -> Iterator[tuple[str, Recipe]]:
    """Yield names and recipes of the results of ``source`` among ``layers``."""
    for each in layers:
        entry = _results.get(each)
        if entry is not None and entry[0]() is source:
            yield each.name, entry[1]
