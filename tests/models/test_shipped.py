"""The models that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
import torch
from torch.nn import functional

from napari_srgan import load_model, super_resolve
from napari_srgan.engine.device import Precision
from napari_srgan.models.file import read_card
from napari_srgan.models.registry import SHIPPED
from napari_srgan.nn.half_precision import correct, measure_correction, seeded, set_dtype
from napari_srgan.nn.inference import InferenceGenerator
from napari_srgan.nn.resample import bicubic_down, bicubic_up
from srgan_training.evaluation.metrics import psnr
from srgan_training.evaluation.spectrum import checkerboard

pytestmark = pytest.mark.slow

FILES = sorted(SHIPPED.glob("*.safetensors"))
FAITHFUL = [path for path in FILES if "adversarial" not in path.stem]

shipped = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
faithful = pytest.mark.parametrize("path", FAITHFUL, ids=lambda path: path.stem)


def hr_of(channels: int) -> npt.NDArray[Any]:
    """Return a photograph ``(256, 256)`` or ``(256, 256, 3)`` that no model was trained on."""
    if channels == 1:
        return np.asarray(skimage.data.camera()[60:316, 100:356])
    return np.asarray(skimage.data.astronaut()[:256, 100:356])


def resampled(image: npt.NDArray[Any], scale: float) -> npt.NDArray[Any]:
    """Reduce or enlarge 8-bit pixels by bicubic."""
    planes = torch.from_numpy(np.atleast_3d(image).transpose(2, 0, 1)[None].astype(np.float32))
    done = bicubic_up(planes, int(scale)) if scale > 1 else bicubic_down(planes, round(1 / scale))
    pixels = np.clip(np.rint(done[0].numpy().transpose(1, 2, 0)), 0, 255).astype("uint8")
    return np.asarray(pixels.reshape(*pixels.shape[:2], *image.shape[2:]))


def reduced_and_back(
    path: Path,
) -> tuple[int, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return a model's scale, a photograph, its LR and what the model makes of that."""
    model = load_model(path)
    hr = hr_of(model.channels)
    lr = resampled(hr, 1 / model.scale)
    axes = "YX" if model.channels == 1 else "YXS"
    return model.scale, hr, lr, super_resolve(lr, model, axes=axes, precision="float32")


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in FILES) < 40 * 2**20


def multiplications(name: str) -> int:
    """Return how many multiplications the convolutions of a model take for an 8 × 8 image."""
    model = load_model(name)
    counts = []

    def count(layer: torch.nn.Module, _: object, out: torch.Tensor) -> None:
        assert isinstance(layer, torch.nn.Conv2d)
        counts.append(layer.weight.numel() * out.shape[2] * out.shape[3])

    layers = [m for m in model.network.modules() if isinstance(m, torch.nn.Conv2d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    model.network(torch.zeros(1, model.channels, 8, 8))
    for hook in hooks:
        hook.remove()
    return sum(counts)


@pytest.mark.parametrize("scale", [2, 4])
def test_fast_models_do_an_eighth_of_the_work(scale: int) -> None:
    assert 8 * multiplications(f"fast-x{scale}") < multiplications(f"general-x{scale}")


@shipped
def test_a_card_says_what_a_model_is_and_what_was_measured(path: Path) -> None:
    card = read_card(path)
    assert path.stem == card.name + ("-adversarial" if card.end == "adversarial" else "")
    assert card.name.endswith(f"-x{card.scale}")
    for text in (card.description, card.trained_on, card.data_licence, card.command):
        assert len(text) > 20
    assert card.domains
    assert {"psnr", "ssim"} == set(next(iter(card.figures.values())))


@shipped
def test_both_ends_of_a_model_are_of_one_architecture(path: Path) -> None:
    name = read_card(path).name
    other = [file for file in FILES if read_card(file).name == name]
    assert len({read_card(file).config for file in other}) == 1


@faithful
def test_it_comes_closer_to_the_original_than_bicubic(path: Path) -> None:
    scale, hr, lr, finer = reduced_and_back(path)
    ours, theirs = (
        psnr(image.T.astype(float), hr.T.astype(float), border=scale)
        for image in (finer, resampled(lr, scale))
    )
    assert ours > theirs + 0.5


@shipped
@pytest.mark.parametrize("level", [3, 128, 250])
@pytest.mark.parametrize(("precision", "most"), [("float32", 1), ("bfloat16", 3)])
def test_flat_stays_flat_and_as_bright_as_it_was(
    path: Path, level: int, precision: Precision, most: int
) -> None:
    model = load_model(path)
    colour = model.channels == 3
    flat = np.full((80, 80, 3) if colour else (80, 80), level, "uint8")
    finer = super_resolve(flat, model, axes="YXS" if colour else "YX", precision=precision)
    off = np.abs(finer.astype(float) - level)
    assert off.max() <= 6  # at the image's border
    assert (off > 3).mean() < 2e-4
    assert off[60:-60, 60:-60].max(initial=0) <= most


@shipped
def test_half_precision_keeps_the_mean_of_each_channel(path: Path) -> None:
    model = load_model(path)
    lr = resampled(hr_of(model.channels), 1 / model.scale)
    axes = "YX" if model.channels == 1 else "YXS"
    exact, half = (
        super_resolve(lr, model, axes=axes, precision=precision).mean((0, 1), dtype=float)
        for precision in ("float32", "bfloat16")
    )
    assert np.abs(half - exact).max() < 0.0005 * 255


@shipped
def test_no_grid_of_the_pixel_shuffle_stands_out(path: Path) -> None:
    scale, hr, _, finer = reduced_and_back(path)
    a, b = (np.atleast_3d(x).mean(-1) for x in (finer, hr))
    assert checkerboard(a, b, scale) < 3


@pytest.mark.parametrize("name", ["gray-x2", "gray-x4", "medical-x4"])
def test_half_precision_rounds_no_sub_pixel_of_a_dark_image_its_own_way(name: str) -> None:
    network = load_model(name).network
    exact = InferenceGenerator(network)
    half = set_dtype(InferenceGenerator(network), torch.bfloat16, torch.bfloat16)
    correct(half, measure_correction(half, exact))
    levels = 5 + 25 * torch.rand((1, 1, 10, 10), generator=seeded())
    dark = functional.interpolate(levels, scale_factor=10, mode="bilinear").round()

    def means(network: InferenceGenerator) -> torch.Tensor:
        rounded = (255 * network(dark / 255)).round()
        return functional.pixel_unshuffle(rounded, 2).mean((0, 2, 3))

    shift = 0.01 * torch.tensor([1.0, -1, -1, 1])
    correct(half, torch.stack([torch.ones(4), shift / 255]))
    assert float((means(half) - means(exact) - shift).abs().max()) < 0.06
