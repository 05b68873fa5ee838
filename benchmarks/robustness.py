"""What models make of images as they come off cameras: hot pixels, bright spots, fill values.

Each image is made from `camera` of scikit-image (512 × 512, as counts from 400 to 1300), reduced to
the model's LR. Beside what the engine makes of it stands what the network alone makes of the image
mapped by its 0.1 and 99.9 percentiles, both in float32, and bicubic interpolation.

Run as ``python -m benchmarks.robustness``; ``--models gray-x4,fast-x4`` takes these only.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from skimage import data

from napari_srgan import Model, list_models, load_model, super_resolve
from napari_srgan.nn.inference import InferenceGenerator
from napari_srgan.nn.resample import bicubic_down, bicubic_up

Array = npt.NDArray[Any]
Method = Callable[[Array], Array]

SIGNAL = 900
"""counts from the darkest to the brightest pixel of the clean scene"""
WRONG = 0.05
"""part of the signal from which a pixel is wrong"""


@dataclass(frozen=True)
class Case:
    """One kind of raw data, and the figure that tells what becomes of it."""

    name: str
    measure: Callable[[Method, int], float]
    """of a method and a scale"""
    unit: str = "dB"


def clean_scene() -> Array:
    """Return the scene as counts of a camera."""
    return np.asarray(data.camera() / 255 * SIGNAL + 400, np.float64)


def reduced(scene: Array, scale: int) -> Array:
    """Return the scene at LR, uint16."""
    tensor = torch.from_numpy(scene.astype(np.float32))[None, None]
    counts = bicubic_down(tensor, scale)[0, 0].numpy()
    return np.asarray(np.rint(counts.clip(0, 65535)), np.uint16)


def psnr(result: Array, scene: Array, where: Array, span: float = SIGNAL) -> float:
    """Return the PSNR in dB over some pixels."""
    with np.errstate(all="ignore"):
        square = np.mean((np.asarray(result, np.float64) - scene)[where] ** 2)
        return float(10 * np.log10(span**2 / square))


def distance(dirty: Array, scale: int) -> Array:
    """Return how far each HR pixel is from the dirty LR pixels, in LR pixels."""
    fine = dirty.repeat(scale, 0).repeat(scale, 1)
    return np.asarray(ndimage.distance_transform_edt(~fine)) / scale


def hot_reach(method: Method, scale: int, value: int) -> float:
    """Return how far from six hot pixels a result is wrong, in LR pixels."""
    image = reduced(clean_scene(), scale)
    hot, places = image.copy(), np.zeros(image.shape, bool)
    for y, x in ((20, 30), (40, 90), (64, 64), (90, 20), (100, 100), (70, 110)):
        hot[y, x], places[y, x] = value, True
    changed = np.abs(method(hot).astype(np.float64) - method(image).astype(np.float64))
    wrong = changed > WRONG * SIGNAL
    return float(distance(places, scale)[wrong].max(initial=0))


def many_hot(method: Method, scale: int) -> float:
    """Return the PSNR beyond six pixels from any of one per cent of hot pixels."""
    scene = clean_scene()
    image = reduced(scene, scale)
    hot = np.random.default_rng(0).random(image.shape) < 0.01
    result = method(np.where(hot, np.uint16(60000), image))
    return psnr(result, scene, distance(hot, scale) > 6)


def beside_spot(method: Method, scale: int, times: int) -> float:
    """Return the PSNR of what is dim beside a soft bright spot of 5 % of the area."""
    scene = clean_scene()
    y, x = np.mgrid[:512, :512]
    spot = 1 / (1 + np.exp((np.hypot(y - 180, x - 300) - 64.6) / 4))
    lit = scene * (1 + (times - 1) * spot)
    return psnr(method(reduced(lit, scale)), lit, spot < 0.01)


def fill_value(method: Method, scale: int, fill: float) -> float:
    """Return the PSNR of valid pixels beside thirty rows and ten columns of a fill value."""
    scene = clean_scene()
    image = ((reduced(scene, scale) - 400.0) / SIGNAL).astype(np.float32)
    image[:30], image[:, 50:60] = fill, fill
    filled = image == np.float32(fill)
    return psnr(method(image), (scene - 400) / SIGNAL, distance(filled, scale) > 0, 1)


def overshoot(method: Method, scale: int, low: float, high: float) -> float:
    """Return how far the result of a disc of two values goes beyond them, in steps."""
    y, x = np.mgrid[:96, :96]
    disc = np.where(np.hypot(y - 47.5, x - 48.5) < 25, high, low).astype(np.float32)
    result = method(disc)
    return float(max(low - result.min(), result.max() - high) / (high - low))


CASES = (
    Case("clean", lambda m, s: psnr(m(reduced(clean_scene(), s)), clean_scene(), np.array(True))),
    Case("six hot pixels of 60000: wrong out to", lambda m, s: hot_reach(m, s, 60000), "px"),
    Case("six hot pixels of 4095: wrong out to", lambda m, s: hot_reach(m, s, 4095), "px"),
    Case("1 % of hot pixels, 6 pixels away", many_hot),
    Case("dim beside a spot, 5 times as bright", lambda m, s: beside_spot(m, s, 5)),
    Case("… 20 times", lambda m, s: beside_spot(m, s, 20)),
    Case("… 60 times", lambda m, s: beside_spot(m, s, 60)),
    Case("valid pixels beside −9999", lambda m, s: fill_value(m, s, -9999)),
    Case("… beside −3.4e38", lambda m, s: fill_value(m, s, float(np.finfo(np.float32).min))),
    Case("disc of 0 and 1: overshoot", lambda m, s: overshoot(m, s, 0, 1), "steps"),
    Case("disc of 0.3 and 0.7: overshoot", lambda m, s: overshoot(m, s, 0.3, 0.7), "steps"),
)


def interpolated(scale: int) -> Method:
    """Return bicubic interpolation."""

    def method(image: Array) -> Array:
        tensor = torch.from_numpy(image.astype(np.float32))[None, None]
        return np.asarray(bicubic_up(tensor, scale)[0, 0].numpy())

    return method


def network_alone(model: Model) -> Method:
    """Return the network between the image's percentiles mapped to 0 and 1, and back."""
    network = InferenceGenerator(model.one_channel.network)

    def method(image: Array) -> Array:
        values = image.astype(np.float64)
        low, high = np.percentile(values, (0.1, 99.9))
        seen = ((values - low) / (high - low)).astype(np.float32)
        result = network(torch.from_numpy(seen)[None, None])[0, 0].numpy() * (high - low) + low
        return result.clip(0, 65535) if image.dtype.kind == "u" else np.asarray(result)

    return method


def engine(model: Model) -> Method:
    """Return the engine as it is set."""
    return lambda image: np.asarray(super_resolve(image, model, precision="float32"))


def main() -> None:
    """Print a table for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(card.name for card in list_models()))
    parser.add_argument("--detail", type=float, default=None)
    given = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    bicubic: dict[tuple[str, int], float] = {}
    for name in given.models.split(","):
        model = load_model(name, detail=given.detail)
        scale = model.scale
        print(f"\n| {name} | bicubic | network alone | engine |\n|---|---|---|---|")
        for case in CASES:
            key = case.name, scale
            if key not in bicubic:
                bicubic[key] = case.measure(interpolated(scale), scale)
            alone, now = (case.measure(m(model), scale) for m in (network_alone, engine))
            figures = " | ".join(f"{value:.2f}" for value in (bicubic[key], alone, now))
            print(f"| {case.name} ({case.unit}) | {figures} |", flush=True)


if __name__ == "__main__":
    main()
