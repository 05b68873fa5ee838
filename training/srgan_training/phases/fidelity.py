"""Phase 1: the generator on a pixel loss (SRResNet of Ledig et al. 2017, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from .base import GeneratorModule


class FidelityModule(GeneratorModule):
    """A generator trained on the mean absolute or squared difference of pixels.

    With a ``teacher`` in the configuration a share of the loss is measured against what that model
    makes of the same LR, the third part of the batch.
    """

    def training_step(self, batch: tuple[Tensor, ...], number: int) -> None:
        """Take one step with every optimiser."""
        lr, hr, *taught = batch
        optimisers = self.optimizers()
        optimisers = optimisers if isinstance(optimisers, list) else [optimisers]
        factor = self.set_rates(optimisers)
        sr = self.network(lr).float()
        loss = self.pixel_loss(sr, hr)
        for target in taught:
            learnt = self.pixel_loss(sr, hr, target)
            loss = torch.lerp(loss, learnt, self.config.teacher_share)
        self.take_step(loss, optimisers, self.network)
        self.finish_step()
        self.log_dict({"loss": loss.detach(), "rate": factor}, prog_bar=True)
