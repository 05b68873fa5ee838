"""Which blend of two models is right, with BatchNorm interpolated or folded first.

A model is fine-tuned for a few steps towards sharpened images, as an adversarial loss would drive
it, and blended with where it started, in both ways. The yardstick is the blend whose BatchNorm
statistics are measured anew on data.

Run as ``python -m benchmarks.blending --model general-x4 --data TRAIN --held HELD``.
"""

from __future__ import annotations

import argparse
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_srgan import Model, load_model
from napari_srgan.models.blend import blend
from napari_srgan.nn.generator import Generator
from napari_srgan.nn.inference import InferenceGenerator
from srgan_training.data.patches import Pair, PatchSampler, make_pair
from srgan_training.evaluation.metrics import luma, psnr
from srgan_training.images import find_images, load_images


def sharpened(hr: Tensor) -> Tensor:
    """Return ``hr`` with its fine detail doubled."""
    return 2 * hr - F.avg_pool2d(F.pad(hr, (2, 2, 2, 2), "reflect"), 5, stride=1)


def fine_tune(model: Model, sampler: PatchSampler, steps: int) -> Model:
    """Return the model after ``steps`` steps towards sharpened images."""
    network = deepcopy(model.network).requires_grad_(True).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-4)
    for _ in range(steps):
        lr, hr = sampler.batch(8)
        loss = F.l1_loss(network(lr), sharpened(hr))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Model(network.eval().requires_grad_(False), model.card)


def folded_blend(low: Model, high: Model, detail: float) -> InferenceGenerator:
    """Return the blend of two folded networks."""
    result, other = (InferenceGenerator(m.network) for m in (low, high))
    theirs = other.state_dict()
    result.load_state_dict({k: v.lerp(theirs[k], detail) for k, v in result.state_dict().items()})
    for name in ("slopes", "up_slopes"):
        pairs = zip(getattr(result, name), getattr(other, name), strict=True)
        setattr(result, name, [a + detail * (b - a) for a, b in pairs])
    result.head_slope += detail * (other.head_slope - result.head_slope)
    return result


@torch.no_grad()
def measured_anew(network: Generator, sampler: PatchSampler, batches: int = 24) -> Generator:
    """Return the network with BatchNorm statistics measured on patches."""
    network = deepcopy(network).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    for _ in range(batches):
        network(sampler.batch(16)[0])
    return network.eval()


@torch.inference_mode()
def results(network: nn.Module, pairs: list[Pair]) -> list[Tensor]:
    """Return what a network makes of every LR image."""
    return [network(torch.from_numpy(pair.lr[None].copy()))[0] for pair in pairs]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="general-x4")
    parser.add_argument("--data", type=Path, required=True, help="folder of training images")
    parser.add_argument("--held", type=Path, required=True, help="folder of images to compare on")
    parser.add_argument("--steps", type=int, default=120)
    options = parser.parse_args()

    low = load_model(options.model)
    folders = ((options.data, 40), (options.held, 8))
    train, held = (
        [make_pair(i.as_channels(low.channels), low.scale) for i in load_images(paths[:most])]
        for paths, most in ((find_images(folder), most) for folder, most in folders)
    )
    sampler = PatchSampler([train], [1], scale=low.scale)
    high = fine_tune(low, sampler, options.steps)
    print("| detail | blend | Y PSNR dB | RMS distance from statistics measured anew, % of range |")
    print("|---|---|---|---|")
    for detail in (0.25, 0.5, 0.75):
        plain = blend(low, high, detail)
        yardstick = results(measured_anew(plain.network, sampler), held)
        for name, network in (
            ("BatchNorm interpolated", plain.network),
            ("folded, then interpolated", folded_blend(low, high, detail)),
        ):
            found = results(network, held)
            quality = np.mean(
                [
                    psnr(luma(a.numpy()), luma(pair.hr), border=low.scale)
                    for a, pair in zip(found, held, strict=True)
                ]
            )
            distance = np.mean(
                [float((a - b).square().mean()) for a, b in zip(found, yardstick, strict=True)]
            )
            print(f"| {detail} | {name} | {quality:.2f} | {100 * distance**0.5:.3f} |", flush=True)


if __name__ == "__main__":
    main()
