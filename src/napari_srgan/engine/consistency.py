"""Back-projection: make a result, reduced again, equal what it was made from."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..nn.resample import bicubic_down, bicubic_up

Reduce = Callable[[Tensor, int], Tensor]

REACH = 4
"""LR pixels on each side that one step adds to what a result depends on: two for each resampling"""


def back_project(
    sr: Tensor,
    lr: Tensor,
    scale: int,
    steps: int,
    limits: tuple[float, float] | None = None,
    reduce: Reduce = bicubic_down,
) -> Tensor:
    """Correct ``sr`` towards ``lr``: ``SR ← SR + U(LR − D(SR))``, ``steps`` times.

    Parameters
    ----------
    sr
        ``(N, C, scale·H, scale·W)`` float32.
    lr
        ``(N, C, H, W)`` float32, on the same range.
    scale
        Factor between the two.
    steps
        How often; 0 returns ``sr`` as it is.
    limits
        Least and greatest value that the result can hold. What lies beyond is cut off before each
        step and so made up for by the pixels around it: beside a roof as bright as the image goes
        the overshoot of an edge would else be lost afterwards.
    reduce
        D, how the sensor reduces; antialiased bicubic unless the model's card says otherwise.

    Notes
    -----
    Irani and Peleg 1991. U is bicubic.
    """
    for _ in range(steps):
        if limits is not None:
            # What overflowed is not cut off: 0 · ∞ is NaN.
            sr = sr.clamp(*limits).addcmul_(sr, sr.new_zeros(()))
        sr = sr + bicubic_up(lr - reduce(sr, scale), scale)
    return sr
