"""Speed beside the usual tile loops, on one network in one process.

Run as ``python -m benchmarks.speed``; ``pip install monai`` adds MONAI's row.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_srgan.engine.device import choose_compute
from napari_srgan.engine.planning import make_plan
from napari_srgan.engine.run import Run
from napari_srgan.models import Model, ModelCard
from napari_srgan.nn.generator import Generator, GeneratorConfig, channels_last_
from napari_srgan.nn.half_precision import set_dtype
from napari_srgan.nn.inference import InferenceGenerator


def flop_per_pixel(network: Generator) -> int:
    """Return the floating point operations of the published network for each LR pixel."""
    total = 0
    grid = 1
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            total += 2 * module.weight.numel() * grid
            if name.startswith("upsample"):
                grid *= 4
    return total


def timed(work: Callable[[], Tensor | None], repeats: int, device: torch.device) -> float:
    """Return the seconds of the fastest of several calls."""
    best = float("inf")
    for _ in range(repeats):
        since = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - since)
    return best


def tile_loop(network: Generator, image: Tensor, tile: int = 256, pad: int = 10) -> Tensor:
    """Go through tiles with a fixed padding that is cut off, as Real-ESRGAN does by default."""
    s = network.config.scale
    n, c, height, width = image.shape
    out = image.new_empty(n, c, s * height, s * width)
    for row in range(ceil(height / tile)):
        for column in range(ceil(width / tile)):
            y0, x0 = row * tile, column * tile
            y1, x1 = min(y0 + tile, height), min(x0 + tile, width)
            top, left = max(0, y0 - pad), max(0, x0 - pad)
            part = image[:, :, top : min(height, y1 + pad), left : min(width, x1 + pad)]
            y, x = s * (y0 - top), s * (x0 - left)
            out[:, :, s * y0 : s * y1, s * x0 : s * x1] = network(part)[
                :, :, y : y + s * (y1 - y0), x : x + s * (x1 - x0)
            ]
    return out


def whole_run(
    model: Model, image: npt.NDArray[Any], device: str, precision: str
) -> Callable[[], None]:
    """Return a function that sends an image through the engine, as a user's run does."""
    plan = make_plan(image, model, device=device, precision=precision)
    run = Run(plan, image)
    out = np.empty(plan.shape, plan.dtype)

    def work() -> None:
        for _ in run.into(out):
            pass

    return work


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="rows and columns of the image")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--tiles", default="64,96,128,160,224,320,512", help="of the bare network")
    options = parser.parse_args()

    compute = choose_compute(options.device)
    device = compute.device
    torch.manual_seed(0)
    network = Generator(GeneratorConfig()).eval().requires_grad_(False)
    model = Model(network, ModelCard("random", network.config))
    flop = flop_per_pixel(network)
    image = np.random.default_rng(0).integers(0, 255, (options.size, options.size, 3), "uint8")
    x = torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).float().div(255).to(device)
    on_device = Generator(network.config).to(device).eval().requires_grad_(False)
    on_device.load_state_dict(network.state_dict())
    print(f"{options.size} × {options.size} RGB on {device}, {torch.get_num_threads()} threads")
    print(f"auto is {compute.precision}: {compute.reason}; {flop / 1e6:.2f} MFLOP per LR pixel\n")

    rows: list[tuple[str, float, float]] = []

    def add(name: str, seconds: float, pixels: int) -> None:
        rows.append((name, seconds * options.size**2 / pixels, pixels * flop / seconds / 1e9))
        print(f"  {name}: {seconds:.2f} s", flush=True)

    with torch.inference_mode():
        whole = options.size**2
        timed(lambda: on_device(x[..., :64, :64]), 1, device)
        add("bare network, whole image, float32", timed(lambda: on_device(x), 1, device), whole)
        add("tile loop, 256, pad 10 (Real-ESRGAN)", timed(
            lambda: tile_loop(on_device, x), options.repeats, device), whole)  # fmt: skip
        if find_spec("monai"):
            from monai.inferers.utils import sliding_window_inference

            def monai() -> Tensor:
                result = sliding_window_inference(
                    x, (256, 256), 1, on_device, overlap=0.25, mode="gaussian"
                )
                assert isinstance(result, Tensor)
                return result

            add("MONAI sliding window, 256, overlap .25", timed(monai, 1, device), whole)
        channels_last_(on_device)

        def square(side: int) -> Tensor:
            return x[..., :side, :side].contiguous(memory_format=torch.channels_last)

        bare = set_dtype(InferenceGenerator(network, None), compute.dtype, compute.dtype).to(device)
        for name, run in (("bare network", on_device), ("rewritten network", bare)):
            precision = "float32" if run is on_device else "auto"
            seconds, side = min(
                (
                    (timed(partial(run, square(n)), options.repeats, device), n)
                    for n in map(int, options.tiles.split(","))
                    if n <= options.size
                ),
                key=lambda found: found[0] / found[1] ** 2,
            )
            add(f"{name}, best tile ({side}), {precision}", seconds, side**2)
    add(
        "napari-srgan, float32",
        timed(whole_run(model, image, options.device, "float32"), options.repeats, device),
        whole,
    )
    add(
        "napari-srgan, auto",
        timed(whole_run(model, image, options.device, "auto"), options.repeats, device),
        whole,
    )

    ours_seconds = rows[-1][1]
    print(f"\n| {options.size} × {options.size} RGB | s | GFLOP/s | napari-srgan auto is |")
    print("|---|---|---|---|")
    for name, seconds, rate in rows:
        print(f"| {name} | {seconds:.2f} | {rate:.0f} | {seconds / ours_seconds:.2f}× as fast |")


if __name__ == "__main__":
    main()
