"""Back-projection: make a result agree with its input when it is downsampled again."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..nn.resample import bicubic_down, bicubic_up

Reduce = Callable[[Tensor, int], Tensor]
"""downsamples a tensor by an integer factor"""

REACH = 4
"""LR pixels on each side by which a step extends the receptive field, two per resampling"""


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
        Factor between them.
    steps
        Number of iterations; 0 returns ``sr`` unchanged.
    limits
        Smallest and largest value that the result can hold. Values are clamped to it before each
        step, so that the neighbouring pixels compensate. Without this, the overshoot beside an
        edge of saturated pixels is lost when the result is clipped afterwards.
    reduce
        D, the downsampling of the sensor; antialiased bicubic unless the model card says otherwise.

    Notes
    -----
    Irani and Peleg 1991. U is bicubic.
    """
    for _ in range(steps):
        if limits is not None:
            # 0 · ∞ is NaN: values that overflowed stay visible instead of being clamped.
            sr = sr.clamp(*limits).addcmul_(sr, sr.new_zeros(()))
        sr = sr + bicubic_up(lr - reduce(sr, scale), scale)
    return sr
