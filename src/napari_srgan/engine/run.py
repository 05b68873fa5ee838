"""The run: window by window through the network and into the result."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..nn.resample import bicubic_up
from .axes import Layout
from .intensity import fill_invalid
from .plan import LEAST_CORE, Plan
from .runner import Pending, Runner, is_device_error, is_out_of_memory
from .sampling import read_part
from .tiles import Tile

Array = npt.NDArray[Any]
Plane = tuple[int, ...]
Result = npt.NDArray[np.float32]

REMEMBERED = 4
"""different constant windows whose result is kept"""


@dataclass(frozen=True)
class Progress:
    """What a run yields: several times within a tile and after each one."""

    done: float
    """part of the work that is done, 0 to 1"""
    tiles: int
    """tiles whose pixels are in the result"""
    total: int
    """tiles in all; grows when memory runs out and tiles are halved"""
    note: str = ""
    """what a person should know that has just happened, in a sentence"""


@dataclass(frozen=True)
class Work:
    """One tile of one plane."""

    plane: Plane
    tile: Tile

    @property
    def pixels(self) -> int:
        """LR pixels that come of it."""
        rows, columns = _extent(self.tile)
        return rows * columns


@dataclass(frozen=True)
class Window:
    """What a tile reads, made ready for the network."""

    work: Work
    stored: Array
    """``(C, h, w)`` as the image has it"""
    values: npt.NDArray[np.float32]
    """the same on the network's range, invalid pixels filled"""
    invalid: npt.NDArray[np.bool_] | None

    @property
    def all_invalid(self) -> bool:
        """Whether no pixel has a value, so that there is nothing to compute."""
        return self.invalid is not None and bool(self.invalid.all())


@dataclass
class Tally:
    """How far a run is."""

    pixels: int
    total: int
    done: int = 0
    tiles: int = 0

    def add(self, written: Sequence[Work]) -> None:
        """Count tiles that are written."""
        self.done += sum(work.pixels for work in written)
        self.tiles += len(written)

    def progress(self, more: float = 0, note: str = "") -> Progress:
        """Return where the run stands, ``more`` pixels being under way."""
        return Progress(min(1.0, (self.done + more) / self.pixels), self.tiles, self.total, note)


@dataclass(frozen=True)
class Launched:
    """A batch on its way through the network."""

    run: Run
    windows: Sequence[Window]
    known: dict[int, Result]
    """results that were known before"""
    place: dict[int, int]
    """place of each other window's result in the computed batch"""
    fetch: Pending | None
    constants: dict[bytes, int]
    """places of the results of constant windows, to be remembered"""

    def results(self) -> Iterator[tuple[Window, Result]]:
        """Wait for the results and give each with its window."""
        computed = self.fetch() if self.fetch is not None else ()
        for key, place in self.constants.items():
            self.run.remember(key, computed[place])
        for i, window in enumerate(self.windows):
            yield window, self.known[i] if i in self.known else computed[self.place[i]]


class Run:
    """State of a run over one image.

    Parameters
    ----------
    plan
        What `make_plan` decided.
    source
        The image; read tile by tile.
    """

    def __init__(self, plan: Plan, source: Any, runner: Runner | None = None) -> None:
        self.plan, self.source = plan, source
        self.runner = runner or plan.make_runner()
        self._constants: OrderedDict[bytes, Result] = OrderedDict()

    def into(self, out: Any) -> Generator[Progress, None, None]:
        """Super-resolve into ``out``, yielding progress.

        Parameters
        ----------
        out
            Takes values at numpy's basic indices: an array or a zarr array of the plan's shape
            and dtype.

        Raises
        ------
        MemoryError
            If not even the smallest tile fits, on the device and on the CPU.
        """
        queue = deque(Work(plane, tile) for plane in self.plan.planes for tile in self.plan.tiles)
        tally = Tally(sum(work.pixels for work in queue), len(queue))
        core = max((max(_extent(work.tile)) for work in queue), default=0)
        # On a GPU one batch is computed while the one before is fetched and written.
        ahead: deque[Launched] = deque()
        while queue or ahead:
            batch = self._next_batch(queue)
            try:
                if batch:
                    ahead.append((yield from self._launch(batch, tally)))
                    batch = []
                if len(ahead) > self.runner.on_cuda or not queue:
                    for window, result in ahead[0].results():
                        self._write(window, result, out)
                    tally.add([w.work for w in ahead.popleft().windows])
                    yield tally.progress()
            except (RuntimeError, MemoryError) as error:
                if not (is_out_of_memory(error) or self._is_lost(error)):
                    raise
                left = [w.work for launched in ahead for w in launched.windows] + batch
                ahead.clear()
                core, note = self._back_off(core, error)
                left += queue
                queue = deque(Work(w.plane, t) for w in left for t in self.plan.split(w.tile, core))
                tally.total = tally.tiles + len(queue)
                yield tally.progress(note=note)

    def _next_batch(self, queue: deque[Work]) -> list[Work]:
        batch: list[Work] = []
        while queue and len(batch) < self.plan.batch:
            if batch and queue[0].tile.window_shape != batch[0].tile.window_shape:
                break
            batch.append(queue.popleft())
        return batch

    def _back_off(self, core: int, error: BaseException) -> tuple[int, str]:
        """Halve the tiles, or go to the CPU where they are small already or the device is lost.

        Returns the largest core from now on, and what a person should know.
        """
        self._constants.clear()
        device = self.plan.compute.device
        if self._is_lost(error):
            self._go_on_with_cpu()
            return core, f"{device} failed ({_first_line(error)}); going on with the CPU"
        if device.type == "cuda":
            torch.cuda.empty_cache()
        if self.plan.batch > 1 or core > LEAST_CORE:
            smaller = max(LEAST_CORE, core // 2)
            self.plan = replace(self.plan, batch=max(1, self.plan.batch // 4))
            note = f"{device} ran out of memory; going on with tiles of at most {smaller} pixels"
            return smaller, note
        if device.type == "cpu":
            raise MemoryError(
                f"not enough memory for a tile of {core} × {core} pixels with its surroundings "
                f"({self.plan.halo} on each side); close other programs or take a smaller model"
            ) from error
        self._go_on_with_cpu()
        return (
            core,
            f"{device} ran out of memory even for the smallest tile; going on with the CPU",
        )

    def _go_on_with_cpu(self) -> None:
        self.plan = self.plan.on_cpu()
        self.runner = self.plan.make_runner()

    def _is_lost(self, error: BaseException) -> bool:
        """Whether an error says that the GPU does not answer any more."""
        return self.plan.compute.device.type != "cpu" and is_device_error(error)

    def _launch(self, batch: Sequence[Work], tally: Tally) -> Generator[Progress, None, Launched]:
        """Read a batch and put it on its way through the network.

        A window of one value (air, nodata) is computed once: what the network makes of a window
        depends on its values alone, wherever it lies.
        """
        windows = [self._read(work) for work in batch]
        keys = [None if w.all_invalid else _constant_key(w.values) for w in windows]
        first: dict[bytes, int] = {}
        known: dict[int, Result] = {}
        place: dict[int, int] = {}
        computed: list[int] = []
        for i, (window, key) in enumerate(zip(windows, keys, strict=True)):
            if window.all_invalid:
                known[i] = _nearest(window.values, self.plan.scale)
            elif key is not None and key in self._constants:
                known[i] = self._constants[key]
            elif key is not None and key in first:
                place[i] = place[first[key]]
            else:
                place[i] = len(computed)
                computed.append(i)
                if key is not None:
                    first[key] = i
        fetch: Pending | None = None
        if computed:
            size = sum(windows[i].work.pixels for i in computed)
            work = self.runner.start(np.stack([windows[i].values for i in computed]))
            while fetch is None:
                try:
                    yield tally.progress(next(work) * size)
                except StopIteration as end:
                    fetch = end.value
        return Launched(self, windows, known, place, fetch, {k: place[i] for k, i in first.items()})

    def remember(self, key: bytes, result: Result) -> None:
        """Keep what the network made of a constant window, for those like it."""
        self._constants[key] = result.copy()
        while len(self._constants) > REMEMBERED:
            self._constants.popitem(last=False)

    def _read(self, work: Work) -> Window:
        layout, intensity = self.plan.layout, self.plan.intensity
        index = layout.index(work.plane, *work.tile.window)
        part, missing = read_part(self.source, layout, index, self.plan.nodata)
        stored = _as_channels(part, layout)
        invalid = None if missing is None else _as_channels(missing, layout)
        channel = layout.channel_of(work.plane)
        if invalid is None:
            values = intensity.forward(stored, channel)
        else:
            valid = np.where(invalid, np.zeros((), stored.dtype), stored)
            values = np.stack(
                [
                    fill_invalid(v, i)
                    for v, i in zip(intensity.forward(valid, channel), invalid, strict=True)
                ]
            )
        return Window(work, stored, np.ascontiguousarray(values), invalid)

    def _write(self, window: Window, result: Result, out: Any) -> None:
        """Map a result back to the image's values and put its core into ``out``."""
        plan, scale = self.plan, self.plan.scale
        work, tile = window.work, window.work.tile
        layout, channel = plan.layout, plan.layout.channel_of(work.plane)
        inner = (slice(None), *tile.core_in_window())
        fine = (slice(None), *tile.core_in_window(scale))
        stored = window.stored[inner]
        invalid = None if window.invalid is None else window.invalid[inner]
        valid = stored if invalid is None else np.where(invalid, np.zeros((), stored.dtype), stored)
        remainder = plan.intensity.remainder(valid, channel)
        if remainder is not None:
            remainder = _nearest(remainder, scale)
        values = plan.intensity.inverse(result[fine], channel, remainder)
        if invalid is not None:
            values = np.where(_nearest(invalid, scale), _nearest(stored, scale), values)
        rows, columns = tile.core(scale)
        index = plan.place(layout.index(work.plane, rows, columns))
        order = layout.order()
        if layout.channel_axis is None:
            values = values[0]
        out[index] = values.transpose(np.argsort(order))
        if layout.alpha and (layout.channel_axis is not None or work.plane[-1] == 0):
            self._write_alpha(work, out)

    def _write_alpha(self, work: Work, out: Any) -> None:
        """Resample the alpha of a tile by bicubic interpolation."""
        layout, tile, dtype = self.plan.layout, work.tile, self.plan.dtype
        index = (*layout.index(work.plane, *tile.window)[:-1], 3)
        stored = np.asarray(self.source[index])
        stored = stored.T if layout.x < layout.y else stored
        alpha = torch.from_numpy(stored.astype(np.float32)[None, None])
        fine = bicubic_up(alpha, self.plan.scale)[0, 0].numpy()[
            tile.core_in_window(self.plan.scale)
        ]
        opaque = np.iinfo(dtype).max if dtype.kind in "iu" else 1
        fine = np.clip(np.rint(fine) if dtype.kind in "iu" else fine, 0, opaque)
        target = self.plan.place(layout.index(work.plane, *tile.core(self.plan.scale)))
        out[(*target[:-1], 3)] = (fine.T if layout.x < layout.y else fine).astype(dtype)


def run(plan: Plan, source: Any, out: Any) -> Generator[Progress, None, None]:
    """Carry out a plan: super-resolve ``source`` into ``out``, yielding `Progress`.

    Whoever drives the generator may stop at any yield; what is finished by then is in ``out``.
    """
    yield from Run(plan, source).into(out)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]


def _extent(tile: Tile) -> tuple[int, int]:
    return tile.core_y[1] - tile.core_y[0], tile.core_x[1] - tile.core_x[0]


def _as_channels(part: Array, layout: Layout) -> Array:
    """Return what an index of the layout picks as ``(C, Y, X)``."""
    part = part.transpose(layout.order())
    return part if part.ndim == 3 else part[None]


def _nearest(values: Array, scale: int) -> Array:
    return values.repeat(scale, -2).repeat(scale, -1)


def _constant_key(values: npt.NDArray[np.float32]) -> bytes | None:
    """Return the value of a constant window, with its shape, as a key; None if it varies."""
    first = values[:, :1, :1]
    if (values == first).all():
        return first.tobytes() + repr(values.shape).encode()
    return None
