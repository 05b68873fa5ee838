"""How fast a training goes, and whether it waits for its data."""

from __future__ import annotations

import time
from typing import Any

import lightning as L
import rich
from lightning.pytorch.callbacks import Callback

STARVING = 0.1
"""share of the time spent waiting from which on more workers are advised"""


class Speed(Callback):
    """Measures steps per second and how much of the time the network waits for patches.

    Parameters
    ----------
    tell
        Whether to print both at the end.
    """

    def __init__(self, *, tell: bool = False) -> None:
        self.tell = tell
        self.steps = 0
        self.waiting = self.working = 0.0
        self._since = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Begin to wait for the first batch."""
        self._since = time.perf_counter()

    def on_train_batch_start(
        self, trainer: L.Trainer, module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Take the time since the last step as waiting."""
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
        """Count a step."""
        now = time.perf_counter()
        self.working += now - self._since
        self.steps += 1
        self._since = now

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Log the figures."""
        module.log("steps_per_second", self.steps_per_second)
        module.log("waiting", self.share_of_waiting)

    def on_train_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Print the figures."""
        if self.tell and trainer.is_global_zero:
            rich.print(self.sentence)

    @property
    def sentence(self) -> str:
        """Say both figures, and what helps where the network starves."""
        text = (
            f"{self.steps_per_second:.2f} steps/s; the network waited for patches in "
            f"{self.share_of_waiting:.1%} of the time"
        )
        advice = "; more workers help: --set workers=4"
        return text + advice if self.share_of_waiting > STARVING else text

    @property
    def steps_per_second(self) -> float:
        """Steps a second, waiting included."""
        return self.steps / max(self.waiting + self.working, 1e-9)

    @property
    def share_of_waiting(self) -> float:
        """Part of the time in which the network waited for patches."""
        return self.waiting / max(self.waiting + self.working, 1e-9)
