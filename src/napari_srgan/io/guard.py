"""Error handling common to all readers, and atomic replacement of written files."""

from __future__ import annotations

import errno
import io
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .sanity import expands_too_far

__all__ = ["WholeFile", "check_claim", "check_empty", "is_of_system", "reading", "replacing"]

OF_DAMAGE = (errno.EINVAL, errno.EOVERFLOW)
"""what the system says where a place in a file is asked for that none can have"""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Convert errors of libraries on damaged files to a ValueError that names the file.

    Errors of the system (with an errno) and MemoryError pass. Warnings of libraries are
    suppressed, since damaged files can cause thousands.
    """
    check_empty(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        if is_of_system(error, path):
            raise
        if isinstance(error, ValueError) and ": cannot be read (" in str(error):
            raise  # the message already names a file
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ValueError(f"{path}: cannot be read ({reason})") from error


def is_of_system(error: Exception, path: Path) -> bool:
    """Whether the system says that it has no memory or does not give out a file.

    What it says of no file in particular is from now on said of ``path``.
    """
    if not isinstance(error, OSError):
        return isinstance(error, MemoryError)
    if not error.errno or error.errno in OF_DAMAGE:
        return False
    if error.filename is None:
        error.filename = str(path)
    return True


def check_empty(path: Path) -> None:
    """Refuse an empty file, for which libraries give unclear errors.

    Raises
    ------
    ValueError
        If the file has no bytes.
    """
    if path.is_file() and not path.stat().st_size:
        raise ValueError(f"{path}: cannot be read (the file is empty)")


def check_claim(path: Path, claimed: int, compressed: bool, offset: int = 0) -> None:
    """Refuse a header that claims more bytes of pixels than its file can hold.

    Raises
    ------
    ValueError
        If it does.
    """
    size = path.stat().st_size
    if compressed and expands_too_far(claimed, size):
        raise ValueError(f"{claimed} bytes of pixels in its header, {size} in the file")
    if not compressed and claimed > size - offset:
        raise ValueError(
            f"the file ends early: {claimed} bytes of pixels in its header, "
            f"{max(size - offset, 0)} in the file"
        )


def replacing(path: Path, write: Callable[[Path], None]) -> Path:
    """Write to a temporary path in the same folder and rename it, to leave no partial file."""
    beside = path.with_name(f".{path.name}.partial")
    _remove(beside)
    try:
        write(beside)
        if beside.is_dir() and path.is_dir():
            old = path.with_name(f".{path.name}.old")
            _remove(old)
            os.replace(path, old)
            os.replace(beside, path)
            _remove(old)
        else:
            os.replace(beside, path)
    finally:
        _remove(beside)
    return path


class WholeFile(io.BufferedReader):
    """File whose reads are limited to its size, regardless of lengths claimed in it."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))

    def read(self, size: int | None = -1) -> bytes:
        """Read at most ``size`` bytes."""
        if size is not None and size > 2**20:
            size = min(size, max(0, os.fstat(self.fileno()).st_size - self.tell()))
        return super().read(size)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
