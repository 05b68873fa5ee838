"""Lazy array that napari slices, and a cache of bounded size for its parts."""

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
"""identifies a plane: indices along the axes that are not plane axes"""
Read = Callable[[Key, Span, Span], Array]
"""returns a range of rows and columns of a plane, as an array of the plane axes"""

CHUNK = 256
"""chunk side in pixels. napari extends the requested region to whole chunks, so that it slices less
often while panning"""


class Cache:
    """Thread-safe LRU cache of arrays with a limit in bytes.

    Parameters
    ----------
    limit
        Maximum size of the arrays in bytes; the last array is kept even if it is larger.

    Attributes
    ----------
    pinned
        Names of the arrays that are evicted only if no others are left.
    nbytes
        Size of the arrays in bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pinned: frozenset[Hashable] = frozenset()
        self.nbytes = 0
        self._entries: OrderedDict[Hashable, tuple[Array, int]] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, name: Hashable) -> Array | None:
        """Return an array and mark it as used; None if it is not cached."""
        with self._lock:
            if name not in self._entries:
                return None
            self._entries.move_to_end(name)
            return self._entries[name][0]

    def version(self, name: Hashable) -> int | None:
        """Return the version with which an array was cached, None if it is not cached."""
        with self._lock:
            entry = self._entries.get(name)
            return None if entry is None else entry[1]

    def put(self, name: Hashable, array: Array, version: int = 0) -> None:
        """Cache an array, and evict others if the limit is exceeded."""
        with self._lock:
            self.drop(name)
            self._entries[name] = (array, version)
            self.nbytes += array.nbytes
            self._evict()

    def resize(self, limit: int) -> None:
        """Set the limit, and evict arrays if it is exceeded."""
        with self._lock:
            self.limit = limit
            self._evict()

    def _evict(self) -> None:
        while self.nbytes > self.limit and len(self._entries) > 1:
            first = next((n for n in self._entries if n not in self.pinned), None)
            old, _ = self._entries.pop(next(iter(self._entries)) if first is None else first)
            self.nbytes -= old.nbytes

    def drop(self, name: Hashable) -> None:
        """Remove an array if it is cached."""
        with self._lock:
            entry = self._entries.pop(name, None)
            self.nbytes -= entry[0].nbytes if entry is not None else 0

    def clear(self) -> None:
        """Remove all arrays."""
        with self._lock:
            self._entries.clear()
            self.nbytes = 0


class LazyPlanes:
    """A lazy array that is read plane by plane when it is converted to NumPy.

    It implements the array protocol that napari expects of layer data. Indexing returns another
    `LazyPlanes`: napari first crops to the visible region and then selects the slice.

    Parameters
    ----------
    shape, dtype
        Shape and dtype of the full array.
    layout
        Axes of the array.
    read
        Reads a region of a plane.
    owner
        The object that the array belongs to, which is kept alive by it.
    index
        Selected index (int) or indices (range) of each axis of the full array; None for all.
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
        self._full_shape = tuple(shape)
        self._layout, self._read = layout, read
        self._index = tuple(map(range, shape)) if index is None else index

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape after indexing."""
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
        """Size in bytes as a NumPy array."""
        return self.size * self.dtype.itemsize

    @property
    def chunks(self) -> tuple[int, ...]:
        """Preferred chunk shape: a square of one plane."""
        wide = {self._layout.y, self._layout.x}
        kept = plane_axes(self._layout)
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
            at[next(rest)]
            if isinstance(at, range)
            else at  # indexing a range gives an int or a range
            for at in self._index
        )
        return LazyPlanes(
            self._full_shape, self.dtype, self._layout, self._read, self.owner, picked
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        layout, kept = self._layout, plane_axes(self._layout)
        others = [axis for axis in range(len(self._index)) if axis not in kept]
        spans = [_bounds(self._index[axis]) for axis in (layout.y, layout.x)]
        inner = tuple(self._local_index(axis, spans) for axis in kept)
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
            values = self._stack_planes(planes, others, lengths, kept)
        return np.asarray(values, dtype)

    def _local_index(self, axis: int, spans: list[Span]) -> int | slice:
        """Return the index of a plane axis relative to the region that was read."""
        at = self._index[axis]
        ends = dict(zip((self._layout.y, self._layout.x), spans, strict=True))
        first = ends[axis][0] if axis in ends else 0
        if isinstance(at, int):
            return at - first
        start, stop = at.start - first, at.stop - first
        return slice(start, stop if stop >= 0 else None, at.step)

    def _stack_planes(
        self, planes: list[Array], others: list[int], lengths: list[int], kept: tuple[int, ...]
    ) -> Array:
        """Stack planes, with the axes in the order of the full array."""
        stack = np.stack(planes).reshape((*lengths, *planes[0].shape))
        left = [axis for axis in kept if isinstance(self._index[axis], range)]
        order = np.argsort([*others, *left])
        dropped = [axis for axis in others if isinstance(self._index[axis], int)]
        stack = stack.transpose(order)
        remaining = sorted([*others, *left])
        return stack.squeeze(tuple(remaining.index(axis) for axis in dropped))


def plane_axes(layout: Layout) -> tuple[int, ...]:
    """Return the plane axes: Y, X, samples, and the channel axis if the network takes it whole."""
    return tuple(
        axis
        for axis, letter in enumerate(layout.axes)
        if letter in "YXS" or axis == layout.channel_axis
    )


def plane_index(layout: Layout, key: Key, rows: slice, columns: slice) -> tuple[int | slice, ...]:
    """Return the index of a region of a plane in the full array."""
    kept = plane_axes(layout)
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


def _bounds(at: int | range) -> Span:
    entries = _entries(at)
    return (min(entries), max(entries) + 1) if entries else (0, 0)
