"""Read and preprocess the window of a tile; postprocess and write its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from ..nn.resample import bicubic_up
from .axes import Layout
from .exposures import Inner
from .missing import Mask, keep_clear
from .outliers import find_outliers, split_outliers
from .tiles import Tile

if TYPE_CHECKING:
    from .plan import Plan

Array = npt.NDArray[Any]
Values = npt.NDArray[np.float32]
Plane = tuple[int, ...]
"""index of a plane along the loop axes of a layout"""


@dataclass(frozen=True)
class Work:
    """A tile of a plane."""

    plane: Plane
    tile: Tile

    @property
    def pixels(self) -> int:
        """Number of LR pixels in the core."""
        rows, columns = self.tile.core_shape
        return rows * columns


@dataclass(frozen=True)
class Window:
    """Values of a tile's window, prepared for the network."""

    work: Work
    stored: Array
    """``(C, h, w)``, original values"""
    seen: Values
    """the values mapped for the network, with outliers clipped and invalid pixels filled"""
    excess: Values | None
    """excess of outliers over ``seen``; None without outliers"""
    outliers: int
    """number of outliers in the core"""
    inner: Inner | None
    """range of the second exposure"""
    invalid: Mask | None

    def is_known(self, limited: bool) -> bool:
        """Whether the network is not needed: no valid pixel, or, if limited, a constant image."""
        if self.invalid is not None and self.invalid.all():
            return True
        return limited and self.excess is None and bool((self.seen == self.seen[:, :1, :1]).all())


def read_window(plan: Plan, source: Any, work: Work) -> Window:
    """Read the window of a tile and map it to the range of the network."""
    layout, intensity = plan.layout, plan.intensity
    index = layout.index(work.plane, *work.tile.window)
    part, missing = plan.missing.read(source, layout, index)
    stored = _as_channels(part, layout)
    invalid = None if missing is None else _as_channels(missing, layout)
    channel = layout.channel_of(work.plane)
    values = intensity.forward(_zero_invalid(stored, invalid), channel)
    outliers = find_outliers(values, invalid)
    seen, excess = split_outliers(values, outliers, invalid)
    core = (slice(None), *work.tile.core_in_window())
    count = 0 if outliers is None else int(outliers.all[core].sum())
    inner = intensity.inner_of(channel)
    return Window(work, stored, np.ascontiguousarray(seen), excess, count, inner, invalid)


def write_window(plan: Plan, source: Any, window: Window, result: Values, out: Any) -> None:
    """Map a result back to image values and write its core to ``out``.

    Invalid pixels keep their original values. Pixels hidden by alpha alone keep them only where
    the upsampled alpha is 0; elsewhere they get the result, whose colour comes from visible
    neighbours.
    """
    scale = plan.scale
    work, tile = window.work, window.work.tile
    layout, channel = plan.layout, plan.layout.channel_of(work.plane)
    inner = (slice(None), *tile.core_in_window())
    fine = (slice(None), *tile.core_in_window(scale))
    stored = window.stored[inner]
    invalid = None if window.invalid is None else window.invalid[inner]
    remainder = plan.intensity.remainder(_zero_invalid(stored, invalid), channel)
    if remainder is not None:
        remainder = nearest(remainder, scale)
    values = plan.intensity.inverse(result[fine], channel, remainder)
    own = None
    if plan.nodata is not None and layout.axes[-1] == "S":
        own = nearest(_zero_invalid(np.asarray(stored == plan.nodata), invalid), scale)
    values = keep_clear(values, plan.nodata, own)
    writes_alpha = layout.alpha and (layout.channel_axis is not None or work.plane[-1] == 0)
    alpha = None
    if layout.alpha and (writes_alpha or invalid is not None):
        alpha = _finer_alpha(plan, source, work)
    if invalid is not None:
        stays = nearest(invalid, scale)
        if alpha is not None:
            clear = plan.missing.transparent(source, layout, layout.index(work.plane, *tile.window))
            stays &= ~(nearest(_as_channels(clear, layout)[inner], scale) & (alpha > 0))
        values = np.where(stays, nearest(stored, scale), values)
    rows, columns = tile.core(scale)
    index = plan.place(layout.index(work.plane, rows, columns))
    if layout.channel_axis is None:
        values = values[0]
    out[index] = values.transpose(np.argsort(layout.order()))
    if alpha is not None and writes_alpha:
        out[(*index[:-1], 3)] = alpha.T if layout.x < layout.y else alpha


def _finer_alpha(plan: Plan, source: Any, work: Work) -> Array:
    """Return the alpha of a tile's core, upsampled bicubically: ``(Y, X)``."""
    layout, tile, dtype = plan.layout, work.tile, plan.dtype
    index = (*layout.index(work.plane, *tile.window)[:-1], 3)
    stored = np.asarray(source[index])
    stored = stored.T if layout.x < layout.y else stored
    alpha = torch.from_numpy(stored.astype(np.float32)[None, None])
    fine = bicubic_up(alpha, plan.scale)[0, 0].numpy()[tile.core_in_window(plan.scale)]
    opaque = np.iinfo(dtype).max if dtype.kind in "iu" else 1
    fine = np.clip(np.rint(fine) if dtype.kind in "iu" else fine, 0, opaque)
    return np.asarray(fine.astype(dtype))


def nearest(values: Array, scale: int) -> Array:
    """Upsample ``(..., H, W)`` by nearest-neighbour interpolation."""
    return values.repeat(scale, -2).repeat(scale, -1)


def _zero_invalid(stored: Array, invalid: Mask | None) -> Array:
    return stored if invalid is None else np.where(invalid, np.zeros((), stored.dtype), stored)


def _as_channels(part: Array, layout: Layout) -> Array:
    """Transpose a region read with `Layout.index` to ``(C, Y, X)``."""
    part = part.transpose(layout.order())
    return part if part.ndim == 3 else part[None]
