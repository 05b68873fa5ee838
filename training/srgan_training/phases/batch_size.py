"""Search for the batch size that fits into the memory of the accelerator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from ..config import Config
from .base import GeneratorModule


class TooLargeError(MemoryError):
    """Error for exhausted accelerator memory that suggests a batch size.

    Parameters
    ----------
    config
        Configuration of the run.
    fits
        Largest tested batch size that fits, 0 if none does, None if none was tested.
    """

    def __init__(self, config: Config, fits: int | None) -> None:
        problem = (
            f"{config.batch} patches of {config.patch} × {config.patch} do not fit into the "
            "accelerator's memory"
        )
        advice = {
            None: "halve the batch (--set batch=…)",
            0: f"not even one does: take smaller patches (--set patch={config.patch // 2})",
        }.get(fits, f"a batch of {fits} does: --set batch={fits}")
        super().__init__(f"{problem}; {advice}")
        self.fits = fits


def largest_batch(module: GeneratorModule, fit: Callable[[GeneratorModule], None]) -> int:
    """Return the largest batch size for which two steps fit, found by halving; 0 if none fits.

    Parameters
    ----------
    module
        Module whose batch does not fit.
    fit
        Function that trains a module to its last step.
    """
    batch = module.config.batch // 2
    while batch:
        torch.cuda.empty_cache()
        try:
            # Optimisers allocate their state in the first step, so that the second one needs more.
            config = replace(module.config, batch=batch, steps=2, every=2)
            fit(type(module)(config, module.sampler))
            return batch
        except torch.OutOfMemoryError:
            batch //= 2
    return 0
