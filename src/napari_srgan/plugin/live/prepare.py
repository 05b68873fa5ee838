"""Model, options and plan of a live layer, made ready in any thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.intensity import check_normalise
from ...options import Options
from ..jobs.worker import load_torch
from ..layers.source import layer_source, missing_of, source_of

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from ...engine.plan import Plan
    from ...models import Model


TILES = {"cpu": 96, "cuda": 256, "mps": 128}
"""side of a tile's core in pixels of the source: on a CPU small, so that the first comes soon"""


@dataclass(frozen=True)
class Prepared:
    """What a live layer is made from."""

    layer: Image
    data: Any
    """the source's finest level"""
    given: Any
    """name, path or model, as given"""
    asked: Options
    """as given"""
    options: Options
    """with the axes and the tile filled in"""
    plan: Plan
    """but for the intensities, which need a look at the values"""


def prepare(layer: Layer, model: str | Path | Model, options: Options) -> Prepared:
    """Check what was asked for, and load the model; no values are read.

    It may take seconds and can be called in any thread.
    """
    from ...engine.device import choose_device
    from ...upscale import plan_for

    check_normalise(options.normalise)
    source: Any = source_of(layer)
    data, filled = layer_source(source, options, shown=True)
    if options.tile == "auto":
        filled = replace(filled, tile=TILES[choose_device(options.device).type])
    plan = plan_for(data, model, filled, missing=missing_of(source), look=False)
    return Prepared(source, data, model, options, filled, plan)


def ready(layer: Image, model: Any, options: Options) -> Prepared:
    """Prepare a live view, in a thread beside that of the window."""
    load_torch()
    return prepare(layer, model, options)
