"""Memory and time of large uint16 arrays from zarr to zarr, through a small network.

Run as ``python -m benchmarks.memory``; every size runs in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr

from napari_srgan.engine.planning import make_plan
from napari_srgan.engine.run import Run
from napari_srgan.models import Model, ModelCard
from napari_srgan.nn.generator import Generator, GeneratorConfig
from napari_srgan.result_storage import create_zarr


def make_source(path: Path, side: int) -> zarr.Array[Any]:
    """Write a square zarr array of noise, chunk by chunk."""
    source = zarr.create_array(
        store=str(path), shape=(side, side), chunks=(512, 512), dtype="uint16"
    )
    rng = np.random.default_rng(0)
    for y in range(0, side, 512):
        for x in range(0, side, 512):
            source[y : y + 512, x : x + 512] = rng.integers(0, 4096, (512, 512), "uint16")
    return source


def measure(side: int, folder: Path) -> None:
    """Super-resolve an array of ``side`` × ``side`` and print seconds and the peak of memory."""
    torch.manual_seed(0)
    network = Generator(GeneratorConfig(1, 4, 8, 2)).eval()
    model = Model(network, ModelCard("small", network.config))
    source = make_source(folder / "source.zarr", side)
    since = time.perf_counter()
    plan = make_plan(source, model)
    out = create_zarr(plan, folder / "result.zarr")
    for _ in Run(plan, source).into(out):
        pass
    seconds = time.perf_counter() - since
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rate = side**2 / seconds / 1e6
    print(f"| {side} × {side} | {seconds:.1f} | {rate:.2f} | {peak:.2f} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="2048,4096,8192")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        with tempfile.TemporaryDirectory() as folder:
            measure(options.one, Path(folder))
        return
    print(
        "| uint16, zarr to zarr, ×4 | s | LR megapixels/s | peak memory, GiB |\n|---|---|---|---|"
    )
    for side in options.sizes.split(","):
        subprocess.run([sys.executable, "-m", "benchmarks.memory", "--one", side], check=True)


if __name__ == "__main__":
    main()
