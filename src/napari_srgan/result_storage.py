"""Where results go: memory, or disk where memory would not hold them."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .engine.device import free_ram
from .engine.plan import Plan

KEEP_FREE = 256 << 20
"""bytes of main memory that a result in memory must leave"""
SHARE_OF_FREE = 0.5
"""part of the free memory that a result may take before it goes to disk"""
CHUNK = 512
"""side of the chunks of a result on disk"""


def allocate(plan: Plan) -> npt.NDArray[Any]:
    """Return an empty array for a plan's result.

    Raises
    ------
    MemoryError
        If it is larger than what is free.
    """
    free = free_ram()
    if plan.nbytes + KEEP_FREE > free:
        raise MemoryError(
            f"{_described(plan)}, but {_size(free)} of memory are free. Take a part of the image, "
            "or pass it as a dask or zarr array and write the result to zarr"
        )
    return np.empty(plan.shape, plan.dtype)


def fits_in_memory(plan: Plan) -> bool:
    """Whether a result is kept in memory: if it is at most half of what is free.

    Raises
    ------
    OSError
        If the disk has no room for it either.
    """
    if plan.nbytes <= SHARE_OF_FREE * free_ram():
        return True
    _check_disk(plan, Path(tempfile.gettempdir()))
    return False


def make_room(plan: Plan) -> Any:
    """Return an array for a plan's result: in memory if it fits there.

    A larger one is a zarr array in a temporary folder, removed when the array is let go.

    Raises
    ------
    OSError
        If the disk has no room for it either.
    """
    if fits_in_memory(plan):
        return np.empty(plan.shape, plan.dtype)
    folder = Path(tempfile.mkdtemp(prefix="napari-srgan-"))
    try:
        array = create_zarr(plan, folder / "result.zarr")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(array, shutil.rmtree, folder, ignore_errors=True)
    return array


def create_zarr(plan: Plan, path: Path) -> Any:
    """Create a zarr array for a plan's result.

    Raises
    ------
    OSError
        If the disk has less room than the result may need.
    """
    import zarr

    _check_disk(plan, path.parent)
    chunks = tuple(
        min(n, CHUNK) if axis in "YX" else (n if axis == "S" else 1)
        for axis, n in zip(plan.layout.axes, plan.shape, strict=True)
    )
    return zarr.create_array(
        store=str(path),
        shape=plan.shape,
        chunks=chunks,
        dtype=plan.dtype,
        dimension_names=list(plan.layout.axes.lower()),
    )


def _check_disk(plan: Plan, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if plan.nbytes > free:
        raise OSError(
            f"{_described(plan)}, but memory has {_size(free_ram())} free and the disk of {folder} "
            f"{_size(free)}. Take a part of the image, or pass it as a dask or zarr array and "
            "write the result to a file on another disk"
        )


def _described(plan: Plan) -> str:
    return f"the result has shape {plan.shape} and {plan.dtype}: {_size(plan.nbytes)}"


def _size(number: int) -> str:
    return f"{number / 2**30:.1f} GiB"
