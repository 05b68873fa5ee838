"""What runs beside the window, so that it never stands still."""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LARGE = {"linux": ("libtorch_cpu.so", "libtorch_cuda.so"), "darwin": ("libtorch_cpu.dylib",)}


def load_torch() -> None:
    """Import PyTorch, to be called in a thread beside that of the window.

    Python's import holds its lock while the system loads a library, which with PyTorch's takes
    long enough to be felt, and seconds from a slow disk. A call through ctypes does not hold it,
    so the large libraries are loaded by one; the import then finds them there.
    """
    if "torch" not in sys.modules and sys.platform in LARGE:
        spec = find_spec("torch")
        if spec is not None and spec.origin is not None:
            system = ctypes.CDLL(None)
            system.dlopen.restype = ctypes.c_void_p
            system.dlopen.argtypes = (ctypes.c_char_p, ctypes.c_int)
            for name in LARGE[sys.platform]:
                path = Path(spec.origin).parent / "lib" / name
                if path.exists():
                    # Where it fails, the import fails as well and says why.
                    system.dlopen(os.fsencode(path), os.RTLD_NOW)
    import torch  # noqa: F401


@contextmanager
def one_core_free() -> Iterator[None]:
    """Let PyTorch use one core less in this thread, so that the window stays quick."""
    import torch

    torch.set_num_threads(max(1, all_threads() - 1))
    try:
        yield
    finally:
        torch.set_num_threads(all_threads())


@cache
def all_threads() -> int:
    """Return how many threads PyTorch took before any was taken away."""
    import torch

    return torch.get_num_threads()


def make_worker(work: Callable[..., Any], **arguments: Any) -> Any:
    """Return a worker that does a short piece of work, of which napari makes no mention."""
    from superqt.utils import create_worker

    wait_at_exit()
    return create_worker(work, **arguments, _start_thread=False, _ignore_errors=True)


@cache
def wait_at_exit() -> None:
    """Let Python end only when no worker runs any more; Qt aborts otherwise."""
    from superqt.utils import WorkerBase

    atexit.register(WorkerBase.await_workers)
