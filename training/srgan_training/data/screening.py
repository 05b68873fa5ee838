"""Reject unusable training images."""

from __future__ import annotations

import numpy as np

from ..images import Stored

MAX_NAMED_FILES = 20
"""maximum number of skipped files named in a message"""


def unusable_reason(plane: Stored, side: int, *, require_contrast: bool = False) -> str:
    """Return why a plane ``(C, H, W)`` is unusable for training, empty if it is usable.

    Parameters
    ----------
    plane
        Unscaled values.
    side
        Minimum number of pixels along Y and X.
    require_contrast
        Whether a constant plane is unusable.
    """
    height, width = plane.shape[-2:]
    if min(height, width) < side:
        return f"it has {height} × {width} pixels; at least {side} × {side} are needed"
    if plane.dtype.kind not in "iuf":
        return f"it holds {plane.dtype}, neither integers nor floats"
    values = np.asarray(plane)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return "it has values that are NaN or infinite"
    if require_contrast and (values == values[:, :1, :1]).all():
        return "it is constant"
    return ""


def usable_planes(
    planes: list[Stored], side: int, *, require_contrast: bool = False
) -> tuple[list[tuple[int, Stored]], str]:
    """Return the usable planes of a file with their indices, and why the others are unusable."""
    reasons = [unusable_reason(plane, side, require_contrast=require_contrast) for plane in planes]
    usable = [(i, plane) for i, plane in enumerate(planes) if not reasons[i]]
    unusable = [reason for reason in reasons if reason]
    if not unusable or len(planes) == 1:
        return usable, "".join(unusable)
    return usable, f"{len(unusable)} of its {len(planes)} planes: {unusable[0]}"
