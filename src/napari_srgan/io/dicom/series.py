"""Group and sort the planes of DICOM files to volumes and series, and compute their affines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..medical_affine import Affine, reverse_axes
from .frames import Frame

__all__ = ["Stack", "affine_of", "groups_of", "stacks_of"]


def groups_of(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Group planes to volumes or series, sorted by series number."""
    groups: dict[tuple[Any, ...], list[Frame]] = {}
    for frame in frames:
        place, source = frame.place, frame.source
        turned = place.orientation and tuple(round(part, 3) + 0.0 for part in place.orientation)
        spacing = frame.spacing and tuple(round(length, 5) for length in frame.spacing)
        grid = (source.shape, source.dtype.str, spacing)
        key = (source.series, grid, turned, place.stack, place.position is None)
        groups.setdefault(key, []).append(frame)
    return sorted(groups.values(), key=lambda group: group[0].source.number)


@dataclass(frozen=True)
class Stack:
    """Planes of one image."""

    frames: list[list[list[Frame]]]
    """planes by channel, time and slice"""
    known: bool = True
    """whether planes at the same position are known to differ in time"""


def _in_time(frame: Frame) -> tuple[Any, ...]:
    order = frame.source.order
    return (order[0], frame.place.time, *order[1:], frame.index)


def stacks_of(group: Sequence[Frame]) -> Iterator[Stack]:
    """Yield the stacks of a group: one, or one for each channel or pass if these differ in shape.

    Raises
    ------
    ValueError
        If frames of a volume share a position and the header does not distinguish them.
    """
    channels: dict[Any, list[Frame]] = {}
    for frame in group:
        channels.setdefault(frame.place.channel, []).append(frame)
    parts = [list(_passes(channels[key])) for key in sorted(channels)]
    grids = {tuple(len(slices) for slices in passes) for found in parts for passes, _ in found}
    known = all(known for found in parts for _, known in found)
    if len(parts) > 1 and len(grids) == 1 and all(len(found) == 1 for found in parts):
        stacked = [found[0][0] for found in parts]
        if all(_at_one_place(passes, stacked[0]) for passes in stacked) and known:
            yield Stack(stacked)
            return
    for found in parts:
        for passes, known in found:
            yield Stack([passes], known)


def _at_one_place(one: list[list[Frame]], other: list[list[Frame]]) -> bool:
    places = [[frame.place.position for frame in passes[0]] for passes in (one, other)]
    return all(
        a == b if a is None or b is None else np.allclose(a, b, atol=0.01)
        for a, b in zip(*places, strict=True)
    )


def _passes(group: Sequence[Frame]) -> Iterator[tuple[list[list[Frame]], bool]]:
    """Yield planes of a channel as ``[time][slice]``, and whether time distinguishes them."""
    ordered = sorted(group, key=_in_time)
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
    known = all(_differ_in_time(place) for place in places)
    if not known and len(places) > 1:
        raise ValueError(
            "several of its frames lie at one place, and nothing says what they differ in; "
            "save them as files of their own"
        )
    most = max(map(len, places))
    passes = [[place[t] for place in places if t < len(place)] for t in range(most)]
    if all(len(slices) == len(places) for slices in passes):
        yield passes, known
    else:
        yield from (([slices], known) for slices in passes)


def _differ_in_time(place: Sequence[Frame]) -> bool:
    moments = {(frame.source.image, str(frame.source.path), frame.place.time) for frame in place}
    return len(moments) == len(place)


def _height(frame: Frame) -> float:
    """Return the coordinate of a plane along the normal of its group."""
    place = frame.place
    if place.position is None:
        return place.slice or 0.0
    across, down = np.reshape(place.orientation or (1, 0, 0, 0, 1, 0), (2, 3))
    return float(np.cross(across, down) @ np.asarray(place.position))


def affine_of(slices: Sequence[Frame], metadata: dict[str, Any]) -> Affine:
    """Return the affine of slices; note irregular and missing slices in the metadata."""
    first = slices[0]
    across, down = np.reshape(first.place.orientation or (), (2, 3))
    normal = np.cross(across, down)
    step = normal * abs(first.thickness or 1.0)
    if len(slices) > 1:
        places = np.array([frame.place.position for frame in slices])
        steps = np.diff(places, axis=0)
        heights = steps @ normal
        usual = float(np.median(heights))
        # Along the line of the slices, which is oblique for a tilted gantry.
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
    affine[:3, 2], affine[:3, 3] = step, first.place.position
    return reverse_axes(affine)
