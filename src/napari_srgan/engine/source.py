"""Cache the chunks of lazy images, so that each is read once if memory allows it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Index = tuple[int | slice, ...]

MOST_BYTES = 256 << 20
"""maximal size of the cache in bytes"""


class ReadOnce:
    """Array with a least-recently-used cache of its chunks.

    Range sampling and overlapping tiles read the same chunks.

    Parameters
    ----------
    source
        Chunked array of dask, zarr or h5py.
    edges
        Chunk boundaries along each axis, from 0 to the length of the axis.
    """

    def __init__(self, source: Any, edges: Sequence[Sequence[int]]) -> None:
        self.source, self.edges = source, [np.asarray(each) for each in edges]
        self.shape: tuple[int, ...] = tuple(source.shape)
        self.dtype = np.dtype(source.dtype)
        self.ndim = len(self.shape)
        self._kept: OrderedDict[tuple[int, ...], Array] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._seconds = 0.0
        self._read = 0

    @property
    def chunks_in_all(self) -> int:
        """Number of chunks of the array."""
        return int(prod(len(each) - 1 for each in self.edges))

    @property
    def seconds_per_chunk(self) -> float | None:
        """Mean read time of a chunk; None before the first one."""
        return self._seconds / self._read if self._read else None

    def __getitem__(self, index: Index) -> Array:
        """Return the values at integers and slices of step 1."""
        spans = [_index_range(at, n) for at, n in zip(index, self.shape, strict=True)]
        whole = np.empty([stop - start for start, stop in spans], self.dtype)
        with self._lock:
            touched = [
                range(*_chunk_range(span, edges))
                for span, edges in zip(spans, self.edges, strict=True)
            ]
            for place, block in self._get_chunks(list(product(*touched))):
                into, of = [], []
                for axis, number in enumerate(place):
                    first, last = (int(self.edges[axis][number + i]) for i in (0, 1))
                    low, high = max(first, spans[axis][0]), min(last, spans[axis][1])
                    into.append(slice(low - spans[axis][0], high - spans[axis][0]))
                    of.append(slice(low - first, high - first))
                whole[tuple(into)] = block[tuple(of)]
        return whole[tuple(0 if isinstance(at, (int, np.integer)) else slice(None) for at in index)]

    def _get_chunks(self, places: Sequence[tuple[int, ...]]) -> list[tuple[tuple[int, ...], Array]]:
        """Return chunks, and read missing ones, those of a dask array in one computation."""
        new = [place for place in places if place not in self._kept]
        found = [(place, self._kept[place]) for place in places if place in self._kept]
        for place, _ in found:
            self._kept.move_to_end(place)
        since = time.perf_counter()
        parts = [self.source[self._chunk_index(place)] for place in new]
        if new and hasattr(parts[0], "dask"):
            from dask.base import compute

            parts = list(compute(*parts))
        read = [(place, np.asarray(part)) for place, part in zip(new, parts, strict=True)]
        if new:
            self._seconds += time.perf_counter() - since
            self._read += len(new)
        for place, block in read:
            self._kept[place] = block
            self._bytes += block.nbytes
        while self._bytes > MOST_BYTES:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= gone.nbytes
        return found + read

    def _chunk_index(self, place: tuple[int, ...]) -> tuple[slice, ...]:
        return tuple(
            slice(int(edges[number]), int(edges[number + 1]))
            for edges, number in zip(self.edges, place, strict=True)
        )


def read_once(source: Any) -> Any:
    """Add a chunk cache to an array; arrays without chunks are returned unchanged."""
    if isinstance(source, (np.ndarray, ReadOnce)):
        return source
    edges = _chunk_edges(source)
    return source if edges is None else ReadOnce(source, edges)


def _chunk_edges(source: Any) -> list[list[int]] | None:
    chunks = getattr(source, "chunks", None)
    shape = tuple(source.shape)
    if not isinstance(chunks, tuple) or len(chunks) != len(shape):
        return None
    edges: list[list[int]] = []
    for given, n in zip(chunks, shape, strict=True):
        if isinstance(given, tuple):
            edges.append([0, *np.cumsum(given).tolist()])
        elif isinstance(given, (int, np.integer)) and given > 0:
            edges.append([*range(0, n, int(given)), n])
        else:
            return None
    return edges if all(each[-1] == n for each, n in zip(edges, shape, strict=True)) else None


def _index_range(at: int | slice, length: int) -> tuple[int, int]:
    if isinstance(at, slice):
        start, stop, step = at.indices(length)
        if step != 1:
            raise IndexError(f"a step of {step}; only steps of 1 can be read")
        return start, max(start, stop)
    number = int(at) + (length if at < 0 else 0)
    return number, number + 1


def _chunk_range(span: tuple[int, int], edges: npt.NDArray[np.int64]) -> tuple[int, int]:
    first = int(np.searchsorted(edges, span[0], side="right")) - 1
    last = int(np.searchsorted(edges, span[1], side="left"))
    return first, last
