"""Pictures that show results side by side."""

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

MAX_SIDE = 64
"""maximum side of the crop in LR pixels"""
MIN_PANEL_WIDTH = 192
"""minimum width of a panel in pixels, which is reached by repetition of pixels"""
GAP = 6
"""gap between panels in pixels"""
TEXT_HEIGHT = 14
"""height of the text in pixels"""


@dataclass(frozen=True)
class Panel:
    """One picture of a strip."""

    label: str
    """text above the picture"""
    pixels: Array
    """image ``(C, H, W)`` on [0, 1]"""
    psnr: float | None = None
    """PSNR of the whole image in dB, as in the table"""


@dataclass
class Strip:
    """The panels of one image at one scale: LR, bicubic, models, HR."""

    scale: int
    top: int
    """first row of the crop in LR pixels"""
    left: int
    """first column of the crop in LR pixels"""
    side: int
    """side of the crop in LR pixels"""
    hr: Array
    """crop of the HR image"""
    panels: list[Panel] = field(default_factory=list)

    def crop(self, image: Array) -> Array:
        """Crop an image of the size of HR."""
        y, x, n = (self.scale * v for v in (self.top, self.left, self.side))
        return np.array(image[:, y : y + n, x : x + n])


@dataclass
class Strips:
    """The strips of a folder, to which results are added row by row."""

    strips: dict[tuple[str, int], Strip] = field(default_factory=dict)

    def add(
        self, name: str, label: str, scale: int, sr: Array, pair: Pair, psnr: float | None = None
    ) -> None:
        """Add a result; the first one of an image and scale determines the crop."""
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
    """Return top, left and side in LR pixels of the crop with the most contrast at LR size."""
    small = bicubic_down(torch.from_numpy(hr.mean(0)[None, None].copy()), scale)[0, 0].numpy()
    side = min(MAX_SIDE, *small.shape)
    return *busiest(small, side), side


def draw(panels: list[Panel]) -> Picture:
    """Draw labelled panels side by side; images without 3 bands are shown by their first band."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(TEXT_HEIGHT)
    height, width = panels[0].pixels.shape[1:]
    zoom = -(-MIN_PANEL_WIDTH // width)
    height, width = height * zoom, width * zoom
    line = TEXT_HEIGHT + 4
    strip = Image.new("RGB", (len(panels) * (width + GAP) - GAP, height + 2 * line), "white")
    pen = ImageDraw.Draw(strip)
    for number, panel in enumerate(panels):
        left = number * (width + GAP)
        # The default font of Pillow lacks the multiplication sign.
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
    """Convert ``(C, H, W)`` to 8-bit RGB ``(H, W, 3)``; values are clipped to [0, 1]."""
    shown = pixels if len(pixels) == 3 else np.repeat(pixels[:1], 3, axis=0)
    return np.moveaxis(np.clip(np.round(shown * 255), 0, 255).astype(np.uint8), 0, -1)
