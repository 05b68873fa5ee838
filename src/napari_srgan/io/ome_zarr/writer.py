"""Write OME-Zarr images with axes, pixel size and levels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..guard import replacing
from ..image_file import LONG_NAMES, Channel, ImageFile
from ..medical_affine import voxel_size

__all__ = ["OWN", "check_image", "write_ome_zarr"]

OWN = "napari-srgan"
"""attribute for metadata that OME-NGFF does not define"""
CHUNK = 512
"""side in pixels of a chunk"""
SMALLEST = 256
"""side in pixels up to which an image needs no coarser level"""
COLOURS = ((255, 255, 255), (0, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 0), (255, 0, 0))
NO_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
"""JSON texts of floats that are not JSON numbers, as in Zarr"""
SAMPLES = ("red", "green", "blue", "alpha")


def write_ome_zarr(path: Path | str, image: ImageFile, description: str = "") -> Path:
    """Write an image as OME-Zarr (OME-NGFF 0.5) with a pyramid, chunk by chunk.

    RGB(A) samples become channels, since OME-NGFF has no axis S. The first pixels of all levels
    have the same centre, as napari displays them: each level is the finer one, blurred by
    (1, 2, 1) / 4, at every second pixel. The affine of a rotated image is stored in an attribute
    of this plugin, with the pixel size as scale, since OME-NGFF 0.5 has no affines. A temporary
    folder beside the target is renamed at the end.

    Raises
    ------
    ValueError
        If the path does not end in ``.zarr``, or OME-Zarr cannot store the image.
    OSError
        If the folder is not writable, the disk is full, or the target is a folder but not a Zarr.
    """
    path = Path(path)
    if path.suffix.lower() != ".zarr":
        raise ValueError(f"{path}: cannot be written; allowed is .zarr")
    data, axes, channels = _in_order(path, image)
    if path.is_dir() and any(path.iterdir()):
        known = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
        if not any((path / name).is_file() for name in known):
            raise FileExistsError(f"{path}: there is a folder of that name which is no Zarr")
    return replacing(path, lambda beside: _write(beside, image, data, axes, channels, description))


def check_image(path: Path, image: ImageFile) -> None:
    """Refuse an image that `write_ome_zarr` cannot write, without access to its pixels.

    Raises
    ------
    ValueError
        If OME-Zarr cannot store the image.
    """
    _in_order(path, image)


def _in_order(path: Path, image: ImageFile) -> tuple[Any, str, tuple[Channel, ...]]:
    """Return the array in the order T C Z Y X, its axes, and its channels."""
    data, axes, channels = image.data, image.axes or "YX", image.channels
    if data.dtype.kind not in "biuf":
        raise ValueError(f"{path}: OME-Zarr does not hold {data.dtype} here; convert the image")
    wrong = len(axes) != data.ndim or len(set(axes)) != len(axes) or not {*"YX"} <= {*axes}
    if wrong or not set(axes) <= set("TCZYXS"):
        raise ValueError(f"{path}: axes={axes!r} for an image of shape {data.shape}")
    if "S" in axes:
        if "C" in axes:
            raise ValueError(f"{path}: OME-Zarr has no image with channels and RGB samples")
        primary = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))
        count = data.shape[axes.index("S")]
        channels = tuple(map(Channel, SAMPLES, primary))[:count]
        axes = axes.replace("S", "C")
    letters = "".join(a for a in "TCZYX" if a in axes)
    return data.transpose([axes.index(a) for a in letters]), letters, channels


def _write(
    path: Path,
    image: ImageFile,
    data: Any,
    axes: str,
    channels: tuple[Channel, ...],
    description: str,
) -> None:
    import zarr

    group = zarr.create_group(str(path), zarr_format=3)
    names = [axis.lower() for axis in axes]

    def level(number: int, shape: tuple[int, ...]) -> Any:
        chunks = (*(1,) * (len(shape) - 2), *(min(CHUNK, n) for n in shape[-2:]))
        return group.create_array(
            f"s{number}", shape=shape, chunks=chunks, dtype=data.dtype, dimension_names=names
        )

    finest = last = level(0, data.shape)
    _store(data, finest)
    factors = [1]
    while min(last.shape[-2:]) > SMALLEST:
        coarser = level(len(factors), (*last.shape[:-2], *(-(-n // 2) for n in last.shape[-2:])))
        _halve(last, coarser)
        factors.append(2 * factors[-1])
        last = coarser

    size, affine = dict(image.pixel_size), image.affine
    shift = dict.fromkeys("ZYX", 0.0)
    if "T" in size and image.metadata.get("time_start"):
        shift["T"] = float(image.metadata["time_start"])
    attributes: dict[str, Any] = {}
    if affine is not None:
        size |= voxel_size(affine)
        if np.allclose(affine[:3, :3], np.diag([size[a] for a in "ZYX"]), rtol=1e-9, atol=1e-12):
            shift |= dict(zip("ZYX", affine[:3, 3].tolist(), strict=True))
        else:
            attributes[OWN] = {"affine": affine.tolist()}
    if image.nodata is not None:
        value = float(image.nodata)
        attributes.setdefault(OWN, {})["nodata"] = NO_NUMBERS.get(str(value), value)
    ome: dict[str, Any] = {
        "version": "0.5",
        "multiscales": [
            {
                "name": image.name or path.name.strip(".").split(".")[0],
                "axes": [_axis(axis, image, size) for axis in axes],
                "datasets": [
                    {
                        "path": f"s{number}",
                        "coordinateTransformations": _transforms(axes, size, shift, factor),
                    }
                    for number, factor in enumerate(factors)
                ],
                "type": "binomial",
                "metadata": {"description": description} if description else {},
            }
        ],
    }
    count = data.shape[axes.index("C")] if "C" in axes else 1
    if len(channels) == count:
        before = _told(image, channels)
        ome["omero"] = {**before, "channels": list(_omero(channels, axes, last, before))}
    group.update_attributes({"ome": ome} | attributes)


def _axis(axis: str, image: ImageFile, size: dict[str, float]) -> dict[str, str]:
    kind = {"T": "time", "C": "channel"}.get(axis, "space")
    found = {"name": axis.lower(), "type": kind}
    if axis in size and kind == "time":
        found["unit"] = "second"
    elif axis in size and image.unit in LONG_NAMES:
        found["unit"] = LONG_NAMES[image.unit]
    return found


def _transforms(
    axes: str, size: dict[str, float], shift: dict[str, float], factor: int
) -> list[dict[str, Any]]:
    scale = [float(size.get(a, 1)) * (factor if a in "YX" else 1) for a in axes]
    found: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if any(shift.values()):
        found.append({"type": "translation", "translation": [shift.get(a, 0.0) for a in axes]})
    return found


def _told(image: ImageFile, channels: tuple[Channel, ...]) -> dict[str, Any]:
    """Return ``omero`` of the source file, if it describes the same channels."""
    attributes = image.metadata.get("attributes")
    found = attributes.get("omero") if isinstance(attributes, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("channels"), list):
        return {}
    own = [str(c.get("label") or "") if isinstance(c, dict) else None for c in found["channels"]]
    return found if own == [channel.name for channel in channels] else {}


def _omero(
    channels: tuple[Channel, ...], axes: str, level: Any, before: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the channels of ``omero``; missing windows are computed from a coarse level.

    Further entries of the source file are kept.
    """
    kind = np.dtype(level.dtype)
    for number, channel in enumerate(channels):
        window = channel.window and tuple(sorted(channel.window))
        if window is None and kind == np.uint8:
            window = (0.0, 255.0)
        if window is None:
            part = (slice(None),) * axes.index("C") + (number,) if "C" in axes else ()
            values = np.asarray(level[part] if part else level[...])
            values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
            window = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        ends = window
        if kind.kind in "iu":
            ends = (float(np.iinfo(kind).min), float(np.iinfo(kind).max))
        colour = channel.colour or COLOURS[number % len(COLOURS)]
        told = before["channels"][number] if before else {}
        active = told.get("active")
        yield {
            **told,
            "label": channel.name,
            "color": "{:02X}{:02X}{:02X}".format(*colour),
            "active": active if isinstance(active, bool) else True,
            "window": {"min": ends[0], "max": ends[1], "start": window[0], "end": window[1]},
        }


def _store(data: Any, array: Any) -> None:
    """Write an array; parts of a lazy one are aligned to the chunks that are written."""
    if hasattr(data, "chunks"):
        import dask.array as da

        sizes = {}
        for axis in (-2, -1):
            step = array.chunks[axis]
            sizes[data.ndim + axis] = -(-max(data.chunks[axis]) // step) * step
        da.store(data.rechunk(sizes), array, lock=False)
        return
    for index in np.ndindex(*data.shape[:-2]):
        array[index] = data[index]


def _halve(finer: Any, coarser: Any) -> None:
    """Blur the finer level and write every second pixel to the coarser one, in bands."""
    rows, step = finer.shape[-2], coarser.chunks[-2]
    for index in np.ndindex(*finer.shape[:-2]):
        for start in range(0, coarser.shape[-2], step):
            stop = min(start + step, coarser.shape[-2])
            first, last = max(2 * start - 1, 0), min(2 * stop, rows)
            band = np.asarray(finer[(*index, slice(first, last))])
            half = _sampled(band, 2 * np.arange(start, stop) - first, 0)
            half = _sampled(half, np.arange(0, finer.shape[-1], 2), 1)
            if band.dtype.kind in "iu":
                half = np.rint(half)
            coarser[(*index, slice(start, stop))] = half.astype(band.dtype)


def _sampled(band: npt.NDArray[Any], at: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """Blur a band along an axis and return it at the given positions."""
    centre = band.take(at, axis)
    if band.dtype.kind == "b":
        return centre
    centre = centre.astype(np.float64)
    total = 2 * centre
    for side in (np.maximum(at - 1, 0), np.minimum(at + 1, band.shape[axis] - 1)):
        beside = band.take(side, axis)
        # NaN neighbours are replaced, so that missing areas do not grow.
        total += np.where(np.isnan(beside), centre, beside)
    return total / 4
