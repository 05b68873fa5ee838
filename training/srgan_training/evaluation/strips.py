"""Pictures of results side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from napari_srgan.demo import busiest
from napari_srgan.nn.resample import bicubic_down

from ..data.patches import Pair
from ..images import Array

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SIDE = 64
"""LR pixels along each axis of what is shown, at most"""
LEAST_WIDTH = 192
"""of a panel in pixels; its pixels are repeated until it is as wide"""
GAP = 6
TEXT = 14
"""height of the letters in pixels"""


@dataclass(frozen=True)
class Panel:
    """One picture of a strip."""

    label: str
    pixels: Array
    """``(C, H, W)`` on [0, 1]"""
    psnr: float | None = None
    """of the whole image in dB, as in the table"""


@dataclass
class Strip:
    """The panels of one image at one scale: LR, bicubic, models, HR."""

    scale: int
    top: int
    left: int
    side: int
    """of the LR crop, in LR pixels"""
    hr: Array
    panels: list[Panel] = field(default_factory=list)

    def crop(self, image: Array) -> Array:
        """Return the part of an HR image that is shown."""
        y, x, n = (self.scale * v for v in (self.top, self.left, self.side))
        return np.array(image[:, y : y + n, x : x + n])


@dataclass
class Strips:
    """The strips of a folder, gathered row by row."""

    strips: dict[tuple[str, int], Strip] = field(default_factory=dict)

    def add(
        self, name: str, label: str, scale: int, sr: Array, pair: Pair, psnr: float | None = None
    ) -> None:
        """Add a result; the first of an image and scale says what of it is shown."""
        if (name, scale) not in self.strips:
            top, left, side = most_contrast(pair.hr, scale)
            strip = self.strips[name, scale] = Strip(scale, top, left, side, pair.hr)
            strip.hr = strip.crop(pair.hr)
            small = pair.lr[:, top : top + side, left : left + side]
            repeated = small.repeat(scale, axis=1).repeat(scale, axis=2)
            strip.panels.append(Panel(f"LR, each pixel {scale} times", repeated))
        strip = self.strips[name, scale]
        strip.panels.append(Panel(label, strip.crop(sr), psnr))

    def write(self, folder: Path) -> list[Path]:
        """Write each strip as a PNG file named after its image."""
        scales = {scale for _, scale in self.strips}
        written = []
        for (name, scale), strip in self.strips.items():
            path = folder / (f"{name}-x{scale}.png" if len(scales) > 1 else f"{name}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            draw([*strip.panels, Panel("HR", strip.hr)]).save(path)
            written.append(path)
        return written


def most_contrast(hr: Array, scale: int) -> tuple[int, int, int]:
    """Return top, left and side in LR pixels of the square with the most contrast when reduced."""
    small = bicubic_down(torch.from_numpy(hr.mean(0)[None, None].copy()), scale)[0, 0].numpy()
    side = min(SIDE, *small.shape)
    return *busiest(small, side), side


def draw(panels: list[Panel]) -> Picture:
    """Draw labelled panels beside each other; of other than 3 bands, the first is shown."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(TEXT)
    height, width = panels[0].pixels.shape[1:]
    zoom = -(-LEAST_WIDTH // width)
    height, width = height * zoom, width * zoom
    line = TEXT + 4
    strip = Image.new("RGB", (len(panels) * (width + GAP) - GAP, height + 2 * line), "white")
    pen = ImageDraw.Draw(strip)
    for number, panel in enumerate(panels):
        left = number * (width + GAP)
        # The font that comes with Pillow has letters and little else.
        label = panel.label.replace("×", "x")
        while pen.textlength(label, font) > width:
            label = "..." + label.removeprefix("...")[1:]
        pen.text((left, 0), label, "black", font)
        if panel.psnr is not None:
            pen.text((left, line), f"{panel.psnr:.2f} dB", "black", font)
        shown = as_rgb(panel.pixels).repeat(zoom, axis=0).repeat(zoom, axis=1)
        strip.paste(Image.fromarray(shown), (left, 2 * line))
    return strip


def as_rgb(pixels: Array) -> npt.NDArray[np.uint8]:
    """Return ``(C, H, W)`` on [0, 1] as 8-bit ``(H, W, 3)``; what lies outside is clipped."""
    shown = pixels if len(pixels) == 3 else np.repeat(pixels[:1], 3, axis=0)
    return np.moveaxis(np.clip(np.round(shown * 255), 0, 255).astype(np.uint8), 0, -1)
