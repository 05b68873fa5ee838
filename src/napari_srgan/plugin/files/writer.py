"""``napari_srgan.write`` and the npe2 writer: write layers to files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...io import ImageFile
from ...io import write as write_image
from ...io.image_file import PER_BAND
from ..layers.provenance import describe, describe_briefly
from ..live.array import LazyPlanes
from .from_layers import LayerImage, image_of

if TYPE_CHECKING:
    from napari.layers import Image


def write(
    path: str | PathLike[str], layer_data: Image | tuple[Any, ...] | Sequence[Any]
) -> list[str]:
    """Write an image layer, or several as the channels of one image.

    Parameters
    ----------
    path
        Target. The suffix, one of ``napari_srgan.io.WRITABLE``, determines the format. ``.tif`` is
        OME-TIFF, or GeoTIFF if the layer was read from one.
    layer_data
        An image layer, a tuple of data, arguments and ``"image"`` as returned by
        `napari_srgan.read`, or a list of these.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    ValueError
        If the format does not support the image, or several layers differ in more than intensities.
    OSError
        If the file cannot be written.

    Warns
    -----
    UserWarning
        If the format does not support position, pixel size, mask or alpha channel, or a scale
        without units is written as µm.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_srgan as ns
    >>> cells = np.zeros((20, 30), "uint16")
    >>> ns.write("cells.tif", (cells, {"scale": (2, 3), "units": ("µm", "µm")}, "image"))
    ['cells.tif']
    """
    path = Path(path)
    tuples = _layer_data_tuples(layer_data)
    layers = [image_of(data, options) for data, options, _ in tuples]
    written = layers[0] if len(layers) == 1 else _stack_channels(layers)
    image = written.image
    before = str(image.metadata.get("description") or "")
    short = path.name.lower().endswith((".nii", ".nii.gz"))
    note = (describe_briefly if short else describe)(written.provenance, before)
    return [str(write_image(path, image, note))]


def save(path: str, layer_data: list[Any]) -> list[str]:
    """Write layers for napari, which interprets a ValueError as a missing writer.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    try:
        return write(path, layer_data)
    except ValueError as error:
        raise OSError(str(error)) from error


def _layer_data_tuples(layer_data: Any) -> list[tuple[Any, dict[str, Any], str]]:
    one = isinstance(layer_data, tuple) or hasattr(layer_data, "as_layer_data_tuple")
    found = []
    for item in [layer_data] if one else list(layer_data):
        parts = item.as_layer_data_tuple() if hasattr(item, "as_layer_data_tuple") else item
        data, options, kind = (
            (*parts, {}, "image")[:3] if len(parts) == 1 else (*parts, "image")[:3]
        )
        if kind != "image":
            name = options.get("name") or "the layer"
            raise ValueError(
                f"{name}: a {kind} layer cannot be written here, only image layers can; save it "
                "with another plugin, such as napari's own"
            )
        if isinstance(data[0] if options.get("multiscale") else data, LazyPlanes):
            raise ValueError(
                f"the layer {options.get('name')!r} is computed only where one looks; click "
                "“Super-resolve layer” and save the layer that comes, or save the source"
            )
        found.append((data, dict(options), kind))
    if not found:
        raise ValueError("there is no layer to write")
    return found


def _stack_channels(layers: list[LayerImage]) -> LayerImage:
    """Combine layers as the channels of one image."""
    numbers = [layer.origin.channel for layer in layers if layer.origin is not None]
    if len(numbers) == len(layers) and None not in numbers and len(set(numbers)) == len(numbers):
        layers = sorted(layers, key=lambda layer: layer.origin.channel)  # type: ignore[union-attr,arg-type,return-value]
    images = [layer.image for layer in layers]
    first = images[0]
    for other in images[1:]:
        if unlike := _difference(first, other):
            raise ValueError(
                f"the layers {first.name!r} and {other.name!r} differ in {unlike}, so they cannot "
                "be channels of one image; save each on its own"
            )
    axes = first.axes or ""
    if "S" in axes or "C" in axes:
        raise ValueError(f"several layers with axes {axes} cannot be one image; save each alone")
    if all(isinstance(image.data, np.ndarray) for image in images):
        data: Any = np.stack([image.data for image in images])
    else:
        import dask.array as da

        data = da.stack([_dask(image.data) for image in images])
    channels = tuple(
        replace(layer.image.channels[0], name=layer.image.channels[0].name or _given_name(layer))
        for layer in layers
    )
    metadata = dict(first.metadata)
    for role in PER_BAND:
        if all(len(image.metadata.get(role, ())) == 1 for image in images):
            metadata[role] = tuple(image.metadata[role][0] for image in images)
    return replace(
        layers[0],
        image=replace(
            first, data=data, axes=f"C{axes}", channels=channels, name="", metadata=metadata
        ),
    )


def _given_name(layer: LayerImage) -> str:
    """Return the name of a layer; empty if it is a default name with a channel number."""
    number = None if layer.origin is None else layer.origin.channel
    counted = number is not None and f": channel {number + 1}" in layer.image.name
    return "" if counted else layer.image.name


def _dask(data: Any) -> Any:
    import dask.array as da

    return data if isinstance(data, da.Array) else da.from_array(data, chunks="auto", name=False)


def _difference(one: ImageFile, other: ImageFile) -> str:
    if (one.data.shape, one.axes) != (other.data.shape, other.axes):
        return f"shape: {one.data.shape} and {other.data.shape}"
    if one.data.dtype != other.data.dtype:
        return f"dtype: {one.data.dtype} and {other.data.dtype}"
    if one.unit != other.unit or one.pixel_size.keys() != other.pixel_size.keys():
        return "units"
    if not all(np.isclose(size, other.pixel_size[a]) for a, size in one.pixel_size.items()):
        return "pixel size"
    maps = [None if image.geo is None else image.geo.transform for image in (one, other)]
    for here, there in ((one.affine, other.affine), (maps[0], maps[1])):
        if (here is None) != (there is None):
            return "place"
        if here is not None and there is not None and not np.allclose(here, there, 1e-9, 1e-6):
            return "place"
    return ""
