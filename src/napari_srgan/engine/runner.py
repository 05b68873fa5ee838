"""Run a network on batches of windows on a CPU or GPU."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..nn import generator as networks
from ..nn.half_precision import correct, measure_correction, set_dtype
from ..nn.inference import STRIP_PIXELS, InferenceGenerator, share_of
from ..nn.resample import bilinear_up
from .consistency import back_project
from .device import Compute
from .exact import exactly, whole_float32
from .exposures import Inner, merge_
from .overshoot import limit_overshoot_
from .progress import finish
from .window import Values, Window

ALLOCATION_OVERHEAD = 1.08
"""ratio of memory allocated to memory requested"""

Pending = Callable[[], Values]
"""waits for results and returns them"""

_corrections: WeakKeyDictionary[networks.Generator, dict[tuple[Any, ...], Tensor]]
_corrections = WeakKeyDictionary()
"""cached half-precision corrections of `measure_correction`, for each network"""


class Runner:
    """Network prepared for one device and precision.

    Parameters
    ----------
    network
        The generator; it is not modified.
    compute
        Device and precision.
    consistency
        Number of back-projection steps.
    limits
        Value limits for `back_project`.
    limited
        Whether overshoot is limited.

    Notes
    -----
    On a GPU, copies use pinned memory and a separate stream, so that transfers of one batch
    overlap with the computation of another. Windows that overflow in half precision are computed
    again in float32.
    """

    def __init__(
        self,
        network: networks.Generator,
        compute: Compute,
        consistency: int = 0,
        limits: tuple[float, float] | None = None,
        *,
        limited: bool = True,
    ) -> None:
        self.source, self.compute = network, compute
        self.consistency, self.limits, self.limited = consistency, limits, limited
        self.network = self._prepare(compute.dtype, compute.tail_dtype)
        self.copies = torch.cuda.Stream(compute.device) if self.on_cuda else None

    def _prepare(self, dtype: torch.dtype, tail: torch.dtype) -> InferenceGenerator:
        ready = InferenceGenerator(self.source)
        if self.on_cuda:
            ready.strip = None
        set_dtype(ready, dtype, tail).to(self.compute.device)
        if dtype == torch.float32:
            return ready
        known = _corrections.setdefault(self.source, {})
        kind = (dtype, tail, self.compute.device)
        if kind not in known:
            exact = self._float32_network
            with whole_float32():
                known[kind] = measure_correction(ready, exact)
        return correct(ready, known[kind])

    @property
    def on_cuda(self) -> bool:
        """Whether the device is an NVIDIA or AMD GPU."""
        return self.compute.device.type == "cuda"

    def start(self, windows: Sequence[Window]) -> Generator[float, None, Pending]:
        """Start computing windows of equal shape and yield the fraction of the work done.

        Returns
        -------
        callable
            Waits for the results and returns them: ``(N, C, scale·H, scale·W)`` float32, whose
            memory format may be channels-last.
        """
        y = yield from self._compute(windows, self.network)
        fetch = self._download(y)

        def result_of() -> Values:
            result = fetch()
            if self.compute.dtype != torch.float32 and not np.isfinite(result).all():
                result = self._in_float32(windows)
            return result

        return result_of

    @cached_property
    def _float32_network(self) -> InferenceGenerator:
        return self._prepare(torch.float32, torch.float32)

    def _in_float32(self, windows: Sequence[Window]) -> Values:
        return self._download(finish(self._compute(windows, self._float32_network)))()

    def _compute(
        self, windows: Sequence[Window], network: InferenceGenerator
    ) -> Generator[float, None, Tensor]:
        """Run all stages on windows: network, limits, exposures, outliers, back-projection.

        Each required exposure goes through the network and its overshoot is limited; exposures are
        merged; the excess of outliers is interpolated and added; the sum is back-projected.
        """
        shown = [_exposures(window) for window in windows]
        # All first exposures go through the network before the second ones.
        firsts = [i for i, each in enumerate(shown) if each.first]
        seconds = [i for i, each in enumerate(shown) if each.second is not None]
        total = len(firsts) + len(seconds)
        x = self._upload(torch.from_numpy(np.stack([window.seen for window in windows])))
        scale = self.source.config.scale
        y: Tensor | None = None
        if firsts:
            chosen = x if len(firsts) == len(windows) else x[firsts]
            y = yield from share_of(self._apply_network(network, chosen), 0, len(firsts) / total)
        if len(firsts) < len(windows):
            # Windows that only need the second exposure keep zeros here.
            with torch.inference_mode():
                n, c, height, width = x.shape
                room = torch.zeros((n, c, scale * height, scale * width), device=x.device)
                if y is not None:
                    room[firsts] = y
                y = room
        assert y is not None
        if seconds:
            dim = np.stack([cast("Values", shown[i].second) for i in seconds])
            inner = yield from share_of(
                self._apply_network(network, self._upload(torch.from_numpy(dim))),
                len(firsts) / total,
                len(seconds) / total,
            )
            with torch.inference_mode():
                for at, i in enumerate(seconds):
                    weight = torch.from_numpy(cast("Values", shown[i].weight)).to(y.device)
                    merge_(y[i], inner[at], weight, cast("Inner", windows[i].inner), scale)
        with torch.inference_mode():
            outlying = [i for i, window in enumerate(windows) if window.excess is not None]
            for i in outlying:
                excess = torch.from_numpy(cast("Values", windows[i].excess)).to(y.device)
                y[i] += bilinear_up(excess[None], scale)[0]
                x[i] += excess
            return back_project(y, x, scale, self.consistency, self.limits)

    def _apply_network(
        self, network: InferenceGenerator, x: Tensor
    ) -> Generator[float, None, Tensor]:
        y = yield from exactly(network.stages(x))
        if not self.limited:
            return y
        with torch.inference_mode():
            return limit_overshoot_(y, x, self.source.config.scale)

    def _upload(self, x: Tensor) -> Tensor:
        if self.copies is None:
            return x.to(self.compute.device)
        here = torch.cuda.current_stream(self.compute.device)
        with torch.cuda.stream(self.copies):
            x = x.pin_memory().to(self.compute.device, non_blocking=True)
        here.wait_stream(self.copies)
        x.record_stream(here)
        return x

    def _download(self, y: Tensor) -> Callable[[], npt.NDArray[Any]]:
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


@dataclass(frozen=True)
class _Exposures:
    """Exposures of a window that go through the network."""

    first: bool = True
    """whether the exposure of the whole range is needed"""
    second: Values | None = None
    """the exposure of the inner range, if it is needed"""
    weight: Values | None = None
    """weight of the first exposure"""


def _exposures(window: Window) -> _Exposures:
    if window.inner is None:
        return _Exposures()
    weight = window.inner.weight(window.seen)
    if (weight == 1).all():
        return _Exposures()
    return _Exposures(bool((weight > 0).any()), window.inner.expose(window.seen), weight)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device or the machine has run out of memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def is_device_error(error: BaseException) -> bool:
    """Whether an error means that a GPU has failed: unplugged, reset or without its driver."""
    lost = getattr(torch, "AcceleratorError", ())
    return isinstance(error, lost) or "CUDA error" in str(error)


def working_bytes(
    network: networks.Generator, compute: Compute, pixels: int, consistency: int = 0
) -> int:
    """Return the bytes that a batch of windows of ``pixels`` LR pixels needs, without the model.

    It is the maximum of three phases: three feature maps of the trunk; one of them with the output
    and the upsampled features (on a CPU, of one strip only); and four copies of the output in
    float32 while it is mapped back and written, or six with back-projection.
    """
    config = network.config
    maps = config.features * torch.empty((), dtype=compute.dtype).element_size()
    tail = config.features * torch.empty((), dtype=compute.tail_dtype).element_size()
    out = config.channels * config.scale**2 * 4
    # Outputs of the convolutions before each shuffle, and a copy if the tail has another dtype.
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
    return round(ALLOCATION_OVERHEAD * float(max(phases)))
