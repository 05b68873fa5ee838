"""Convert images of files to layers: names, channels, colormaps, contrast and transform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ...io import Channel, ImageFile
from ...io.labels import is_labels, label_colours, label_properties
from ..layers.contrast import sampled_limits
from ..layers.origin import ORIGIN_KEY, PROVENANCE_KEY, Origin
from ..layers.provenance import parse_description
from ..layers.transform import transform_of

LayerData = tuple[Any, dict[str, Any], str]

MAX_CHANNEL_LAYERS = 12
"""maximum number of channels that become separate layers; more remain an axis with a slider"""
OTHER_LABELS = (0.5, 0.5, 0.5, 1.0)
"""colour of labels without a colour, where others have one"""
CHANNEL_COLORMAPS = ("cyan", "magenta", "yellow", "red", "green", "blue")
"""colormaps of channels without a colour, as napari assigns them"""
COLORMAP_NAMES = {
    (255, 255, 255): "gray",
    (255, 0, 0): "red",
    (0, 255, 0): "green",
    (0, 0, 255): "blue",
    (0, 255, 255): "cyan",
    (255, 0, 255): "magenta",
    (255, 255, 0): "yellow",
}


def layers_of(images: list[ImageFile], path: str, name: str) -> list[LayerData]:
    """Convert the images of a file to layers.

    Axes of length 1 are removed, except Z of a volume with an affine. Up to ``MAX_CHANNEL_LAYERS``
    channels become separate layers with additive blending. napari aligns the centres of the first
    pixels of all levels of a pyramid; levels made by averaging, as most are, are therefore
    displayed up to half of their pixel too far up and left. Only the finest level is super-resolved
    and written.

    Parameters
    ----------
    images
        The images of the file.
    path
        Path of the file.
    name
        Name of the layers, without channel.
    """
    found: list[LayerData] = []
    for number, image in enumerate(images, 1):
        title = name
        if len(images) > 1:
            title = f"{name}: {image.name or number}"
        if is_labels(image):
            found.append(_label_layer(image, path, title))
            continue
        found += _layers(_squeeze(_displayable_samples(image)), path, title)
        found += [_label_layer(label, path, f"{title}: {label.name}") for label in image.labels]
    return found


def _label_layer(image: ImageFile, path: str, name: str) -> LayerData:
    """Return the labels layer of a label image, aligned with its image."""
    image = _squeeze(image)
    levels = [
        level if level.dtype.kind != "b" else level.astype("u1")
        for level in (image.data, *image.levels)
    ]
    record = replace(image, data=None, levels=(), labels=())
    origin = Origin(path, record, image.axes, image.data.shape)
    options = {"name": name, "multiscale": len(levels) > 1, "metadata": {ORIGIN_KEY: origin}}
    options |= _placement(record, image.axes, origin.shape)
    if colours := label_colours(image):
        # napari requires colours of the background and of all other labels.
        options["colormap"] = {None: OTHER_LABELS, 0: (0.0, 0.0, 0.0, 0.0)} | colours
    if properties := label_properties(image):
        options["features"] = properties
    return (levels if len(levels) > 1 else levels[0]), options, "labels"


def _placement(record: ImageFile, axes: str | None, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return transform, axis labels and units of a layer."""
    if axes is None:
        return {}
    plain = axes.replace("S", "")
    sized = set(record.pixel_size)
    if record.affine is not None and not {"Y", "X"} <= sized:
        sized |= set("ZYX")
    return {
        **transform_of(record, plain, shape),
        "axis_labels": tuple(plain.lower()),
        "units": tuple(
            ("s" if a == "T" else record.unit) if a in sized else "pixel" for a in plain
        ),
    }


def _displayable_samples(image: ImageFile) -> ImageFile:
    """Return an image with S renamed to C if napari cannot display it as RGB."""
    axes, dtype = image.axes or "", image.data.dtype
    fine = dtype in (np.uint8, np.uint16) or dtype.kind == "f"
    if axes.endswith("S") and (not fine or image.data.shape[-1] not in (3, 4)):
        axes = axes.replace("S", "C") if "C" not in axes else ""
        return replace(image, axes=axes or None)
    return image


def _squeeze(image: ImageFile) -> ImageFile:
    if image.axes is None:
        return image
    shape = image.data.shape
    kept = "YXSZ" if image.affine is not None else "YXS"
    out = [i for i, a in enumerate(image.axes) if a not in kept and shape[i] == 1]
    if not out:
        return image
    index = tuple(0 if i in out else slice(None) for i in range(len(shape)))
    return replace(
        image,
        data=image.data[index],
        levels=tuple(level[index] for level in image.levels),
        missing=_index_mask(image.missing, image.axes, index),
        axes="".join(a for i, a in enumerate(image.axes) if i not in out),
    )


def _index_mask(missing: Any, axes: str, index: tuple[Any, ...]) -> Any:
    """Index the mask of missing values like the pixels, which are indexed by ``index``."""
    letters = axes.replace("S", "")
    if missing is None or missing.ndim != len(letters) or missing.ndim == 2:
        return missing
    return missing[tuple(i for i, a in zip(index, axes, strict=False) if a != "S")]


def _layers(image: ImageFile, path: str, name: str) -> Iterator[LayerData]:
    axes = image.axes or ""
    place = axes.find("C")
    count = image.data.shape[place] if place >= 0 else 1
    record = replace(image, data=None, levels=(), labels=())
    levels = [image.data, *image.levels]
    if place < 0 or count > MAX_CHANNEL_LAYERS:
        channel = image.channels[0] if len(image.channels) == 1 else Channel()
        yield _layer(levels, Origin(path, record, image.axes, image.data.shape), channel, name)
        return
    channels = image.channels if len(image.channels) == count else (Channel(),) * count
    maps = _colormaps(channels)
    rest = axes.replace("C", "")
    for number, channel in enumerate(channels):
        index = (slice(None),) * place + (number,)
        parts = [level[index] for level in levels]
        own = replace(record, missing=_index_mask(record.missing, axes, index))
        origin = Origin(path, own, rest, parts[0].shape, number)
        title = f"{name}: {channel.name or f'channel {number + 1}'}"
        data, options, kind = _layer(parts, origin, channel, title)
        if not options["rgb"] and options["colormap"] != "gray_r":
            options["colormap"] = maps[number]
        yield data, {**options, "blending": "additive"}, kind


def _layer(levels: list[Any], origin: Origin, channel: Channel, name: str) -> LayerData:
    record, axes = origin.record, origin.axes
    rgb = str(axes).endswith("S") or (axes is None and "samples" in record.metadata)
    options: dict[str, Any] = {
        "name": name,
        "rgb": rgb,
        "multiscale": len(levels) > 1,
        "metadata": {ORIGIN_KEY: origin},
    }
    if provenance := parse_description(str(record.metadata.get("description") or "")):
        options["metadata"][PROVENANCE_KEY] = provenance
    options |= _placement(record, axes, origin.shape)
    if rgb:
        options["contrast_limits"] = _colour_limits(levels)
    else:
        window = channel.window or sampled_limits(levels[-1], record.nodata)
        # napari requires ascending limits; an inverted window gets an inverted colormap.
        options["contrast_limits"] = (min(window), max(window))
        options["colormap"] = _colormap(channel.colour)
        white = record.metadata.get("photometric") == "miniswhite"
        if white or (channel.window and channel.window[0] > channel.window[1]):
            options["colormap"] = "gray_r"
    return (levels if len(levels) > 1 else levels[0]), options, "image"


def _colour_limits(levels: list[Any]) -> tuple[float, float]:
    dtype = levels[0].dtype
    if dtype == np.uint8:
        return (0.0, 255.0)
    # napari displays RGB of floats in the range 0 to 1.
    return (0.0, 1.0) if dtype.kind == "f" else (0.0, sampled_limits(levels[-1])[1])


def _colormaps(channels: tuple[Channel, ...]) -> list[str]:
    colours = {channel.colour for channel in channels} - {None}
    if len(channels) > 1 and colours <= {(255, 255, 255)}:
        # Additive blending of white channels could not tell them apart.
        pair = ("magenta", "green") if len(channels) == 2 else CHANNEL_COLORMAPS
        return [pair[i % len(pair)] for i in range(len(channels))]
    return [_colormap(channel.colour) for channel in channels]


def _colormap(colour: tuple[int, int, int] | None) -> str:
    """Return the name of a colormap from black to a colour, or its hexadecimal code."""
    if colour is None or colour == (0, 0, 0):
        return "gray"
    return COLORMAP_NAMES.get(colour) or "#{:02x}{:02x}{:02x}".format(*colour)
