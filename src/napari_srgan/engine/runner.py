"""Runs a network on batches of windows, on whatever device there is."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..nn import generator as networks
from ..nn.inference import STRIP_PIXELS, InferenceGenerator
from .consistency import back_project
from .device import Compute
from .exact import exactly, whole_float32

SLACK = 1.08
"""memory that is taken for each byte that is asked for"""

Windows = npt.NDArray[np.float32]
Pending = Callable[[], Windows]


_corrections: WeakKeyDictionary[networks.Generator, dict[tuple[Any, ...], Tensor]]
_corrections = WeakKeyDictionary()
"""what half precision needs to keep the levels of float32, of the networks that have run"""


class Runner:
    """A network made ready for one device and precision.

    Parameters
    ----------
    network
        The generator; it is not changed.
    compute
        Device and precision.
    consistency
        Steps of back-projection.
    limits
        What `back_project` keeps to.

    Notes
    -----
    On a GPU, copies go through pinned memory on a stream of their own: the windows of a batch
    travel while the one before is computed, and so does its result back. A window for which half
    precision overflows is computed again in float32.
    """

    def __init__(
        self,
        network: networks.Generator,
        compute: Compute,
        consistency: int = 0,
        limits: tuple[float, float] | None = None,
    ) -> None:
        self.source, self.compute = network, compute
        self.consistency, self.limits = consistency, limits
        self.network = self._prepare(compute.dtype, compute.tail_dtype)
        self.copies = torch.cuda.Stream(compute.device) if self.on_cuda else None

    def _prepare(self, dtype: torch.dtype, tail: torch.dtype) -> InferenceGenerator:
        ready = InferenceGenerator(self.source)
        if self.on_cuda:
            ready.strip = None
        ready.set_dtype(dtype, tail).to(self.compute.device)
        if dtype == torch.float32:
            return ready
        known = _corrections.setdefault(self.source, {})
        kind = (dtype, tail, self.compute.device)
        if kind not in known:
            exact = self._float32_network
            with whole_float32():
                known[kind] = ready.measure_correction(exact)
        return ready.correct(known[kind])

    @property
    def on_cuda(self) -> bool:
        """Whether an NVIDIA or AMD GPU does the work."""
        return self.compute.device.type == "cuda"

    def start(self, windows: Windows) -> Generator[float, None, Pending]:
        """Compute ``(N, C, H, W)``, yielding the part of the work done.

        What is returned gives the result, ``(N, C, scale·H, scale·W)`` float32, when it is called;
        on a GPU that waits until it is there. In memory the channels may come last.
        """
        x = self._send(torch.from_numpy(windows))
        y = yield from exactly(self.network.stages(x))
        with torch.inference_mode():
            y = self._consistent(y, x)
        fetch = self._fetch(y)

        def finish() -> Windows:
            result = fetch()
            if self.compute.dtype != torch.float32 and not np.isfinite(result).all():
                result = self._in_float32(windows)
            return result

        return finish

    @cached_property
    def _float32_network(self) -> InferenceGenerator:
        return self._prepare(torch.float32, torch.float32)

    def _in_float32(self, windows: Windows) -> Windows:
        x = self._send(torch.from_numpy(windows))
        with torch.inference_mode(), whole_float32():
            y = self._consistent(self._float32_network(x), x)
        return self._fetch(y)()

    def _consistent(self, y: Tensor, x: Tensor) -> Tensor:
        return back_project(y, x, self.source.config.scale, self.consistency, self.limits)

    def _send(self, x: Tensor) -> Tensor:
        if self.copies is None:
            return x.to(self.compute.device)
        here = torch.cuda.current_stream(self.compute.device)
        with torch.cuda.stream(self.copies):
            x = x.pin_memory().to(self.compute.device, non_blocking=True)
        here.wait_stream(self.copies)
        x.record_stream(here)
        return x

    def _fetch(self, y: Tensor) -> Callable[[], npt.NDArray[Any]]:
        if self.copies is None:
            return lambda: y.cpu().numpy()
        host = torch.empty(y.shape, dtype=y.dtype, pin_memory=True)
        self.copies.wait_stream(torch.cuda.current_stream(self.compute.device))
        with torch.cuda.stream(self.copies):
            host.copy_(y, non_blocking=True)
            y.record_stream(self.copies)
            done = self.copies.record_event()

        def wait() -> npt.NDArray[Any]:
            done.synchronize()
            return host.numpy()

        return wait


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device, or the machine, has no memory left."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def is_device_error(error: BaseException) -> bool:
    """Whether an error says that a GPU failed: unplugged, reset, or its driver gone."""
    lost = getattr(torch, "AcceleratorError", ())
    return isinstance(error, lost) or "CUDA error" in str(error)


def working_bytes(
    network: networks.Generator, compute: Compute, pixels: int, consistency: int = 0
) -> int:
    """Return the memory that a batch of windows of ``pixels`` LR pixels needs, without the model.

    It is the most of three phases: three feature maps of the trunk; its last one with the pixels
    and the features at their size, on a CPU of one strip only; and the pixels, four times
    in float32 while they are mapped back and written, six times with back-projection.
    """
    config = network.config
    maps = config.features * torch.empty((), dtype=compute.dtype).element_size()
    tail = config.features * torch.empty((), dtype=compute.tail_dtype).element_size()
    out = config.channels * config.scale**2 * 4
    # What the stages before each shuffle give, and a copy of it where the tail's numbers differ.
    full = sum(4 ** (i + 1) for i in range(len(network.upsample))) * maps
    if tail != maps:
        full += (config.scale**2 if len(network.upsample) else 1) * tail
    on_cpu = compute.device.type == "cpu"
    strip = min(pixels, STRIP_PIXELS) if on_cpu else pixels
    phases = (
        3 * maps * pixels,
        (maps + out) * pixels + full * strip,
        (6 if consistency else 4) * out * pixels,
    )
    return round(SLACK * float(max(phases)))
