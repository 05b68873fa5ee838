"""Pixels without a value: NaN, nodata, masked and transparent pixels."""

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
"""distance in pixels over which invalid pixels are filled from valid ones"""


@dataclass(frozen=True)
class Missing:
    """Criteria for pixels without a value.

    NaN, infinity and colours with an alpha of 0 are always missing.
    """

    nodata: float | None = None
    """nodata value; a pixel with an axis S is missing if R, G and B all equal it"""
    mask: Any | None = None
    """boolean array-like, True at missing values: of the image's shape with or without S, or of
    rows and columns only, for all planes"""

    def read(
        self, source: Any, layout: Layout, index: tuple[int | slice, ...]
    ) -> tuple[Array, Mask | None]:
        """Read a region of an image and the mask of its missing values.

        Parameters
        ----------
        source
            The image.
        layout
            Its axes.
        index
            Index from `Layout.index`.

        Returns
        -------
        values, invalid
            The mask has the shape of the values; it is None if all are valid.
        """
        if layout.axes[-1] != "S":
            values = np.asarray(source[index])
            invalid = invalid_pixels(values, self.nodata)
        else:
            values, invalid = self._read_colours(source, layout, index)
        if self.mask is not None:
            invalid = _union(invalid, self._mask_region(layout, index, values.shape))
        return values, invalid if invalid is not None and invalid.any() else None

    def _read_colours(
        self, source: Any, layout: Layout, index: tuple[int | slice, ...]
    ) -> tuple[Array, Mask | None]:
        """Read samples of RGB(A). A single sample needs the others too, to find missing pixels."""
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
        return values, _union(invalid_pixels(values, None), np.broadcast_to(empty, values.shape))

    def transparent(self, source: Any, layout: Layout, index: tuple[int | slice, ...]) -> Mask:
        """Return the mask of pixels with an alpha of 0 that are not masked as missing.

        Parameters
        ----------
        source
            Image whose last axis is R, G, B and alpha.
        layout
            Its axes.
        index
            Index from `Layout.index`.
        """
        *where, sample = index
        clear: Mask = np.asarray(np.asarray(source[(*where, slice(3, 4))]) == 0)
        if isinstance(sample, slice):
            clear = clear.repeat(layout.shape[-1] - 1, -1)
        else:
            clear = clear[..., 0]
        return (
            clear if self.mask is None else clear & ~self._mask_region(layout, index, clear.shape)
        )

    def _mask_region(
        self, layout: Layout, index: tuple[int | slice, ...], shape: tuple[int, ...]
    ) -> Mask:
        assert self.mask is not None
        if len(self.mask.shape) == len(layout.shape):
            return np.asarray(self.mask[index], bool)
        if len(self.mask.shape) == 2 and layout.axes not in ("YXS", "XYS"):
            # One mask for all planes, broadcast along the channel axis on either side.
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
        If its shape is neither the image's, nor that without samples, nor rows and columns.
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
    """Refuse an invalid value of the option ``nodata``.

    Raises
    ------
    ValueError
        The message gives the value and the allowed ones.
    """
    if nodata in (None, "auto"):
        return
    if isinstance(nodata, (int, float, np.number)) and not isinstance(nodata, bool):
        return
    raise ValueError(f"nodata={nodata!r}; allowed are 'auto', None or a number")


def invalid_pixels(values: Array, nodata: float | None) -> Mask | None:
    """Return the mask of NaN, infinity and ``nodata``; None if all values are valid."""
    invalid: Mask | None = None
    if values.dtype.kind == "f":
        invalid = ~np.isfinite(values)
    if nodata is not None and not np.isnan(nodata):
        invalid = _union(invalid, np.asarray(values == nodata))
    return invalid if invalid is not None and invalid.any() else None


def fill_invalid(
    values: npt.NDArray[np.float32], invalid: Mask, constant: float = 0.5
) -> npt.NDArray[np.float32]:
    """Fill the invalid pixels of ``(H, W)`` from their valid neighbours.

    In each of ``FILL_REACH`` iterations, invalid pixels next to valid ones get the mean of the
    valid ones among their eight neighbours; the remaining pixels get ``constant``. A filled value
    depends on pixels at most ``FILL_REACH`` away, so a halo enlarged by that many pixels suffices
    for tiles to agree.
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


def keep_clear(values: Array, nodata: float | None, own: Mask | None = None) -> Array:
    """Change results equal to the nodata value by the smallest step of the dtype.

    Parameters
    ----------
    values
        Results of valid pixels.
    nodata
        The nodata value.
    own
        Where the source sample equals the nodata value in a valid pixel, as one sample of a colour:
        there the result may equal it. Elsewhere it may not, since each band of a GeoTIFF has its
        own nodata mask.

    Returns
    -------
    array
        ``values`` with ``nodata`` replaced by the next larger value, or the next smaller one if
        there is none.
    """
    if nodata is None or np.isnan(nodata):
        return values
    same = values == nodata
    if own is not None:
        same &= ~own
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


def _union(a: Mask | None, b: Mask) -> Mask:
    return b if a is None else a | b


def without(values: Sequence[Array], nodata: float) -> list[Array]:
    """Return float arrays in which the nodata value is replaced by NaN."""
    return [np.where(each == nodata, np.nan, each) for each in values]
