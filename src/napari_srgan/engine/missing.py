"""Pixels without a value: NaN, nodata, masked and transparent ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .axes import Layout

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Nodata = float | Literal["auto"] | None

FILL_REACH = 4
"""pixels over which valid neighbours are carried into invalid ones"""


@dataclass(frozen=True)
class Missing:
    """What says that a pixel of an image has no value.

    NaN and infinity never have one, nor has a colour whose alpha is 0.
    """

    nodata: float | None = None
    """a value that stands for none; of an axis S, where R, G and B all have it"""
    mask: Any | None = None
    """array-like of bool, True where there is no value: of the image's shape with or without S, or
    of rows and columns, for all planes alike"""

    def read(
        self, source: Any, layout: Layout, index: tuple[int | slice, ...]
    ) -> tuple[Array, Mask | None]:
        """Return a part of an image, and where it has no values; None where it has all.

        Parameters
        ----------
        source
            The image.
        layout
            Its axes.
        index
            One that `Layout.index` returned.
        """
        if layout.axes[-1] != "S":
            values = np.asarray(source[index])
            invalid = invalid_pixels(values, self.nodata)
        else:
            values, invalid = self._read_colours(source, layout, index)
        if self.mask is not None:
            invalid = _either(invalid, self._masked(layout, index, values.shape))
        return values, invalid if invalid is not None and invalid.any() else None

    def _read_colours(
        self, source: Any, layout: Layout, index: tuple[int | slice, ...]
    ) -> tuple[Array, Mask | None]:
        """Read samples of RGB(A). A sample that goes alone is read with those that say more."""
        *where, sample = index
        if self.nodata is None and not layout.alpha:
            values = np.asarray(source[index])
            return values, invalid_pixels(values, None)
        alone = not isinstance(sample, slice)
        samples = np.asarray(source[(*where, slice(None))])
        values = samples[..., sample]
        empty = np.zeros((*samples.shape[:-1], 1), bool)
        if self.nodata is not None:
            empty |= (samples[..., :3] == self.nodata).all(-1, keepdims=True)
        if layout.alpha:
            empty |= samples[..., 3:] == 0
        if alone:
            empty = empty[..., 0]
        return values, _either(invalid_pixels(values, None), np.broadcast_to(empty, values.shape))

    def transparent(self, source: Any, layout: Layout, index: tuple[int | slice, ...]) -> Mask:
        """Return where alpha is 0, and no mask says that there is no value.

        Parameters
        ----------
        source
            The image, of axes that end with R, G, B and alpha.
        layout
            Its axes.
        index
            One that `Layout.index` returned.
        """
        *where, sample = index
        clear: Mask = np.asarray(np.asarray(source[(*where, slice(3, 4))]) == 0)
        if isinstance(sample, slice):
            clear = clear.repeat(layout.shape[-1] - 1, -1)
        else:
            clear = clear[..., 0]
        return clear if self.mask is None else clear & ~self._masked(layout, index, clear.shape)

    def _masked(
        self, layout: Layout, index: tuple[int | slice, ...], shape: tuple[int, ...]
    ) -> Mask:
        assert self.mask is not None
        if len(self.mask.shape) == len(layout.shape):
            return np.asarray(self.mask[index], bool)
        if len(self.mask.shape) == 2 and layout.axes not in ("YXS", "XYS"):
            # The same for all planes; a channel axis goes before or behind.
            masked = np.asarray(self.mask[index[layout.y], index[layout.x]], bool)
            if layout.x < layout.y:
                masked = masked.T
            order = layout.order()
            return np.broadcast_to(masked, [shape[i] for i in order]).transpose(np.argsort(order))
        masked = np.asarray(self.mask[index[:-1]], bool)
        return masked if masked.shape == shape else np.broadcast_to(masked[..., None], shape)


def check_mask(mask: Any, layout: Layout) -> None:
    """Refuse a mask that does not fit its image.

    Raises
    ------
    ValueError
        If its shape is not the image's, that without samples, or that of rows and columns.
    """
    allowed = list(dict.fromkeys((layout.shape, _without_samples(layout), layout.plane)))
    if mask is not None and tuple(mask.shape) not in allowed:
        raise ValueError(
            f"the mask of missing values has shape {tuple(mask.shape)}; allowed is "
            + " or ".join(map(str, allowed))
        )


def _without_samples(layout: Layout) -> tuple[int, ...]:
    return layout.shape[: len(layout.shape) - (layout.axes[-1] == "S")]


def check_nodata(nodata: object) -> None:
    """Refuse what does not say which value stands for none.

    Raises
    ------
    ValueError
        Naming what was given and what is allowed.
    """
    if nodata in (None, "auto"):
        return
    if isinstance(nodata, (int, float, np.number)) and not isinstance(nodata, bool):
        return
    raise ValueError(f"nodata={nodata!r}; allowed are 'auto', None or a number")


def invalid_pixels(values: Array, nodata: float | None) -> Mask | None:
    """Return where there is no value: NaN, infinity or ``nodata``; None where all are valid."""
    invalid: Mask | None = None
    if values.dtype.kind == "f":
        invalid = ~np.isfinite(values)
    if nodata is not None and not np.isnan(nodata):
        invalid = _either(invalid, np.asarray(values == nodata))
    return invalid if invalid is not None and invalid.any() else None


def fill_invalid(
    values: npt.NDArray[np.float32], invalid: Mask, constant: float = 0.5
) -> npt.NDArray[np.float32]:
    """Replace invalid pixels of ``(H, W)`` by what borders on them.

    In each of ``FILL_REACH`` rounds the invalid pixels next to valid ones get the mean of those
    among their eight neighbours; what is left gets ``constant``. A filled value depends on pixels
    at most ``FILL_REACH`` away, so tiles that see that far beyond their halo agree.
    """
    values = np.where(invalid, np.float32(0), values)
    known = ~invalid
    for _ in range(FILL_REACH):
        if known.all():
            return values
        count = neighbour_sum(known.astype(np.float32))
        reached = ~known & (count > 0)
        total = neighbour_sum(values)
        values = np.where(reached, total / np.maximum(count, 1), values).astype(np.float32)
        known = known | reached
    return np.where(known, values, np.float32(constant))


def neighbour_sum(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the sum over the eight neighbours of each pixel of ``(H, W)``."""
    padded = np.pad(values, 1)
    height, width = values.shape
    shifts = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    total = np.zeros_like(values)
    for i, j in shifts:
        total += padded[i : i + height, j : j + width]
    return total


def keep_clear(values: Array, nodata: float | None, samples: int | None = None) -> Array:
    """Move results off the value that stands for none, by as little as the dtype allows.

    Parameters
    ----------
    values
        Results of valid pixels.
    nodata
        The value that stands for none.
    samples
        Axis of R, G and B, which stand for none only where all of them have that value.

    Returns
    -------
    array
        With the nearest value above ``nodata`` in its place, or below where there is none above.
    """
    if nodata is None or np.isnan(nodata):
        return values
    same = values == nodata
    if samples is not None:
        same = np.broadcast_to(same.all(samples, keepdims=True), values.shape)
    if not same.any():
        return values
    dtype = values.dtype
    beside: Any
    if dtype.kind in "iu":
        beside = int(nodata) + (1 if nodata < np.iinfo(dtype).max else -1)
    else:
        up = nodata < np.finfo(dtype).max
        beside = np.nextafter(dtype.type(nodata), dtype.type(np.inf if up else -np.inf))
    return np.where(same, np.asarray(beside, dtype), values)


def _either(a: Mask | None, b: Mask) -> Mask:
    return b if a is None else a | b


def without(values: Sequence[Array], nodata: float) -> list[Array]:
    """Return float arrays with NaN where they have the value that stands for none."""
    return [np.where(each == nodata, np.nan, each) for each in values]
