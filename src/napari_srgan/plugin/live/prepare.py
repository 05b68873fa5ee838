"""Prepare model, options and plan of a live layer, in any thread."""

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
"""device type → side of a tile in pixels of the source; small on a CPU for low latency"""


@dataclass(frozen=True)
class Prepared:
    """Arguments of a live layer."""

    layer: Image
    """the source"""
    data: Any
    """finest level of the source"""
    requested_model: Any
    """name, path or loaded model, as passed"""
    requested_options: Options
    """options as passed"""
    options: Options
    """options with axes and tile size filled in"""
    plan: Plan
    """plan without the intensity map, which requires the values of the whole layer"""


def prepare(layer: Layer, model: str | Path | Model, options: Options) -> Prepared:
    """Check the arguments and load the model, without reading the data.

    May take seconds; can be called in any thread.

    Raises
    ------
    TypeError, ValueError, ModelError
        As in `napari_srgan.super_resolve_layer`.
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


def prepare_in_thread(layer: Image, model: Any, options: Options) -> Prepared:
    """Import PyTorch and prepare a live view, in a background thread."""
    load_torch()
    return prepare(layer, model, options)
