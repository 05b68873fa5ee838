"""Phase 1: the generator on a pixel loss (SRResNet of Ledig et al. 2017, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_srgan.models import load_model
from napari_srgan.nn.inference import InferenceGenerator

from .config import Config
from .module import GeneratorModule
from .patches import PatchSampler, StoredPair


class FidelityModule(GeneratorModule):
    """A generator trained on the mean absolute or squared difference of pixels.

    With a ``teacher`` in the configuration a share of the loss is measured against what that model
    makes of the same LR patch.
    """

    def __init__(
        self, config: Config, sampler: PatchSampler, validation: Sequence[StoredPair] = ()
    ) -> None:
        super().__init__(config, sampler, validation)
        # In a list, so that its weights, which never change, are not in every checkpoint.
        self.teacher: list[InferenceGenerator] = []
        if config.teacher is not None:
            self.teacher.append(load_teacher(config))

    def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> None:
        """Take one step with every optimiser."""
        lr, hr = batch
        optimisers = self.optimizers()
        optimisers = optimisers if isinstance(optimisers, list) else [optimisers]
        factor = self.set_rates(optimisers)
        sr = self.network(lr).float()
        loss = self.pixel_loss(sr, hr)
        for teacher in self.teacher:
            taught = teacher.to(lr.device)(lr)
            loss = torch.lerp(loss, self.pixel_loss(sr, taught.clone()), self.config.teacher_share)
        self.take_step(loss, optimisers, self.network)
        self.finish_step()
        self.log_dict({"loss": loss.detach(), "rate": factor}, prog_bar=True)


def load_teacher(config: Config) -> InferenceGenerator:
    """Return the network of a configuration's teacher.

    Raises
    ------
    ValueError
        If its scale or its channels are others than those of what is trained.
    """
    assert config.teacher is not None
    model = load_model(config.teacher)
    if (model.scale, model.channels) != (config.scale, config.channels):
        raise ValueError(
            f"the teacher {config.teacher} is ×{model.scale} with {model.channels} channels; "
            f"{config.name} is ×{config.scale} with {config.channels}"
        )
    return InferenceGenerator(model.network)
