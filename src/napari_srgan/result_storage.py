"""Allocate results in memory, or on disk if they do not fit."""

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

RESERVED_BYTES = 256 << 20
"""bytes of main memory that must stay free beside a result"""
MEMORY_FRACTION = 0.5
"""fraction of the free memory that a result may take before it goes to disk"""
CHUNK_SIDE = 512
"""side in pixels of the chunks of a result on disk"""


def allocate(plan: Plan) -> npt.NDArray[Any]:
    """Allocate an array in memory for a plan's result.

    Raises
    ------
    MemoryError
        If the result exceeds the free memory.
    """
    free = free_ram()
    if plan.nbytes + RESERVED_BYTES > free:
        raise MemoryError(
            f"{_summary(plan)}, but {_gib(free)} of memory are free. Take a part of the image, "
            "or pass it as a dask or zarr array and write the result to zarr"
        )
    return np.empty(plan.shape, plan.dtype)


def fits_in_memory(plan: Plan) -> bool:
    """Whether a result is stored in memory: if it takes at most half of the free memory.

    Raises
    ------
    OSError
        If it does not fit on the disk either.
    """
    if plan.nbytes <= MEMORY_FRACTION * free_ram():
        return True
    _check_disk(plan, Path(tempfile.gettempdir()))
    return False


def make_room(plan: Plan) -> Any:
    """Allocate an array for a plan's result, in memory if it fits.

    Otherwise it is a zarr array in a temporary folder, which is removed with the array.

    Raises
    ------
    OSError
        If it does not fit on the disk either.
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
        If the uncompressed result exceeds the free space of the disk.
    """
    import zarr

    _check_disk(plan, path.parent)
    chunks = tuple(
        min(n, CHUNK_SIDE) if axis in "YX" else (n if axis == "S" else 1)
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
            f"{_summary(plan)}, but memory has {_gib(free_ram())} free and the disk of {folder} "
            f"{_gib(free)}. Take a part of the image, or pass it as a dask or zarr array and "
            "write the result to a file on another disk"
        )


def _summary(plan: Plan) -> str:
    return f"the result has shape {plan.shape} and {plan.dtype}: {_gib(plan.nbytes)}"


def _gib(number: int) -> str:
    return f"{number / 2**30:.1f} GiB"
