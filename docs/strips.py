"""Makes the strips of the README: what a model makes of an image, from faithful to realistic.

To be run as::

    python docs/strips.py --satellite AERIAL --medical SLICE

with files of HR images; the natural image comes with scikit-image. The strips are written beside
this file.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skimage import data

from napari_srgan import load_model, super_resolve
from napari_srgan.io import read
from napari_srgan.nn.resample import bicubic_down, bicubic_up
from srgan_training.strips import Panel, draw, most_contrast

SHOWN = (0.5, 99.9)
"""percentiles of HR that are black and white where it has more than 8 bits"""


def strip(image: npt.NDArray[Any], name: str, path: Path) -> None:
    """Reduce an image ``(Y, X)`` or ``(Y, X, S)``, super-resolve it and draw the results.

    Parameters
    ----------
    image
        HR, of any bit depth.
    name
        Of the model.
    path
        Of the PNG that is written.
    """
    scale = load_model(name).scale
    height, width = (n // scale * scale for n in image.shape[:2])
    hr = planes(image[:height, :width])
    lr = bicubic_down(torch.from_numpy(hr[None]), scale)[0].numpy()
    limits = np.iinfo(image.dtype)
    stored = np.clip(np.round(lr), limits.min, limits.max).astype(image.dtype)
    low, high = (0, 255) if image.dtype == np.uint8 else np.percentile(hr, SHOWN)

    def shown(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        part = pixels[:, scale * top : scale * (top + side), scale * left : scale * (left + side)]
        return np.asarray((part - low) / (high - low), np.float32)

    top, left, side = most_contrast(hr, scale)
    bicubic = bicubic_up(torch.from_numpy(stored[None].astype(np.float32)), scale)[0].numpy()
    panels = [Panel("bicubic", shown(bicubic))]
    pixels = stored[0] if len(stored) == 1 else np.moveaxis(stored, 0, -1)
    axes = "YX" if len(stored) == 1 else "YXS"
    for detail, label in ((0.0, "faithful"), (1.0, "realistic")):
        result = super_resolve(pixels, load_model(name, detail=detail), axes=axes)
        panels.append(Panel(f"{name}, {label}", shown(planes(result))))
    draw([*panels, Panel("original", shown(hr))]).save(path, optimize=True)


def planes(image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return an image as float32 ``(C, H, W)``."""
    image = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
    return np.ascontiguousarray(image, np.float32)


def main() -> None:
    """Read the arguments and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--satellite", type=Path, required=True, help="an aerial RGB image")
    parser.add_argument("--medical", type=Path, required=True, help="a slice, such as of CT")
    options = parser.parse_args()
    here = Path(__file__).parent
    strip(data.chelsea(), "general-x4", here / "strip_natural.png")
    for name, model in (("satellite", "general-x4"), ("medical", "gray-x4")):
        (image,) = read(getattr(options, name))
        strip(np.asarray(image.data), model, here / f"strip_{name}.png")


if __name__ == "__main__":
    main()
