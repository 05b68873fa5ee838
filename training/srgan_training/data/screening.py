"""Whether anything can be learnt from an image."""

from __future__ import annotations

import numpy as np

from ..images import Stored

NAMED = 20
"""files that are named where some are left out"""


def unusable(plane: Stored, side: int, *, varied: bool = False) -> str:
    """Say why a plane ``(C, H, W)`` is no image to train on; nothing where it is one.

    Parameters
    ----------
    plane
        Values as they are stored.
    side
        Pixels that it must have along Y and X.
    varied
        Whether it must have more than one value.
    """
    height, width = plane.shape[-2:]
    if min(height, width) < side:
        return f"it has {height} × {width} pixels; at least {side} × {side} are needed"
    if plane.dtype.kind not in "iuf":
        return f"it holds {plane.dtype}, neither integers nor floats"
    values = np.asarray(plane)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return "it has values that are NaN or infinite"
    if varied and (values == values[:, :1, :1]).all():
        return "it is constant"
    return ""


def usable(
    planes: list[Stored], side: int, *, varied: bool = False
) -> tuple[list[tuple[int, Stored]], str]:
    """Return the planes of a file to train on with their numbers, and why others are none."""
    reasons = [unusable(plane, side, varied=varied) for plane in planes]
    good = [(i, plane) for i, plane in enumerate(planes) if not reasons[i]]
    bad = [reason for reason in reasons if reason]
    if not bad or len(planes) == 1:
        return good, "".join(bad)
    return good, f"{len(bad)} of its {len(planes)} planes: {bad[0]}"
