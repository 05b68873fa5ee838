"""Measurement of training throughput and of the time spent waiting for data."""

from __future__ import annotations

import time
from typing import Any

import lightning as L
import rich
from lightning.pytorch.callbacks import Callback

MAX_WAITING = 0.1
"""fraction of waiting time above which more workers are suggested"""


class Speed(Callback):
    """Callback that measures steps per second and the fraction of time spent waiting for patches.

    Parameters
    ----------
    tell
        Whether to print both values at the end.
    """

    def __init__(self, *, verbose: bool = False) -> None:
        self.verbose = verbose
        self.steps = 0
        self.waiting = self.working = 0.0
        self._since = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Start timing the wait for the first batch."""
        self._since = time.perf_counter()

    def on_train_batch_start(
        self, trainer: L.Trainer, module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Add the time since the last step to the waiting time."""
        now = time.perf_counter()
        self.waiting += now - self._since
        self._since = now

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count a step and add its time to the working time."""
        now = time.perf_counter()
        self.working += now - self._since
        self.steps += 1
        self._since = now

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Log both values."""
        module.log("steps_per_second", self.steps_per_second)
        module.log("waiting", self.waiting_fraction)

    def on_train_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Print the summary."""
        if self.verbose and trainer.is_global_zero:
            rich.print(self.summary)

    @property
    def summary(self) -> str:
        """Both values as text, with advice if the waiting fraction is high."""
        text = (
            f"{self.steps_per_second:.2f} steps/s; the network waited for patches in "
            f"{self.waiting_fraction:.1%} of the time"
        )
        advice = "; more workers help: --set workers=4"
        return text + advice if self.waiting_fraction > MAX_WAITING else text

    @property
    def steps_per_second(self) -> float:
        """Steps per second, including waiting time."""
        return self.steps / max(self.waiting + self.working, 1e-9)

    @property
    def waiting_fraction(self) -> float:
        """Fraction of the time spent waiting for patches."""
        return self.waiting / max(self.waiting + self.working, 1e-9)
