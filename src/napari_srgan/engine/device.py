"""Choice of the device and of the floating-point precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16", "float16"]
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Compute:
    """Device and precision of the network."""

    device: torch.device
    dtype: torch.dtype
    """dtype of the trunk and of the upsampling"""
    tail_dtype: torch.dtype
    """dtype of the last convolution, which writes the pixels"""
    reason: str
    """reason for this precision, as text for the user"""

    @property
    def precision(self) -> str:
        """Name of the dtype of the trunk."""
        return str(self.dtype).removeprefix("torch.")


def available_devices() -> list[str]:
    """List the allowed values of ``device`` on this machine, fastest first."""
    devices = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def choose_device(device: str = "auto") -> torch.device:
    """Return the device to compute on; ``auto`` takes the fastest one.

    Raises
    ------
    ValueError
        If the device is unknown or not available; the message lists the available ones.
    """
    there = available_devices()
    if device == "auto":
        return torch.device(there[0])
    name = "cuda:0" if device == "cuda" else device
    if name not in there:
        raise ValueError(
            f"device={device!r} is not there; this machine has {', '.join(there)}"
            + ("" if torch.backends.cuda.is_built() else " (this PyTorch is built without CUDA)")
        )
    return torch.device(name)


def choose_compute(
    device: str = "auto", precision: str = "auto", *, eight_bit: bool = True
) -> Compute:
    """Choose the device and the precision.

    Parameters
    ----------
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    precision
        One of `PRECISIONS`. ``auto`` takes half precision if the processor has units for it, else
        float32.
    eight_bit
        Whether the image has at most 256 levels. Otherwise ``auto`` runs the last convolution in
        float32, since bfloat16 resolves about 8 bits: of the 8238 levels of a super-resolved
        uint16 image of the Moon, it lost 654.

    Raises
    ------
    ValueError
        If the device or the precision is unknown or not available.
    """
    where = choose_device(device)
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r}; allowed are {', '.join(PRECISIONS)}")
    if precision != "auto":
        dtype = DTYPES[precision]
        if dtype == torch.float16 and where.type == "cpu":
            raise ValueError("precision='float16' is for GPUs; on a CPU take bfloat16 or float32")
        return Compute(where, dtype, dtype, "as asked for")
    if where.type == "cuda":
        major, _ = torch.cuda.get_device_capability(where)
        if major < 7:
            return _float32(where, "this GPU has no units for half precision")
        half, reason = torch.float16, "this GPU has units for it"
    elif where.type == "cpu" and has_bfloat16_units():
        half, reason = torch.bfloat16, "this processor has units for it"
    elif where.type == "cpu":
        return _float32(where, "this processor has no units for half precision")
    else:
        return _float32(where, "the safe choice on this device")
    return Compute(where, half, half if eight_bit else torch.float32, reason)


def has_bfloat16_units() -> bool:
    """Whether the processor multiplies bfloat16 in hardware: AMX tiles or AVX512-BF16."""
    tests = (
        getattr(torch.cpu, name, None)
        for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    )
    return any(test() for test in tests if test is not None)


def _float32(where: torch.device, reason: str) -> Compute:
    return Compute(where, torch.float32, torch.float32, reason)


def free_memory(device: torch.device) -> int:
    """Return the number of bytes that are free on a device, PyTorch's unused cache included."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + unused)
    return free_ram()


def free_ram() -> int:
    """Return the number of bytes of main memory that are available."""
    import psutil

    return int(psutil.virtual_memory().available)
