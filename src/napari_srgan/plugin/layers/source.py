"""A layer as the source of a run: data of the finest level, axes and missing values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...engine.axes import complete_labels, guess_axes
from ...io import finest_plane
from ...options import Options
from .origin import ORIGIN_KEY, Origin

if TYPE_CHECKING:
    from napari.layers import Image, Layer


def layer_source(layer: Layer, options: Options, *, shown: bool = False) -> tuple[Any, Options]:
    """Return the data of the finest level, and the options with axes and nodata filled in.

    Parameters
    ----------
    layer
        The source.
    options
        Options of the run; given axes and nodata are kept.
    shown
        For an anisotropic volume from a file, Y and X are the axes of the plane with the finest
        pixels. True: they are always the axes with these labels, which napari displays.

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
    origin = layer.metadata.get(ORIGIN_KEY)
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
    """Return the mask of missing values in the file of a layer, None if there is none.

    A mask whose shape does not match the layer is ignored.
    """
    origin = layer.metadata.get(ORIGIN_KEY)
    missing = origin.record.missing if isinstance(origin, Origin) else None
    if missing is None:
        return None
    shape = level_0(layer).shape
    shape = shape[:-1] if layer.rgb else shape
    return missing if tuple(missing.shape) in (shape, shape[-2:]) else None


def source_of(layer: Any) -> Any:
    """Return the source of a live layer, and any other layer itself."""
    layer = getattr(layer, "__wrapped__", layer)  # napari passes proxies to plugins
    if not getattr(layer, "multiscale", False):
        return layer
    return getattr(getattr(level_0(layer), "owner", None), "source", layer)


def sources_of(layers: Iterable[Any]) -> list[Image]:
    """Return the image layers without duplicates; live layers are replaced by their source."""
    from napari.layers import Image

    images = (source_of(each) for each in layers if isinstance(each, Image))
    return list(dict.fromkeys(images))


def level_0(layer: Image) -> Any:
    """Return the data of the finest level of a layer."""
    return layer.data[0] if layer.multiscale else layer.data
