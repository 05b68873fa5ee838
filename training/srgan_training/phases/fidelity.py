"""Phase 1: generator trained on a pixel loss (SRResNet, Ledig et al. 2017, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from .base import GeneratorModule


class FidelityModule(GeneratorModule):
    """Fidelity phase: a generator trained on the mean absolute or mean squared error.

    With a teacher, the loss is a weighted mean of those against HR and against the SR image of the
    teacher, which is the third tensor of the batch.
    """

    def training_step(self, batch: tuple[Tensor, ...], number: int) -> None:
        """Update the generator."""
        lr, hr, *teacher_sr = batch
        optimisers = self.optimizers()
        optimisers = optimisers if isinstance(optimisers, list) else [optimisers]
        factor = self.set_learning_rates(optimisers)
        sr = self.network(lr).float()
        loss = self.pixel_loss(sr, hr)
        for target in teacher_sr:
            teacher_loss = self.pixel_loss(sr, hr, target)
            loss = torch.lerp(loss, teacher_loss, self.config.teacher_share)
        self.take_step(loss, optimisers, self.network)
        self.finish_step()
        self.log_dict({"loss": loss.detach(), "rate": factor}, prog_bar=True)
