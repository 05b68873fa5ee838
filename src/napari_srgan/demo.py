"""``napari-srgan demo``: downsample two real images, super-resolve them, compare with bicubic."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .io.finer_image import finer_image

Array = npt.NDArray[Any]
SCALE = 4
CROP = 64
"""side of the displayed crop in LR pixels"""


@dataclass(frozen=True)
class Sample:
    """A sample image of scikit-image."""

    name: str
    """function in `skimage.data`"""
    title: str
    pixel_size: float | None = None
    """assumed pixel size of the LR image in µm, to show how it changes"""


SAMPLES = (
    Sample("moon", "the Moon's surface"),
    Sample("immunohistochemistry", "colon tissue, stained", 1.0),
)


def run_demo(folder: Path, *, device: str, precision: str) -> Iterator[str]:
    """Super-resolve the samples into ``folder`` and yield lines of text about them."""
    from skimage import data

    from .io.tiff.reader import ImageFile, write_image
    from .options import Options
    from .upscale import compute_now, plan_for

    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for sample in SAMPLES:
        hr = crop_to_scale(getattr(data, sample.name)())
        lr = reduced(hr)
        plan = plan_for(lr, "auto", Options(device=device, precision=precision))
        since = time.perf_counter()
        out = compute_now(plan, lr)
        seconds = time.perf_counter() - since
        bicubic = upsampled(lr)
        axes = "YXS" if hr.ndim == 3 else "YX"
        size = dict.fromkeys("YX", sample.pixel_size) if sample.pixel_size else {}
        result = finer_image(ImageFile(lr, axes, size), out, axes, plan.scale)
        path = write_image(folder / f"{sample.name}_x{plan.scale}.tif", result)
        yield (
            f"{sample.title}: {lr.shape[1]} × {lr.shape[0]} → {out.shape[1]} × {out.shape[0]} with "
            f"{plan.model.card.name} in {seconds:.1f} s on {plan.compute.device} "
            f"({plan.compute.precision}: {plan.compute.reason})"
        )
        for name, image in (("bicubic", bicubic), (plan.model.card.name, out)):
            psnr, ssim = psnr_and_ssim(hr, image)
            yield f"  {name:12} {psnr:6.2f} dB PSNR   {ssim:.4f} SSIM"
        note = f", pixel size {sample.pixel_size} → {result.pixel_size['X']} µm" if size else ""
        yield f"  written to {path}{note}"
        rows.append((sample.title, lr, bicubic, out, hr))
    yield f"side by side: {side_by_side(folder / 'side_by_side.png', rows)}"


def crop_to_scale(image: Array) -> Array:
    """Crop rows and columns to a multiple of the scale."""
    height, width = (n // SCALE * SCALE for n in image.shape[:2])
    return image[:height, :width]


def _resample(image: Array, how: Any) -> Array:
    import torch

    planes = image[..., None] if image.ndim == 2 else image
    x = torch.from_numpy(np.moveaxis(planes, -1, 0)[None].astype(np.float32))
    y = np.moveaxis(how(x, SCALE)[0].numpy(), 0, -1)
    shape = (*y.shape[:2], *image.shape[2:])
    return np.asarray(np.clip(np.rint(y), 0, 255), np.uint8).reshape(shape)


def reduced(image: Array) -> Array:
    """Downsample 8-bit ``(H, W)`` or ``(H, W, 3)`` by antialiased bicubic interpolation."""
    from .nn.resample import bicubic_down

    return _resample(image, bicubic_down)


def upsampled(image: Array) -> Array:
    """Upsample 8-bit ``(H, W)`` or ``(H, W, 3)`` by bicubic interpolation."""
    from .nn.resample import bicubic_up

    return _resample(image, bicubic_up)


def psnr_and_ssim(hr: Array, sr: Array) -> tuple[float, float]:
    """Return PSNR in dB and SSIM over all channels of 8-bit images."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    return (
        float(peak_signal_noise_ratio(hr, sr, data_range=255)),
        float(
            structural_similarity(hr, sr, data_range=255, channel_axis=-1 if hr.ndim == 3 else None)
        ),
    )


def busiest(image: Array, side: int) -> tuple[int, int]:
    """Return the top left corner of the square with the largest standard deviation.

    Squares are placed at steps of a quarter of their side.
    """
    grey = image.mean(-1) if image.ndim == 3 else image.astype(float)
    step = max(1, side // 4)
    corners = [
        (y, x)
        for y in range(0, grey.shape[0] - side + 1, step)
        for x in range(0, grey.shape[1] - side + 1, step)
    ]
    return max(corners, key=lambda c: float(grey[c[0] : c[0] + side, c[1] : c[1] + side].std()))


def side_by_side(path: Path, rows: list[tuple[str, Array, Array, Array, Array]]) -> Path:
    """Draw the same crop of source, bicubic, result and original, one row for each sample."""
    from PIL import Image, ImageDraw

    side, gap, band = CROP * SCALE, 8, 20
    titles = ("source", "bicubic", "super-resolved", "original")
    canvas = Image.new(
        "RGB", (4 * side + 5 * gap, len(rows) * (side + band + gap) + gap), (255, 255, 255)
    )
    draw = ImageDraw.Draw(canvas)
    for row, (title, lr, *others) in enumerate(rows):
        y, x = busiest(lr, CROP)
        source = lr[y : y + CROP, x : x + CROP].repeat(SCALE, 0).repeat(SCALE, 1)
        crops = [source] + [
            o[y * SCALE : y * SCALE + side, x * SCALE : x * SCALE + side] for o in others
        ]
        top = gap + row * (side + band + gap)
        for column, (name, crop) in enumerate(zip(titles, crops, strict=True)):
            left = gap + column * (side + gap)
            text = f"{title}: {name}" if column == 0 else name
            draw.text((left, top + 3), text, fill=(0, 0, 0), font_size=13)
            canvas.paste(Image.fromarray(crop).convert("RGB"), (left, top + band))
    canvas.save(path)
    return path
