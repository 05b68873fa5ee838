"""Phase 1: the generator on a pixel loss (SRResNet of Ledig et al. 2017, section 3.2)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .module import GeneratorModule

LOSSES = {"l1": F.l1_loss, "mse": F.mse_loss}


class FidelityModule(GeneratorModule):
    """A generator trained on the mean absolute or squared difference of pixels."""

    def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> None:
        """Take one step with every optimiser."""
        lr, hr = batch
        optimisers = self.optimizers()
        optimisers = optimisers if isinstance(optimisers, list) else [optimisers]
        factor = self.set_rates(optimisers)
        loss = LOSSES[self.config.loss](self.network(lr).float(), hr)
        self.take_step(loss, optimisers, self.network)
        self.finish_step()
        self.log_dict({"loss": loss.detach(), "rate": factor}, prog_bar=True)
