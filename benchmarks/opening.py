"""How soon a file of 20 GB is seen in napari, and how much memory that takes.

Run as ``xvfb-run -a python -m benchmarks.opening`` on a machine without a screen. Each file, of
which hardly anything takes space on the disk, is opened in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

SIDE = 100_352
"""pixels along each side, of two bytes"""
CHUNK = 512
LONGER = 20.0
"""seconds during which memory is watched after the first picture"""


def make_flat(path: Path) -> None:
    """Write a BigTIFF in one piece."""
    tifffile.imwrite(path, shape=(SIDE, SIDE), dtype="uint16", bigtiff=True)


def make_tiled(path: Path) -> None:
    """Write a compressed BigTIFF whose tiles are all absent."""

    def absent() -> Iterator[bytes]:
        for _ in range((SIDE // CHUNK) ** 2):
            yield b""

    tifffile.imwrite(
        path,
        absent(),
        shape=(SIDE, SIDE),
        dtype="uint16",
        tile=(CHUNK, CHUNK),
        compression="zlib",
        bigtiff=True,
    )


def make_zarr(path: Path) -> None:
    """Write an OME-Zarr of one level, some of whose chunks are there."""
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    array = group.create_array("0", shape=(SIDE, SIDE), chunks=(CHUNK, CHUNK), dtype="uint16")
    noise = np.random.default_rng(0).integers(0, 4096, (CHUNK, CHUNK), "uint16")
    for place in range(0, SIDE, SIDE // 8):
        at = place // CHUNK * CHUNK
        array[at : at + CHUNK, at : at + CHUNK] = noise
    axes: Any = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scale = [{"type": "scale", "scale": [0.5, 0.5]}]
    level: Any = {"path": "0", "coordinateTransformations": scale}
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [level]}]


def make_small(path: Path) -> None:
    """Write an image of 64 × 64, of which all time is that of imports and of napari itself."""
    tifffile.imwrite(path, np.zeros((64, 64), "uint16"))


MADE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "small TIFF": ("small.tif", make_small),
    "BigTIFF, in one piece": ("flat.tif", make_flat),
    "BigTIFF, tiled and compressed": ("tiled.tif", make_tiled),
    "OME-Zarr": ("image.zarr", make_zarr),
}


def measure(name: str) -> None:
    """Open a file and print seconds to the first picture and the peak of memory."""
    import napari
    from qtpy.QtWidgets import QApplication

    file, make = MADE[name]
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder) / file)
        viewer = napari.Viewer(show_welcome_screen=False)
        viewer.window.resize(1280, 800)
        settle = time.perf_counter() + 1
        while time.perf_counter() < settle:
            QApplication.processEvents()
        since = time.perf_counter()
        viewer.open(str(Path(folder) / file), plugin="napari-srgan")
        viewer.screenshot(flash=False)
        seconds = time.perf_counter() - since
        while time.perf_counter() - since < LONGER:
            QApplication.processEvents()
            time.sleep(0.01)
        layers = len(viewer.layers)
        viewer.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"| {name} | {seconds:.2f} | {peak:.2f} | {layers} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", choices=MADE, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.one)
        return
    print(f"| opened | s to the first picture | peak memory in {LONGER:.0f} s, GiB | layers |")
    print("|---|---|---|---|", flush=True)
    for name in MADE:
        subprocess.run([sys.executable, "-m", "benchmarks.opening", "--one", name], check=True)


if __name__ == "__main__":
    main()
