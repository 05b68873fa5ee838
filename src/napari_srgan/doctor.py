"""System information for bug reports: ``napari-srgan doctor``."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("napari-srgan", "torch", "napari", "numpy", "tifffile", "dask", "zarr", "npe2")


def report() -> Iterator[tuple[str, str]]:
    """Yield names and values: versions, devices, precision and its reason, free memory."""
    import torch

    from .engine.device import available_devices, choose_compute, free_memory
    from .models import list_models, user_folder

    yield "python", f"{platform.python_version()} on {platform.platform()}"
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, "not installed"
    yield "processor", f"{os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}"
    yield "threads", str(torch.get_num_threads())
    for name in available_devices():
        compute = choose_compute(name)
        title = torch.cuda.get_device_name(compute.device) if "cuda" in name else ""
        free = free_memory(compute.device) / 2**30
        yield name, f"{title} {free:.1f} GiB free, {compute.precision}: {compute.reason}".strip()
    if not torch.cuda.is_available():
        built = torch.backends.cuda.is_built()
        why = "no NVIDIA GPU found" if built else "this PyTorch is built for the CPU only"
        yield "cuda", f"not used: {why}"
    yield "models", ", ".join(card.name for card in list_models()) or "none"
    yield "user models", str(user_folder())
