"""Convert stored TIFF samples to colours, channels and alpha, in upright orientation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..orientation import upright
from .gdal_metadata import Bands
from .tags import ramp_colour

COLOURED = (2, 6)
"""photometric interpretations with three samples that are converted to RGB"""
MINISWHITE, GREY, RGB, PALETTE, MASK = 0, 1, 2, 3, 4
"""photometric interpretations"""
UNKNOWN, ASSOCIATED, UNASSOCIATED = 0, 1, 2
"""values of ExtraSamples; with ASSOCIATED, colours are premultiplied by alpha"""


class Samples:
    """Interpretation of the stored samples of a series."""

    def __init__(self, series: Any, page: Any, bands: Bands, *, imagej: bool, turned: bool) -> None:
        self.stored = series.axes.upper()
        self.count = dict(zip(self.stored, series.shape, strict=True)).get("S", 0)
        self.orientation = _orientation(page) if turned else 1
        self.metadata: dict[str, Any] = {}
        if self.orientation in range(2, 9):
            self.metadata["orientation"] = self.orientation
        coloured = page.photometric in COLOURED or series.kind == "ome"
        opacity = _opacity(page, bands, self.count, 3 if coloured else 1)
        self.opacity = None if opacity is None else opacity[0]
        if opacity is not None:
            name = bands.names[opacity[0]]
            self.metadata["alpha"] = {"at": opacity[0], "associated": opacity[1], "name": name}
        # Without ExtraSamples, the fourth of four samples is alpha; a declared other one is not.
        four = self.count == 4 and (self.opacity == 3 or len(page.extrasamples) == 0)
        self.colours = coloured and (self.count == 3 or four)
        self.apart = self.opacity is not None and not self.colours and set(self.stored) == {*"YXS"}
        """whether alpha is separated from the samples"""
        if self.apart and self.opacity is not None:
            self.bands = bands.without(self.opacity)
            self.colours = coloured and self.count == 4
        else:
            self.bands = bands
        self._read_palette(series, page, imagej)
        if page.photometric == MINISWHITE and series.dtype.kind in "uib":
            self.metadata["photometric"] = "miniswhite"
        elif page.photometric == RGB and self.count > 3 and not self.colours:
            self.metadata["photometric"] = "rgb"
        self.letters = self._letters()

    def _read_palette(self, series: Any, page: Any, imagej: bool) -> None:
        self.table: npt.NDArray[Any] | None = None
        self.colour: tuple[int, int, int] | None = None
        indices = page.photometric == PALETTE and series.dtype.kind in "ub" and not self.count
        if indices and page.colormap is not None:
            table = np.asarray(page.colormap)
            table = (table >> 8 if table.max() > 255 else table).astype(np.uint8)
            # A linear ramp displays intensities; ImageJ stores all its look-up tables as palettes.
            self.colour = ramp_colour(table)
            self.table = None if imagej or self.colour else table
            if self.table is not None:
                self.bands = Bands.of(3)

    def _letters(self) -> str:
        letters: str = self.stored
        if self.colours:
            letters = letters.replace("S", "") + "S"
        elif self.apart and self.count == 2:
            letters = letters.replace("S", "")
        elif "C" not in letters:
            letters = letters.replace("S", "C")
        return letters + "S" if self.table is not None else letters

    def arranged(self, pixels: Any) -> Any:
        """Apply the palette and orientation, and move samples of RGB(A) to the last axis."""
        return upright(self._coloured(pixels), self.letters, self.orientation)

    def opacities(self, pixels: Any) -> Any:
        """Return the alpha of each pixel from the stored samples; None without alpha."""
        if self.opacity is None:
            return None
        index: list[Any] = [slice(None)] * pixels.ndim
        index[self.stored.index("S")] = self.opacity
        return upright(pixels[tuple(index)], self.stored.replace("S", ""), self.orientation)

    def masked(self, valid: Any) -> Any:
        """Return the missing pixels from a stored mask, which is not 0 at valid pixels."""
        return upright(valid == 0, "YX", self.orientation)

    def lacking(self, pixels: Any, nodata: float | None) -> Any:
        """Return where the palette index equals ``nodata``; None without palette or nodata."""
        if self.table is None or nodata is None:
            return None
        return upright(pixels == nodata, self.stored, self.orientation)

    def _coloured(self, pixels: Any) -> Any:
        if self.table is not None:
            colours = self.table.T
            if isinstance(pixels, np.ndarray):
                return _looked_up(pixels, colours)
            return pixels.map_blocks(
                _looked_up,
                colours,
                dtype=colours.dtype,
                new_axis=pixels.ndim,
                chunks=(*pixels.chunks, (3,)),
            )
        if not self.count:
            return pixels
        place = self.stored.index("S")
        if self.apart:
            kept = [i for i in range(self.count) if i != self.opacity]
            index: list[Any] = [slice(None)] * pixels.ndim
            # A slice is a view, an index list copies the pixels.
            last = kept == list(range(len(kept)))
            index[place] = kept[0] if len(kept) == 1 else slice(len(kept)) if last else kept
            pixels = pixels[tuple(index)]
        if self.colours:
            order = [i for i in range(pixels.ndim) if i != place]
            return pixels.transpose([*order, place])
        return pixels


def _orientation(page: Any) -> int:
    value = page.tags.valueof(274)
    return value if isinstance(value, int) else 1


def _opacity(page: Any, bands: Bands, count: int, colours: int) -> tuple[int, bool] | None:
    """Return the index of the alpha sample and whether alpha is associated (premultiplied)."""
    extra = [int(role) for role in page.extrasamples][: max(0, count - 1)]
    for place, role in enumerate(extra, count - len(extra)):
        if role in (ASSOCIATED, UNASSOCIATED):
            return place, role == ASSOCIATED
    said = [i for i, colour in enumerate(bands.colours) if colour == "alpha"]
    return (said[0], False) if said and count > colours and said[0] else None


def _looked_up(indices: npt.NDArray[Any], colours: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return colours.take(indices.astype(np.intp), axis=0, mode="clip")
