"""Lazy arrays of other kinds as dask ones."""

from __future__ import annotations

from typing import Any

import numpy as np


def numpy_or_dask(data: Any) -> Any:
    """Return an array as it is if it is numpy's or dask's, another (zarr) as dask's."""
    if isinstance(data, np.ndarray) or hasattr(data, "dask"):
        return data
    import dask.array as da

    return da.from_array(data, chunks=data.chunks or "auto", name=False)
