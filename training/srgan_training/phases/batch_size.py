"""What to do where a step does not fit into the accelerator's memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from ..config import Config
from .base import GeneratorModule


class TooLargeError(MemoryError):
    """The accelerator ran out of memory; says which size of batch fits.

    Parameters
    ----------
    config
        Of the run.
    fits
        The largest batch of those tried that fits, 0 where none does, None where none was tried.
    """

    def __init__(self, config: Config, fits: int | None) -> None:
        what = (
            f"{config.batch} patches of {config.patch} × {config.patch} do not fit into the "
            "accelerator's memory"
        )
        advice = {
            None: "halve the batch (--set batch=…)",
            0: f"not even one does: take smaller patches (--set patch={config.patch // 2})",
        }.get(fits, f"a batch of {fits} does: --set batch={fits}")
        super().__init__(f"{what}; {advice}")
        self.fits = fits


def largest_batch(module: GeneratorModule, fit: Callable[[GeneratorModule], None]) -> int:
    """Return the largest batch with which two steps fit, of halves of the configured one; or 0.

    Parameters
    ----------
    module
        The training that did not fit.
    fit
        Trains a module to its last step.
    """
    batch = module.config.batch // 2
    while batch:
        torch.cuda.empty_cache()
        try:
            # Two, since the optimisers take their memory with the first.
            config = replace(module.config, batch=batch, steps=2, every=2)
            fit(type(module)(config, module.sampler))
            return batch
        except torch.OutOfMemoryError:
            batch //= 2
    return 0
