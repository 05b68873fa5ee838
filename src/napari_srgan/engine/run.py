"""The run: window by window through the network and into the result."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from .plan import LEAST_CORE, Plan
from .progress import Progress
from .runner import (
    Pending,
    Runner,
    is_device_error,
    is_out_of_memory,
)
from .window import (
    Values,
    Window,
    Work,
    nearest,
    read_window,
    write_window,
)


def make_runner(plan: Plan) -> Runner:
    """Return the runner that takes windows of a plan's image through the network."""
    network, limits = plan.model.network, plan.intensity.limits
    return Runner(network, plan.compute, plan.consistency, limits, limited=plan.limited)


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

    windows: Sequence[Window]
    place: dict[int, int]
    """place in the computed batch of each window that had to be computed"""
    fetch: Pending | None
    scale: int

    def results(self) -> Iterator[tuple[Window, Values]]:
        """Wait for the results and give each with its window."""
        computed = self.fetch() if self.fetch is not None else ()
        for i, window in enumerate(self.windows):
            known = i not in self.place
            yield window, nearest(window.seen, self.scale) if known else computed[self.place[i]]


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
        self.runner = runner or make_runner(plan)
        self.outliers = 0
        """values so far that were interpolated, since the network must not see them"""

    @property
    def remarks(self) -> list[str]:
        """What was special about the values, in phrases for a person."""
        remarks = []
        if self.outliers:
            remarks.append(f"{self.outliers} outlier{'s' * (self.outliers > 1)} interpolated")
        return remarks + self.plan.remarks

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
        core = max((max(work.tile.core_shape) for work in queue), default=0)
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
                        write_window(self.plan, self.source, window, result, out)
                        self.outliers += window.outliers
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
        self.runner = make_runner(self.plan)

    def _is_lost(self, error: BaseException) -> bool:
        """Whether an error says that the GPU does not answer any more."""
        return self.plan.compute.device.type != "cpu" and is_device_error(error)

    def _launch(self, batch: Sequence[Work], tally: Tally) -> Generator[Progress, None, Launched]:
        """Read a batch and put it on its way through the network.

        A window of one value (air, nodata) is known without it.
        """
        windows = [read_window(self.plan, self.source, work) for work in batch]
        computed = [i for i, w in enumerate(windows) if not w.is_known(self.plan.limited)]
        place = {i: at for at, i in enumerate(computed)}
        fetch: Pending | None = None
        if computed:
            size = sum(windows[i].work.pixels for i in computed)
            work = self.runner.start([windows[i] for i in computed])
            while fetch is None:
                try:
                    yield tally.progress(next(work) * size)
                except StopIteration as end:
                    fetch = end.value
        return Launched(windows, place, fetch, self.plan.scale)


def run(plan: Plan, source: Any, out: Any) -> Generator[Progress, None, None]:
    """Carry out a plan: super-resolve ``source`` into ``out``, yielding `Progress`.

    Whoever drives the generator may stop at any yield; what is finished by then is in ``out``.
    """
    yield from Run(plan, source).into(out)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
