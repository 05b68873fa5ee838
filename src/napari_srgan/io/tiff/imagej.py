"""ImageJ metadata: pixel size, time interval, origin, channels and calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..image_file import Channel
from .tags import (
    FARTHEST,
    SECONDS,
    UNITS,
    fitting,
    is_length,
    number,
    plain_unit,
    ramp_colour,
    tag_size,
)

POLYNOMIALS = 3
"""highest code of a calibration function that is a polynomial; 0 is a straight line"""
SIGNED = (-32768.0, 1.0)
"""coefficients with which ImageJ stores signed 16-bit integers as unsigned ones"""


def imagej_facts(said: Mapping[str, Any], page: Any, series: Any, axes: str) -> dict[str, Any]:
    """Return ImageJ metadata as `ImageFile` fields."""
    size = tag_size(page, *(said.get(k, said.get("unit")) for k in ("unit", "yunit")))
    spacing, unit = said.get("spacing"), UNITS.get(plain_unit(said.get("zunit", said.get("unit"))))
    if unit and is_length(spacing):
        size["Z"] = float(spacing) * unit
    interval, rate = said.get("finterval"), said.get("fps")
    seconds = SECONDS.get(plain_unit(said.get("tunit", "s")).removesuffix("ec"))
    if "T" in axes and seconds and is_length(interval):
        size["T"] = float(interval) * seconds
    elif "T" in axes and is_length(rate):
        size["T"] = 1 / float(rate)
    return {
        "pixel_size": size,
        "affine": _affine(said, size),
        "channels": () if "S" in axes else _imagej_channels(said, page, series, axes),
        "metadata": {"imagej": dict(said)},
    }


def _affine(said: Mapping[str, Any], size: Mapping[str, float]) -> npt.NDArray[np.float64] | None:
    """Return the affine of the image, from ImageJ's origin in pixels."""
    origin = {a: number(said.get(f"{a.lower()}origin")) for a in "ZYX"}
    if not {"Y", "X"} <= size.keys() or not any(origin.values()):
        return None
    affine = np.diag([*(size.get(a, 1.0) for a in "ZYX"), 1.0])
    affine[:3, 3] = [-(origin[a] or 0.0) * size.get(a, 0.0) for a in "ZYX"]
    return affine if (np.abs(affine[:3, 3]) < FARTHEST).all() else None


def _imagej_channels(
    said: Mapping[str, Any], page: Any, series: Any, axes: str
) -> tuple[Channel, ...]:
    shape = dict(zip(series.axes.upper(), series.shape, strict=True))
    count = shape.get("C", 1)
    tables = [np.asarray(t) for t in said.get("LUTs", ())]
    if not tables and page.photometric == 3 and page.colormap is not None:
        tables = [page.colormap >> 8]
    ranges = list(said.get("Ranges", ()))
    if not ranges and count == 1 and {"min", "max"} <= said.keys():
        ranges = [said["min"], said["max"]]
    # Labels belong to planes: they name channels if nothing else is stacked.
    labels = list(said.get("Labels", ())) if set(axes) == set("CYX") else []
    channels = []
    for i in range(count):
        low, high = (number(v) for v in (*ranges[2 * i : 2 * i + 2], None, None)[:2])
        window = (low, high) if low is not None and high is not None and low < high else None
        table = tables[i] if i < len(tables) else None
        colour = None
        if table is not None and table.ndim == 2 and len(table) == 3:
            colour = ramp_colour(table)
        name = str(labels[i]) if len(labels) == count else ""
        channels.append(Channel(name, colour, window))
    return fitting(channels, series, axes)


# --- calibrated values ---------------------------------------------------------------------------


def calibration(
    said: Mapping[str, Any], dtype: np.dtype[Any]
) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]] | None:
    """Return the function from stored to calibrated values.

    Straight lines and polynomials (``cf`` 0 to 3) are supported; None for other functions and for
    the identity. Signed 16-bit integers, which ImageJ stores as unsigned ones, become int16; all
    others float32.
    """
    kind = number(said.get("cf"))
    if dtype not in (np.uint8, np.uint16) or kind is None or not 0 <= kind <= POLYNOMIALS:
        return None
    count = 2 + int(kind)
    found = [number(said.get(f"c{i}")) for i in range(count)]
    coefficients = tuple(c for c in found if c is not None)
    if len(coefficients) < count or coefficients == (0.0, 1.0):
        return None
    if dtype == np.uint16 and coefficients == SIGNED:
        return _signed

    def calibrated(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        shown = np.polynomial.polynomial.polyval(values.astype(np.float64), coefficients)
        return np.asarray(shown, np.float32)

    return calibrated


def _signed(values: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
    return (values.astype(np.uint16) ^ np.uint16(0x8000)).view(np.int16)


def with_calibration(data: Any, calibrated: Callable[[Any], Any]) -> Any:
    """Apply a calibration to a numpy or dask array."""
    if isinstance(data, np.ndarray):
        return calibrated(data)
    return data.map_blocks(calibrated, dtype=calibrated(np.zeros(1, data.dtype)).dtype)


def shown_windows(
    channels: tuple[Channel, ...], calibrated: Callable[[Any], Any], dtype: np.dtype[Any]
) -> tuple[Channel, ...]:
    """Convert the windows of channels from stored to calibrated values."""
    most = np.iinfo(dtype).max
    found = []
    for channel in channels:
        if channel.window is not None:
            ends = calibrated(np.clip(np.rint(channel.window), 0, most).astype(dtype)).tolist()
            low, high = sorted(map(float, ends))
            channel = replace(channel, window=(low, high) if low < high else None)
        found.append(channel)
    return tuple(found)
