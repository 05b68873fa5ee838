"""Assemble tiled DICOM files, such as whole slides, into pyramids."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..image_file import Channel, ImageFile
from .frames import Frame
from .pixels import planes
from .tiles import Tiles

__all__ = ["slides_of"]

CHUNK = 1024
"""side in pixels of the chunks of a lazy array; larger tiles are one chunk each"""


def slides_of(frames: Sequence[Frame], limit: int | None) -> list[ImageFile]:
    """Assemble tiled files into images.

    Parameters
    ----------
    frames
        The first frame of each file.
    limit
        Bytes of pixels above which an array is lazy (dask).

    Returns
    -------
    list of ImageFile
        One for each slide, with its levels; labels and overviews only if there is no slide. Pixels
        without a tile are ``missing``; colour images are white there.
    """
    wholes: dict[Any, list[Frame]] = {}
    for frame in frames:
        tiles = _tiles(frame)
        whole = tiles.whole or frame.source.image, tiles.rows, tiles.columns
        wholes.setdefault(whole, []).append(frame)
    mosaics = [_Mosaic(parts) for parts in wholes.values()]
    if any(mosaic.tiles.kind == "VOLUME" for mosaic in mosaics):
        mosaics = [mosaic for mosaic in mosaics if mosaic.tiles.kind == "VOLUME"]
    slides: dict[Any, list[_Mosaic]] = {}
    for mosaic in mosaics:
        slides.setdefault(mosaic.group, []).append(mosaic)
    found = []
    for levels in slides.values():
        levels.sort(key=lambda level: -level.tiles.rows * level.tiles.columns)
        found.append(_record(levels, limit))
    return found


def _tiles(frame: Frame) -> Tiles:
    if frame.source.tiles is None:
        raise ValueError("its frames are no tiles")
    return frame.source.tiles


def _record(levels: Sequence[_Mosaic], limit: int | None) -> ImageFile:
    finest, frame = levels[0], levels[0].parts[0]
    tiles, source = finest.tiles, finest.parts[0].source
    nbytes = math.prod(finest.shape) * finest.dtype.itemsize
    if finest.holes:
        nbytes += math.prod(finest.shape[:4])
    lazy = limit is not None and nbytes > limit
    arrays = [level.lazy() for level in levels]
    everything: tuple[slice, ...] = (slice(None),) * len(finest.shape)
    if not lazy:
        arrays[0] = finest[everything]
    missing: Any = None
    if finest.holes:
        missing = finest.lazily_absent()
        missing = missing if lazy else missing.compute()
    drop = tuple(0 if n == 1 else slice(None) for n in finest.shape[:2])
    kept = "".join(a for a, n in zip("CZ", finest.shape, strict=False) if n > 1)
    size = dict(zip("YX", tiles.spacing, strict=True)) if tiles.spacing else {}
    if "Z" in kept and tiles.depth:
        size["Z"] = tiles.depth
    grey = len(source.shape) == 2
    window = frame.window if grey else None
    channels: tuple[Channel, ...] = ()
    if "C" in kept:
        channels = tuple(Channel(name, window=window) for name in tiles.paths)
    elif window or (grey and tiles.paths[0]):
        channels = (Channel(tiles.paths[0], window=window),)
    metadata: dict[str, Any] = {"header": source.header}
    if grey and frame.values.unit:
        metadata["intensity_unit"] = frame.values.unit
    ways = ("SeriesDescription", "ProtocolName", "Modality")
    name = next((t for way in ways if (t := str(source.header.get(way) or "").strip())), "")
    return ImageFile(
        arrays[0][drop],
        f"{kept}YX{'' if grey else 'S'}",
        size,
        unit="mm",
        name=name,
        channels=channels,
        levels=tuple(array[drop] for array in arrays[1:]),
        affine=tiles.affine,
        nodata=frame.values.nodata if grey else None,
        metadata=metadata,
        missing=None if missing is None else missing[drop],
    )


class _Mosaic:
    """Array of the tiles of one level, ``(C, Z, Y, X)`` or ``(C, Z, Y, X, S)``, for dask."""

    def __init__(self, parts: Sequence[Frame]) -> None:
        self.parts = sorted(parts, key=lambda frame: frame.source.order)
        self.tiles = tiles = _tiles(self.parts[0])
        source = self.parts[0].source
        if any(
            _tiles(p).frames.shape != tiles.frames.shape or p.source.shape != source.shape
            for p in parts
        ):
            raise ValueError("the files that its tiles are in differ in what they say of them")
        self.tile = source.shape[:2]
        self.samples = source.shape[2:]
        self.shape = (*tiles.frames.shape[:2], tiles.rows, tiles.columns, *self.samples)
        self.ndim = len(self.shape)
        values = self.parts[0].values
        self.dtype = source.dtype
        if not values.plain:
            self.dtype = np.dtype(np.float32)
            if values.table is not None:
                self.dtype = values.table.values.dtype
        self.owner = np.full(tiles.frames.shape, -1, np.int64)
        for number, part in enumerate(self.parts):
            self.owner[_tiles(part).frames >= 0] = number
        self.holes = bool((self.owner < 0).any())
        header = source.header
        self.group = (
            str(header.get("SeriesInstanceUID")),
            tiles.kind if tiles.kind == "VOLUME" else source.image,
            self.dtype.str,
            self.samples,
            tiles.frames.shape[:2],
            tiles.paths,
        )

    def lazy(self) -> Any:
        """Return the level as a dask array of chunks of whole tiles."""
        import dask.array as da

        meta = np.empty((0,) * self.ndim, self.dtype)
        return da.from_array(
            self,
            chunks=(1, 1, *self._step(), *self.samples),
            name=False,
            asarray=False,
            fancy=False,
            meta=meta,
        )

    def _step(self) -> tuple[int, ...]:
        # A chunk of several tiles is read in one pass through the file.
        return tuple(
            min(n, tile * max(1, CHUNK // tile))
            for n, tile in zip(self.shape[2:4], self.tile, strict=True)
        )

    def lazily_absent(self) -> Any:
        """Return the mask of pixels without a tile, as a dask array."""
        import dask.array as da

        holes = self.owner < 0
        rows, columns = self.shape[2:4]
        step = (max(1, CHUNK // tile) for tile in self.tile)
        cells = da.from_array(holes, chunks=(1, 1, *step), name=False)
        height, width = self.tile
        sides = [
            tuple(count * tile for count in counts)
            for counts, tile in zip(cells.chunks[2:], self.tile, strict=True)
        ]
        # One layer of the graph; `dask.array.repeat` makes several for each chunk.
        mask = cells.map_blocks(
            lambda block: block.repeat(height, 2).repeat(width, 3),
            chunks=(*cells.chunks[:2], *sides),
            dtype=bool,
        )
        return mask[:, :, :rows, :columns]

    def __getitem__(self, key: tuple[slice | int, ...]) -> npt.NDArray[Any]:
        ranges = [range(*_slice(k).indices(n)) for k, n in zip(key[:4], self.shape, strict=False)]
        whole = [
            range(min(r), max(r) + 1) if len(r) else range(0) for r in ranges
        ]  # contiguous, without the steps of the slices
        data = np.full([len(r) for r in whole] + list(self.samples), self._blank(), self.dtype)
        wanted: list[tuple[int, int, tuple[int, ...]]] = []
        if all(len(r) for r in whole):
            spans = [
                range(r.start // tile, (r.stop - 1) // tile + 1)
                for r, tile in zip(whole[2:], self.tile, strict=True)
            ]
            for cell in itertools.product(whole[0], whole[1], *spans):
                if (owner := int(self.owner[cell])) >= 0:
                    frame = int(_tiles(self.parts[owner]).frames[cell])
                    wanted.append((owner, frame, cell))
        for owner, run in itertools.groupby(sorted(wanted), key=lambda each: each[0]):
            cells = list(run)
            part = self.parts[owner]
            for (_, _, cell), pixels in zip(
                cells, planes(part.source, [frame for _, frame, _ in cells]), strict=True
            ):
                self._put(data, whole, cell, part.values.of(pixels) if pixels.ndim == 2 else pixels)
        steps: tuple[Any, ...] = tuple(
            0 if isinstance(k, int) else slice(None, None, r.step)
            for k, r in zip(key[:4], ranges, strict=True)
        )
        chosen: npt.NDArray[Any] = data[(*steps, *key[4:])]
        return chosen

    def _put(
        self,
        data: npt.NDArray[Any],
        whole: Sequence[range],
        cell: tuple[int, ...],
        pixels: npt.NDArray[Any],
    ) -> None:
        """Copy the requested part of a tile to its position."""
        to: list[slice] = []
        of: list[slice] = []
        for r, i, tile in zip(whole[2:], cell[2:], self.tile, strict=True):
            begin, end = max(i * tile, r.start), min((i + 1) * tile, r.stop)
            to.append(slice(begin - r.start, end - r.start))
            of.append(slice(begin - i * tile, end - i * tile))
        plane = data[cell[0] - whole[0].start, cell[1] - whole[1].start]
        plane[tuple(to)] = pixels[tuple(of)]

    def _blank(self) -> int:
        """Return the value of pixels without a tile: white for colour slides, else 0."""
        return int(np.iinfo(self.dtype).max) if self.samples and self.dtype.kind == "u" else 0


def _slice(key: slice | int) -> slice:
    return key if isinstance(key, slice) else slice(key, key + 1)
