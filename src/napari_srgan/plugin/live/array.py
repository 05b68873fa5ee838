"""What napari slices: arrays that are read plane by plane, and a bounded store for their parts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from ...engine.axes import Layout
from ...engine.tiles import Span

Array = npt.NDArray[Any]
Key = tuple[int, ...]
"""which plane: its index along the axes that are not kept"""
Read = Callable[[Key, Span, Span], Array]
"""returns rows and columns of a plane, with the kept axes in their order"""

CHUNK = 256
"""side in pixels of the squares by which napari widens what it reads, so that it reads less often
while one moves about"""


class Cache:
    """Arrays by name; beyond a limit of bytes those that were used longest ago are dropped.

    Attributes
    ----------
    held
        Names of what is dropped last of all.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held: frozenset[Hashable] = frozenset()
        self.nbytes = 0
        self._entries: OrderedDict[Hashable, tuple[Array, int]] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, name: Hashable) -> Array | None:
        """Return an array, None where it is not there."""
        with self._lock:
            if name not in self._entries:
                return None
            self._entries.move_to_end(name)
            return self._entries[name][0]

    def stamp(self, name: Hashable) -> int | None:
        """Return with which stamp an array was put, None where it is not there."""
        with self._lock:
            entry = self._entries.get(name)
            return None if entry is None else entry[1]

    def put(self, name: Hashable, array: Array, stamp: int = 0) -> None:
        """Keep an array."""
        with self._lock:
            self.drop(name)
            self._entries[name] = (array, stamp)
            self.nbytes += array.nbytes
            self._keep_to_limit()

    def resize(self, limit: int) -> None:
        """Keep to another limit from now on."""
        with self._lock:
            self.limit = limit
            self._keep_to_limit()

    def _keep_to_limit(self) -> None:
        while self.nbytes > self.limit and len(self._entries) > 1:
            first = next((n for n in self._entries if n not in self.held), None)
            old, _ = self._entries.pop(next(iter(self._entries)) if first is None else first)
            self.nbytes -= old.nbytes

    def drop(self, name: Hashable) -> None:
        """Let go of an array if it is there."""
        with self._lock:
            entry = self._entries.pop(name, None)
            self.nbytes -= entry[0].nbytes if entry is not None else 0

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._entries.clear()
            self.nbytes = 0


class LazyPlanes:
    """An array that is read plane by plane when its values are asked for.

    It has what napari needs of a layer's data. An index gives another such array, whatever its
    order, as napari first cuts out what is in view and then picks the slice.

    Parameters
    ----------
    shape, dtype
        Of the whole array.
    layout
        Which axes are rows and columns, and which are kept together with them.
    read
        What reads a part of a plane.
    owner
        What the array belongs to.
    """

    def __init__(
        self,
        shape: Sequence[int],
        dtype: np.dtype[Any],
        layout: Layout,
        read: Read,
        owner: Any = None,
        index: tuple[int | range, ...] | None = None,
    ) -> None:
        self.dtype = dtype
        self.owner = owner
        self._whole = tuple(shape)
        self._layout, self._read = layout, read
        self._index = tuple(map(range, shape)) if index is None else index

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis."""
        return tuple(len(at) for at in self._index if isinstance(at, range))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes that the values would take."""
        return self.size * self.dtype.itemsize

    @property
    def chunks(self) -> tuple[int, ...]:
        """What is best read at once: squares of one plane."""
        wide = {self._layout.y, self._layout.x}
        kept = kept_axes(self._layout)
        return tuple(
            min(CHUNK, len(at)) if axis in wide else (len(at) if axis in kept else 1)
            for axis, at in enumerate(self._index)
            if isinstance(at, range)
        )

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> LazyPlanes:
        given = list(index) if isinstance(index, tuple) else [index]
        if Ellipsis in given:
            at = given.index(Ellipsis)
            given[at : at + 1] = [slice(None)] * (self.ndim - len(given) + 1)
        if len(given) > self.ndim:
            raise IndexError(f"{len(given)} indices for an array of {self.ndim} dimensions")
        rest = iter(given + [slice(None)] * (self.ndim - len(given)))
        picked = tuple(
            at[next(rest)] if isinstance(at, range) else at  # an int or a slice, as of a range
            for at in self._index
        )
        return LazyPlanes(self._whole, self.dtype, self._layout, self._read, self.owner, picked)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        layout, kept = self._layout, kept_axes(self._layout)
        others = [axis for axis in range(len(self._index)) if axis not in kept]
        spans = [_ends(self._index[axis]) for axis in (layout.y, layout.x)]
        inner = tuple(self._inner(axis, spans) for axis in kept)
        lengths = [_length(self._index[axis]) for axis in others]
        planes = []
        for key in product(*(_entries(self._index[axis]) for axis in others)):
            if all(last > first for first, last in spans):
                planes.append(self._read(key, *spans)[inner])
            else:
                planes.append(np.empty([_length(self._index[a]) for a in kept], self.dtype)[
                    tuple(0 if isinstance(self._index[a], int) else slice(None) for a in kept)
                ])  # fmt: skip
        if not planes:
            values = np.empty(self.shape, self.dtype)
        elif len(planes) == 1 and all(isinstance(self._index[axis], int) for axis in others):
            values = planes[0]
        else:
            values = self._arranged(planes, others, lengths, kept)
        return np.asarray(values, dtype)

    def _inner(self, axis: int, spans: list[Span]) -> int | slice:
        """Return the index of an axis in what was read of it."""
        at = self._index[axis]
        ends = dict(zip((self._layout.y, self._layout.x), spans, strict=True))
        first = ends[axis][0] if axis in ends else 0
        if isinstance(at, int):
            return at - first
        start, stop = at.start - first, at.stop - first
        return slice(start, stop if stop >= 0 else None, at.step)

    def _arranged(
        self, planes: list[Array], others: list[int], lengths: list[int], kept: tuple[int, ...]
    ) -> Array:
        """Put planes together, with the axes in the order of the whole array."""
        stack = np.stack(planes).reshape((*lengths, *planes[0].shape))
        left = [axis for axis in kept if isinstance(self._index[axis], range)]
        order = np.argsort([*others, *left])
        gone = [axis for axis in others if isinstance(self._index[axis], int)]
        stack = stack.transpose(order)
        remaining = sorted([*others, *left])
        return stack.squeeze(tuple(remaining.index(axis) for axis in gone))


def kept_axes(layout: Layout) -> tuple[int, ...]:
    """Return the axes that a plane has: Y, X, samples, and channels that belong together."""
    return tuple(
        axis
        for axis, letter in enumerate(layout.axes)
        if letter in "YXS" or axis == layout.channel_axis
    )


def plane_index(layout: Layout, key: Key, rows: slice, columns: slice) -> tuple[int | slice, ...]:
    """Return the index of a part of a plane in the whole array."""
    kept = kept_axes(layout)
    entries = iter(key)
    return tuple(
        {layout.y: rows, layout.x: columns}.get(axis, slice(None)) if axis in kept
        else next(entries)
        for axis in range(len(layout.axes))
    )  # fmt: skip


def _entries(at: int | range) -> Sequence[int]:
    return (at,) if isinstance(at, int) else at


def _length(at: int | range) -> int:
    return 1 if isinstance(at, int) else len(at)


def _ends(at: int | range) -> Span:
    entries = _entries(at)
    return (min(entries), max(entries) + 1) if entries else (0, 0)
