"""Affines of medical volumes: conversion between (x, y, z) of files and (z, y, x) of arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["reverse_axes", "voxel_size"]

Affine = npt.NDArray[np.float64]


def reverse_axes(affine: Affine) -> Affine:
    """Convert a 4 × 4 affine from ``(x, y, z)`` to ``(z, y, x)`` on both sides, or back."""
    order = [2, 1, 0, 3]
    return np.asarray(affine, np.float64)[np.ix_(order, order)]


def voxel_size(affine: Affine) -> dict[str, float]:
    """Return the voxel size along Z, Y and X of an affine of ``(z, y, x)``."""
    return dict(zip("ZYX", np.linalg.norm(affine[:3, :3], axis=0).tolist(), strict=True))
