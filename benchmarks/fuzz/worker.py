"""A process that opens mutants, begun anew when it has crashed or hangs."""

from __future__ import annotations

import logging
import multiprocessing
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from .outcome import memory, outcome
from .samples import KINDS, Samples

HANGS = 60
"""seconds of the clock after which a process is ended"""


def work(folder: str, seed: int, pipe: Any) -> None:
    """Open the mutants whose numbers come, in a process of its own."""
    from resource import RLIMIT_AS, setrlimit

    logging.disable()  # tifffile says much of broken files
    with suppress(ImportError):
        import rasterio  # noqa: F401  # which takes longer than any file
    samples = Samples(Path(folder))
    samples.check()
    enough = memory("VmSize") + (8 << 30)
    setrlimit(RLIMIT_AS, (enough, enough))
    pipe.send(None)
    while (number := pipe.recv()) is not None:
        kind, path = samples.put(number, seed, Path(folder) / "mutant")
        pipe.send((kind, *outcome(path, number)))


class Worker:
    """A process that opens mutants, begun anew when it has crashed or hangs."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._begin()

    def _begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="fuzz-")
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(self.folder.name, self.seed, other))
        self.process.start()
        other.close()
        try:
            self.pipe.recv()
        except EOFError:
            raise SystemExit("the valid files could not be made and read") from None

    def open(self, number: int) -> tuple[str, str, str]:
        """Return the kind of a mutant, what came of it, and more of it."""
        self.pipe.send(number)
        result = ("hangs", f"{HANGS} s")
        try:
            if self.pipe.poll(HANGS):
                kind, *result = self.pipe.recv()
                return kind, result[0], result[1]
        except EOFError:
            self.process.join()
            result = ("crash", f"exit code {self.process.exitcode}")
        self.end()
        self._begin()
        return list(KINDS)[number % len(KINDS)], *result

    def end(self) -> None:
        """End the process."""
        with suppress(OSError):
            self.pipe.send(None)
        self.process.join(1)
        self.process.kill()
        self.process.join()
        self.pipe.close()
        self.folder.cleanup()
