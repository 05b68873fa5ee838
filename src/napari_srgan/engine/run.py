"""Execute a plan: read windows, run the network on them, write the results."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from .plan import LEAST_CORE, Plan
from .progress import Progress
from .runner import Pending, Runner, is_device_error, is_out_of_memory
from .window import Values, Window, Work, nearest, read_window, write_window


def make_runner(plan: Plan) -> Runner:
    """Return the runner for the model and the device of a plan."""
    network, limits = plan.model.network, plan.intensity.limits
    return Runner(network, plan.compute, plan.consistency, limits, limited=plan.limited)


@dataclass
class ProgressCounter:
    """Progress counters of a run."""

    pixels: int
    total: int
    done: int = 0
    tiles: int = 0

    def add(self, written: Sequence[Work]) -> None:
        """Count tiles that have been written."""
        self.done += sum(work.pixels for work in written)
        self.tiles += len(written)

    def progress(self, more: float = 0, note: str = "") -> Progress:
        """Return the progress, with ``more`` pixels of unfinished tiles done."""
        return Progress(min(1.0, (self.done + more) / self.pixels), self.tiles, self.total, note)


@dataclass(frozen=True)
class BatchInFlight:
    """A batch that is being computed."""

    windows: Sequence[Window]
    place: dict[int, int]
    """index into the computed batch, for the windows that need the network"""
    fetch: Pending | None
    scale: int

    def results(self) -> Iterator[tuple[Window, Values]]:
        """Wait for the results and yield each with its window."""
        computed = self.fetch() if self.fetch is not None else ()
        for i, window in enumerate(self.windows):
            known = i not in self.place
            yield window, nearest(window.seen, self.scale) if known else computed[self.place[i]]


class Run:
    """State of a run on one image.

    Parameters
    ----------
    plan
        The plan from `make_plan`.
    source
        The image, which is read tile by tile.
    runner
        Runner to reuse; a new one if None.
    """

    def __init__(self, plan: Plan, source: Any, runner: Runner | None = None) -> None:
        self.plan, self.source = plan, source
        self.runner = runner or make_runner(plan)
        self.outliers = 0
        """number of values so far that were interpolated as outliers"""

    @property
    def remarks(self) -> list[str]:
        """Notes for the user on special treatment of the values."""
        remarks = []
        if self.outliers:
            remarks.append(f"{self.outliers} outlier{'s' * (self.outliers > 1)} interpolated")
        return remarks + self.plan.remarks

    def into(self, out: Any) -> Generator[Progress, None, None]:
        """Super-resolve into ``out`` and yield progress.

        Parameters
        ----------
        out
            Array of the plan's shape and dtype that supports numpy's basic assignment, such as a
            numpy or zarr array.

        Raises
        ------
        MemoryError
            If the smallest tile does not fit in memory, neither on the device nor on the CPU.
        """
        queue = deque(Work(plane, tile) for plane in self.plan.planes for tile in self.plan.tiles)
        counter = ProgressCounter(sum(work.pixels for work in queue), len(queue))
        core = max((max(work.tile.core_shape) for work in queue), default=0)
        # A GPU computes one batch while the previous one is copied back and written.
        ahead: deque[BatchInFlight] = deque()
        while queue or ahead:
            batch = self._next_batch(queue)
            try:
                if batch:
                    ahead.append((yield from self._launch(batch, counter)))
                    batch = []
                if len(ahead) > self.runner.on_cuda or not queue:
                    for window, result in ahead[0].results():
                        write_window(self.plan, self.source, window, result, out)
                        self.outliers += window.outliers
                    counter.add([w.work for w in ahead.popleft().windows])
                    yield counter.progress()
            except (RuntimeError, MemoryError) as error:
                if not (is_out_of_memory(error) or self._is_device_failure(error)):
                    raise
                left = [w.work for launched in ahead for w in launched.windows] + batch
                ahead.clear()
                core, note = self._reduce_memory(core, error)
                left += queue
                queue = deque(Work(w.plane, t) for w in left for t in self.plan.split(w.tile, core))
                counter.total = counter.tiles + len(queue)
                yield counter.progress(note=note)

    def _next_batch(self, queue: deque[Work]) -> list[Work]:
        batch: list[Work] = []
        while queue and len(batch) < self.plan.batch:
            if batch and queue[0].tile.window_shape != batch[0].tile.window_shape:
                break
            batch.append(queue.popleft())
        return batch

    def _reduce_memory(self, core: int, error: BaseException) -> tuple[int, str]:
        """Halve the tiles, or switch to the CPU if they are small already or the device has failed.

        Returns the maximal side of a core from now on, and a message for the user.
        """
        device = self.plan.compute.device
        if self._is_device_failure(error):
            self._switch_to_cpu()
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
        self._switch_to_cpu()
        return (
            core,
            f"{device} ran out of memory even for the smallest tile; going on with the CPU",
        )

    def _switch_to_cpu(self) -> None:
        self.plan = self.plan.on_cpu()
        self.runner = make_runner(self.plan)

    def _is_device_failure(self, error: BaseException) -> bool:
        """Whether an error means that the GPU has failed."""
        return self.plan.compute.device.type != "cpu" and is_device_error(error)

    def _launch(
        self, batch: Sequence[Work], counter: ProgressCounter
    ) -> Generator[Progress, None, BatchInFlight]:
        """Read a batch and start its computation.

        Windows of a single value (air, nodata) do not need the network.
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
                    yield counter.progress(next(work) * size)
                except StopIteration as end:
                    fetch = end.value
        return BatchInFlight(windows, place, fetch, self.plan.scale)


def run(plan: Plan, source: Any, out: Any) -> Generator[Progress, None, None]:
    """Execute a plan: super-resolve ``source`` into ``out`` and yield `Progress`.

    The caller may stop at any yield; ``out`` then holds the tiles finished so far.
    """
    yield from Run(plan, source).into(out)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
