"""Images of files as layers: names, channels, colours, contrast and place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...io import Channel, ImageFile
from ...io.labels import is_labels, label_colours, label_properties
from ..layers.contrast import sampled_limits
from ..layers.provenance import made_of
from ..layers.transform import transform_of

LayerData = tuple[Any, dict[str, Any], str]

FILE = "napari_srgan_file"
"""key of a layer's metadata for its `Origin`"""
MADE = "napari_srgan"
"""key of a layer's metadata for how a result was made"""
MOST_LAYERS = 12
"""channels that become layers of their own; of more, one layer has a slider"""
OTHER_LABELS = (0.5, 0.5, 0.5, 1.0)
"""colour of objects without one, among others with one"""
CYCLE = ("cyan", "magenta", "yellow", "red", "green", "blue")
"""colormaps of channels without a colour, as napari has them"""
NAMED = {
    (255, 255, 255): "gray",
    (255, 0, 0): "red",
    (0, 255, 0): "green",
    (0, 0, 255): "blue",
    (0, 255, 255): "cyan",
    (255, 0, 255): "magenta",
    (255, 255, 0): "yellow",
}


@dataclass(frozen=True)
class Origin:
    """The file that a layer is from, without its pixels: what a writer needs to put back."""

    path: str
    record: ImageFile
    """whose ``data`` are None"""
    axes: str | None
    """of the layer, with S"""
    shape: tuple[int, ...]
    """of the layer when it was read"""
    channel: int | None = None
    """which entry of C the layer is, where it is one of several layers"""


def layers_of(images: list[ImageFile], path: str, name: str) -> list[LayerData]:
    """Return the layers of the images of a file.

    Axes of length 1 are left out (but for Z of a volume with its place in the body). Up to
    ``MOST_LAYERS`` channels become layers of their own, blended additively. The levels of a pyramid
    are shown with their first pixels centred at one point, as napari does; those made by averaging,
    as most are, then lie up to half a pixel of theirs too far up and left, which napari has no way
    to say. Only the finest level is computed with and written.
    """
    found: list[LayerData] = []
    for number, image in enumerate(images, 1):
        title = name
        if len(images) > 1:
            title = f"{name}: {image.name or number}"
        if is_labels(image):
            found.append(_label_layer(image, path, title))
            continue
        found += _layers(_squeezed(_shown_samples(image)), path, title)
        found += [_label_layer(label, path, f"{title}: {label.name}") for label in image.labels]
    return found


def _label_layer(image: ImageFile, path: str, name: str) -> LayerData:
    """Return label images as a layer of labels that lies on its image."""
    image = _squeezed(image)
    levels = [
        level if level.dtype.kind != "b" else level.astype("u1")
        for level in (image.data, *image.levels)
    ]
    record = replace(image, data=None, levels=(), labels=())
    origin = Origin(path, record, image.axes, image.data.shape)
    options = {"name": name, "multiscale": len(levels) > 1, "metadata": {FILE: origin}}
    options |= _placed(record, image.axes, origin.shape)
    if colours := label_colours(image):
        # napari wants one for the background, and for objects of which nothing is said.
        options["colormap"] = {None: OTHER_LABELS, 0: (0.0, 0.0, 0.0, 0.0)} | colours
    if properties := label_properties(image):
        options["features"] = properties
    return (levels if len(levels) > 1 else levels[0]), options, "labels"


def _placed(record: ImageFile, axes: str | None, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the arguments of a layer that say where it lies."""
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


def _shown_samples(image: ImageFile) -> ImageFile:
    """Return an image whose S napari can show as colours, or C in its place."""
    axes, dtype = image.axes or "", image.data.dtype
    fine = dtype in (np.uint8, np.uint16) or dtype.kind == "f"
    if axes.endswith("S") and (not fine or image.data.shape[-1] not in (3, 4)):
        axes = axes.replace("S", "C") if "C" not in axes else ""
        return replace(image, axes=axes or None)
    return image


def _squeezed(image: ImageFile) -> ImageFile:
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
        missing=_part(image.missing, image.axes, index),
        axes="".join(a for i, a in enumerate(image.axes) if i not in out),
    )


def _part(missing: Any, axes: str, index: tuple[Any, ...]) -> Any:
    """Return which pixels of a part of an image have no value; ``index`` is that of its pixels."""
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
    if place < 0 or count > MOST_LAYERS:
        channel = image.channels[0] if len(image.channels) == 1 else Channel()
        yield _layer(levels, Origin(path, record, image.axes, image.data.shape), channel, name)
        return
    channels = image.channels if len(image.channels) == count else (Channel(),) * count
    maps = _colormaps(channels)
    rest = axes.replace("C", "")
    for number, channel in enumerate(channels):
        index = (slice(None),) * place + (number,)
        parts = [level[index] for level in levels]
        own = replace(record, missing=_part(record.missing, axes, index))
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
        "metadata": {FILE: origin},
    }
    if made := made_of(str(record.metadata.get("description") or "")):
        options["metadata"][MADE] = made
    options |= _placed(record, axes, origin.shape)
    if rgb:
        options["contrast_limits"] = _colour_limits(levels)
    else:
        window = channel.window or sampled_limits(levels[-1], record.nodata)
        # napari has limits in ascending order; the ends of a negative are swapped.
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
    # Colours of floats are 0 to 1; what is brighter is white.
    return (0.0, 1.0) if dtype.kind == "f" else (0.0, sampled_limits(levels[-1])[1])


def _colormaps(channels: tuple[Channel, ...]) -> list[str]:
    colours = {channel.colour for channel in channels} - {None}
    if len(channels) > 1 and colours <= {(255, 255, 255)}:
        # All in white would be one bright grey.
        pair = ("magenta", "green") if len(channels) == 2 else CYCLE
        return [pair[i % len(pair)] for i in range(len(channels))]
    return [_colormap(channel.colour) for channel in channels]


def _colormap(colour: tuple[int, int, int] | None) -> str:
    """Return the name of a colormap from black to a colour, which napari makes of its code."""
    if colour is None or colour == (0, 0, 0):
        return "gray"
    return NAMED.get(colour) or "#{:02x}{:02x}{:02x}".format(*colour)
