"""A layer as the source of a run: its data at the finest level, its axes, its missing values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...engine.axes import complete_labels, guess_axes
from ...io import finest_plane
from ...options import Options
from ..files.to_layers import FILE, Origin

if TYPE_CHECKING:
    from napari.layers import Image, Layer


def layer_source(layer: Layer, options: Options, *, shown: bool = False) -> tuple[Any, Options]:
    """Return a layer's data at its finest level, and the options with axes and nodata filled in.

    Of a volume from a file, Y and X are the plane of its finest pixels, or with ``shown`` always
    what its labels call so, which napari shows.

    Raises
    ------
    TypeError
        If the layer is not an image layer.
    """
    from napari.layers import Image

    if not isinstance(layer, Image):
        kind = type(layer).__name__.lower()
        raise TypeError(
            f"the layer {getattr(layer, 'name', layer)!r} is a {kind} layer; only image layers "
            "can be super-resolved"
        )
    data = level_0(layer)
    origin = layer.metadata.get(FILE)
    if options.axes is None:
        axes = complete_labels(layer.axis_labels, data.shape, rgb=layer.rgb)
        if not shown and isinstance(origin, Origin) and origin.axes == axes:
            axes = finest_plane(replace(origin.record, axes=axes)) or axes
        options = replace(options, axes=axes or guess_axes(data.shape, rgb=layer.rgb))
    declared = isinstance(origin, Origin) and origin.record.nodata is not None
    if options.nodata == "auto" and declared:
        options = replace(options, nodata=origin.record.nodata)
    return data, options


def missing_of(layer: Layer) -> Any | None:
    """Return where the file of a layer says that there are no values; None where it does not.

    A layer whose data are not of the file's shape any more has none.
    """
    origin = layer.metadata.get(FILE)
    missing = origin.record.missing if isinstance(origin, Origin) else None
    if missing is None:
        return None
    shape = level_0(layer).shape
    shape = shape[:-1] if layer.rgb else shape
    return missing if tuple(missing.shape) in (shape, shape[-2:]) else None


def source_of(layer: Any) -> Any:
    """Return the layer that a live layer shows finer; any other layer is its own source."""
    layer = getattr(layer, "__wrapped__", layer)  # napari hands out proxies to plugins
    if not getattr(layer, "multiscale", False):
        return layer
    return getattr(getattr(level_0(layer), "owner", None), "source", layer)


def sources_of(layers: Iterable[Any]) -> list[Image]:
    """Return the image layers among some layers, each once; live ones stand for their source."""
    from napari.layers import Image

    images = (source_of(each) for each in layers if isinstance(each, Image))
    return list(dict.fromkeys(images))


def level_0(layer: Image) -> Any:
    """Return a layer's data at its finest level."""
    return layer.data[0] if layer.multiscale else layer.data
