"""Which planes of DICOM files make up one volume or series, in which order, and where it lies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .dicom_frames import Frame
from .orientation import Affine, reverse_axes

__all__ = ["affine_of", "groups_of", "stacks_of"]


def groups_of(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Return the planes that make up one volume or series, in the order of their series."""
    groups: dict[tuple[Any, ...], list[Frame]] = {}
    for frame in frames:
        turned = frame.orientation and tuple(round(part, 3) + 0.0 for part in frame.orientation)
        spacing = frame.spacing and tuple(round(length, 5) for length in frame.spacing)
        source = frame.source
        grid = (source.shape, source.dtype.str, spacing)
        key = (source.series, grid, turned, frame.position is None)
        groups.setdefault(key, []).append(frame)
    return sorted(groups.values(), key=lambda group: group[0].source.number)


def _in_time(frame: Frame) -> tuple[Any, ...]:
    return (*frame.source.order, frame.index)


def stacks_of(group: Sequence[Frame]) -> Iterator[list[list[Frame]]]:
    """Yield planes as ``[time][slice]``: once, or once for each pass where passes differ."""
    ordered = sorted(group, key=_in_time)
    if group[0].position is None:
        yield [[frame] for frame in ordered]
        return
    heights = [_height(frame) for frame in ordered]
    places: list[list[Frame]] = []
    last = -math.inf
    for i in sorted(range(len(ordered)), key=lambda i: heights[i]):
        if heights[i] - last > 0.01:
            places.append([])
            last = heights[i]
        places[-1].append(ordered[i])
    for place in places:
        place.sort(key=_in_time)
    most = max(map(len, places))
    passes = [[place[t] for place in places if t < len(place)] for t in range(most)]
    if all(len(slices) == len(places) for slices in passes):
        yield passes
    else:
        yield from ([slices] for slices in passes)


def _height(frame: Frame) -> float:
    """Return how far along the normal of its group a plane lies."""
    across, down = np.reshape(frame.orientation or (1, 0, 0, 0, 1, 0), (2, 3))
    return float(np.cross(across, down) @ np.asarray(frame.position))


def affine_of(slices: Sequence[Frame], metadata: dict[str, Any]) -> Affine:
    """Return the affine of slices, and note in the metadata where they are not evenly spaced."""
    first = slices[0]
    across, down = np.reshape(first.orientation or (), (2, 3))
    normal = np.cross(across, down)
    step = normal * (first.thickness or 1.0)
    if len(slices) > 1:
        places = np.array([frame.position for frame in slices])
        steps = np.diff(places, axis=0)
        heights = steps @ normal
        usual = float(np.median(heights))
        # Along a line that may lean, as the slices of a tilted gantry do.
        step = (places[-1] - places[0]) * (usual / heights.sum())
        missing = int(np.maximum(np.rint(heights / usual) - 1, 0).sum())
        whole = np.maximum(np.rint(heights / usual), 1)
        if np.linalg.norm(steps - whole[:, None] * step, axis=1).max() > 0.01 + 0.02 * usual:
            metadata["irregular"] = True
        if missing:
            metadata["missing"] = missing
    spacing = first.spacing or (1.0, 1.0)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = across * spacing[1], down * spacing[0]
    affine[:3, 2], affine[:3, 3] = step, first.position
    return reverse_axes(affine)
