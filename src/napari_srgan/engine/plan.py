"""Plan of a run, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .axes import Layout
from .device import Compute, choose_compute
from .intensity import IntensityMap
from .missing import Missing
from .tiles import Span, Tile, Tiles, make_tiles

if TYPE_CHECKING:
    from ..models import Model

LEAST_CORE = 16
"""side in LR pixels of the smallest tile that is tried after running out of memory"""


@dataclass(frozen=True)
class Plan:
    """Settings for super-resolving one image: axes, intensities, tiles, device.

    Made by `planning.make_plan` and executed by `run.Run`.
    """

    model: Model
    layout: Layout
    intensity: IntensityMap
    compute: Compute
    consistency: int
    missing: Missing
    """criteria for pixels without a value"""
    found_nodata: bool
    """whether the nodata value was inferred from the pixel values alone"""
    halo: int
    """LR pixels around the core of a tile that its result depends on"""
    spans: tuple[Span, ...]
    """half-open range of super-resolved entries along each axis"""
    tiles: Tiles
    """tiles of one plane; all windows have the same shape"""
    batch: int
    """number of windows that go through the network together"""
    limited: bool = True
    """whether overshoot is limited"""

    @property
    def scale(self) -> int:
        """Scale factor along Y and X."""
        return self.model.scale

    @property
    def nodata(self) -> float | None:
        """Nodata value, or None."""
        return self.missing.nodata

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result."""
        return tuple(
            factor * (last - first)
            for factor, (first, last) in zip(self.factors, self.spans, strict=True)
        )

    @property
    def factors(self) -> tuple[int, ...]:
        """Scale factor of each axis."""
        return tuple(self.scale if axis in "YX" else 1 for axis in self.layout.axes)

    @property
    def window_pixels(self) -> int:
        """Number of LR pixels in a window."""
        height, width = self.tiles[0].window_shape
        return height * width

    @property
    def planes(self) -> list[tuple[int, ...]]:
        """Indices along the loop axes of the layout of all planes within the spans."""
        loop = [self.spans[axis] for axis in self.layout.loop_axes]
        return [
            plane
            for plane in self.layout.planes()
            if all(first <= at < last for (first, last), at in zip(loop, plane, strict=True))
        ]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of the result, equal to that of the image."""
        return self.intensity.dtype

    @property
    def nbytes(self) -> int:
        """Size of the result in bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def remarks(self) -> list[str]:
        """Notes for the user on special treatment of the values."""
        remarks = []
        if self.found_nodata:
            remarks.append(f"{self.nodata:.6g} taken for missing data")
        if any(self.intensity.inner):
            remarks.append("dim beside bright parts, so two exposures")
        return remarks

    def split(self, tile: Tile, size: int) -> Tiles:
        """Split a tile into tiles with cores of at most ``size`` pixels along each axis."""
        region = (tile.core_y, tile.core_x)
        return make_tiles(self.layout.plane, self.halo, size=size, region=region)

    def place(self, index: tuple[int | slice, ...]) -> tuple[int | slice, ...]:
        """Convert an index into the whole result to an index into the result of the spans."""
        starts = zip(self.factors, self.spans, strict=True)
        return tuple(
            _shifted(at, factor * first)
            for at, (factor, (first, _)) in zip(index, starts, strict=True)
        )

    def part(self, spans: Sequence[Span]) -> Plan:
        """Return the plan of a region, whose result equals that region of the whole result.

        Raises
        ------
        ValueError
            If the region does not lie in the image.
        """
        layout = self.layout
        spans = check_spans(spans, layout)
        region = spans[layout.y], spans[layout.x]
        tiles = make_tiles(layout.plane, self.halo, pixels=self.window_pixels, region=region)
        return replace(self, spans=spans, tiles=tiles)

    def on_cpu(self) -> Plan:
        """Return the same plan for the CPU; float32 stays float32."""
        precision = "float32" if self.compute.precision == "float32" else "auto"
        compute = choose_compute("cpu", precision, eight_bit=self.dtype.itemsize == 1)
        return replace(self, compute=compute, batch=1)


def check_spans(spans: Sequence[Span], layout: Layout) -> tuple[Span, ...]:
    """Validate the spans of a region and extend them to all channels processed together.

    Raises
    ------
    ValueError
        If the region does not lie in the image.
    """
    spans = tuple((int(first), int(last)) for first, last in spans)
    inside = len(spans) == len(layout.shape) and all(
        0 <= first < last <= n for (first, last), n in zip(spans, layout.shape, strict=True)
    )
    if not inside:
        raise ValueError(f"the part {spans} does not lie in an image of shape {layout.shape}")
    return tuple(
        (0, n) if axis == "S" or i == layout.channel_axis else span
        for i, (axis, n, span) in enumerate(zip(layout.axes, layout.shape, spans, strict=True))
    )


def _shifted(at: int | slice, by: int) -> int | slice:
    if isinstance(at, int):
        return at - by
    return at if at.stop is None else slice(at.start - by, at.stop - by)
