"""Run work in background threads without blocking the GUI thread."""

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

LARGE_LIBRARIES = {
    "linux": ("libtorch_cpu.so", "libtorch_cuda.so"),
    "darwin": ("libtorch_cpu.dylib",),
}


def load_torch() -> None:
    """Import PyTorch in a background thread.

    An import holds the GIL while the system loads a shared library, which blocks the GUI thread
    noticeably for PyTorch's, and for seconds from a slow disk. Calls through ctypes release the
    GIL, so the large libraries are loaded by ctypes first; the import then finds them loaded.
    """
    if "torch" not in sys.modules and sys.platform in LARGE_LIBRARIES:
        spec = find_spec("torch")
        if spec is not None and spec.origin is not None:
            system = ctypes.CDLL(None)
            system.dlopen.restype = ctypes.c_void_p
            system.dlopen.argtypes = (ctypes.c_char_p, ctypes.c_int)
            for name in LARGE_LIBRARIES[sys.platform]:
                path = Path(spec.origin).parent / "lib" / name
                if path.exists():
                    # Errors are ignored: the import below fails as well, with a message.
                    system.dlopen(os.fsencode(path), os.RTLD_NOW)
    import torch  # noqa: F401


@contextmanager
def one_core_free() -> Iterator[None]:
    """Limit PyTorch to all but one CPU thread, which is left to the GUI."""
    import torch

    torch.set_num_threads(max(1, default_num_threads() - 1))
    try:
        yield
    finally:
        torch.set_num_threads(default_num_threads())


@cache
def default_num_threads() -> int:
    """Return the number of CPU threads that PyTorch used at the first call."""
    import torch

    return torch.get_num_threads()


def make_worker(work: Callable[..., Any], **arguments: Any) -> Any:
    """Return a superqt worker for a short task, without a progress bar in the activity dock.

    It is not started; errors are emitted by ``errored`` only.
    """
    from superqt.utils import create_worker

    wait_at_exit()
    return create_worker(work, **arguments, _start_thread=False, _ignore_errors=True)


@cache
def wait_at_exit() -> None:
    """Wait for all workers at exit; Qt aborts the process if a thread is still running."""
    from superqt.utils import WorkerBase

    atexit.register(WorkerBase.await_workers)
