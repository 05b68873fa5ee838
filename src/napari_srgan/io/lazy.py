"""Convert lazy arrays to dask."""

from __future__ import annotations

from typing import Any

import numpy as np


def numpy_or_dask(data: Any) -> Any:
    """Return numpy and dask arrays unchanged, and others (zarr) as dask arrays."""
    if isinstance(data, np.ndarray) or hasattr(data, "dask"):
        return data
    import dask.array as da

    return da.from_array(data, chunks=data.chunks or "auto", name=False)
