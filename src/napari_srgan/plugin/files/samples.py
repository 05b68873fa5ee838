"""Sample data: images of scikit-image (HR), and the same downsampled by 4 (LR).

The LR layer is made like the training images of the models (antialiased bicubic). The HR layer is
placed to its right as ground truth.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LayerData = tuple[Any, dict[str, Any], str]

SCALE = 4
GAP = 0.05
"""gap between LR and HR as a fraction of the image width"""


def cell() -> list[LayerData]:
    """Return a cell in transmitted light."""
    return pair("cell", "cell")


def tissue() -> list[LayerData]:
    """Return colon tissue with stained antibodies, RGB."""
    return pair("immunohistochemistry", "tissue")


def fundus() -> list[LayerData]:
    """Return a photograph of a retina, RGB."""
    return pair("retina", "retina")


def moon() -> list[LayerData]:
    """Return the Moon's surface from an orbiter."""
    return pair("moon", "moon")


def hubble() -> list[LayerData]:
    """Return a deep field of the Hubble Space Telescope, RGB."""
    return pair("hubble_deep_field", "hubble")


def pair(name: str, title: str) -> list[LayerData]:
    """Return the HR and LR layers of an image of `skimage.data`.

    The scale is 1 for HR and 4 for LR. As napari's origin is the centre of pixel 0, LR is
    translated so that the outer edges of both are at −½ HR pixel.
    """
    from PIL import Image
    from skimage import data

    from ..viewers import reset_view_later

    reset_view_later()
    original = getattr(data, name)()
    height, width = (n // SCALE for n in original.shape[:2])
    hr = np.ascontiguousarray(original[: height * SCALE, : width * SCALE])
    lr = np.asarray(Image.fromarray(hr).resize((width, height), Image.Resampling.BICUBIC))
    shift = (SCALE - 1) / 2
    aside = round(hr.shape[1] * (1 + GAP))
    common = {"rgb": hr.ndim == 3, "contrast_limits": (0, 255)}
    return [
        (
            hr,
            {**common, "name": f"{title} (HR)", "translate": (0, aside)},
            "image",
        ),
        (
            lr,
            {
                **common,
                "name": f"{title} (LR)",
                "scale": (SCALE, SCALE),
                "translate": (shift, shift),
            },
            "image",
        ),
    ]
