"""Phase 2: adversarial training with a discriminator (SRGAN, Ledig et al. 2017, section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_srgan.nn.generator import channels_last_

from ..config import Adversarial, Config
from ..data.patches import PatchSampler, StoredPair
from ..losses.content import FeatureMatching, VGGContent
from ..losses.gan import discriminator_loss, generator_loss, ramp
from ..networks.discriminator import Discriminator
from .base import GeneratorModule


class AdversarialModule(GeneratorModule):
    """Adversarial phase: a generator trained on content, adversarial and pixel loss.

    Training starts from the fidelity end of a model, so that the weights of both ends can be
    interpolated. Generator and discriminator have separate learning rates (two time-scale update
    rule, Heusel et al. 2017, arXiv:1706.08500).
    """

    def __init__(
        self, config: Config, sampler: PatchSampler, validation: Sequence[StoredPair] = ()
    ) -> None:
        super().__init__(config, sampler, validation)
        if config.adversarial is None:
            raise ValueError("the configuration has no section 'adversarial'")
        self.phase: Adversarial = config.adversarial
        self.discriminator = Discriminator(
            config.channels,
            features=self.phase.features,
            spectral_norm=self.phase.spectral_norm,
        )
        channels_last_(self.discriminator)
        self.matching = FeatureMatching()
        # A list is not registered as a submodule: the frozen weights stay out of the checkpoints.
        self.vgg: list[VGGContent] = []
        if self.phase.content == "vgg":
            self.vgg.append(
                VGGContent(
                    self.phase.layer,
                    activated=self.phase.activated,
                    weights=self.phase.vgg,
                    norm=self.phase.content_norm,
                    rescale=self.phase.rescale,
                )
            )

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the optimisers of the generator and, last, that of the discriminator."""
        return [
            *super().configure_optimizers(),
            torch.optim.Adam(self.discriminator.parameters(), lr=self.phase.lr, betas=(0.9, 0.999)),
        ]

    def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> None:
        """Update the discriminator, then the generator."""
        lr, hr = batch
        optimisers = self.optimizers()
        assert isinstance(optimisers, list)
        *generator_optimisers, discriminator_optimiser = optimisers
        factor = self.set_learning_rates([*generator_optimisers, discriminator_optimiser])
        sr = self.network(lr).float()
        shift = draw_offset(self.config, int(self.done))
        shifted = crop_at(hr, shift, self.config.scale), crop_at(sr, shift, self.config.scale)
        values: dict[str, Any] = {"rate": factor} | self._discriminator_step(
            *shifted, discriminator_optimiser
        )
        values |= self._generator_step(hr, sr, shifted, generator_optimisers)
        self.finish_step()
        self.log_dict(values, prog_bar=True)

    def _discriminator_step(
        self, hr: Tensor, sr: Tensor, discriminator_optimiser: Any
    ) -> dict[str, Tensor]:
        self.discriminator.requires_grad_(True)
        real, fake = self.discriminator(hr), self.discriminator(sr.detach())
        loss = discriminator_loss(real, fake, kind=self.phase.loss, label=self.phase.label)
        self.take_step(loss, [discriminator_optimiser], self.discriminator, self.phase.clip)
        return {
            "d_loss": loss.detach(),
            "d_real": torch.sigmoid(real.detach()).mean(),
            "d_fake": torch.sigmoid(fake.detach()).mean(),
        }

    def _generator_step(
        self, hr: Tensor, sr: Tensor, shifted: tuple[Tensor, Tensor], optimisers: Sequence[Any]
    ) -> dict[str, Tensor]:
        phase = self.phase
        # Gradients propagate through the discriminator, but its parameters need none.
        self.discriminator.requires_grad_(False)
        fake, fake_features = self.discriminator.logits_and_features(shifted[1])
        with torch.no_grad():
            real, real_features = self.discriminator.logits_and_features(shifted[0])
        pixel = self.pixel_loss(sr, hr)
        adversarial_loss = generator_loss(real, fake, kind=phase.loss)
        content = sr.new_zeros(())
        if self.vgg:
            content = self.vgg[0].to(sr.device)(sr, hr)
        elif phase.content == "features":
            content = self.matching(real_features, fake_features)
        weight = phase.weight * ramp(int(self.done), 0, phase.ramp)
        loss = (
            phase.pixel_weight * pixel + phase.content_weight * content + weight * adversarial_loss
        )
        self.take_step(loss, optimisers, self.network, self.phase.clip)
        return {
            "loss": loss.detach(),
            "pixel": pixel.detach(),
            "content": content.detach(),
            "adversarial": adversarial_loss.detach(),
        }


def draw_offset(config: Config, step: int) -> tuple[int, int]:
    """Return a random shift of the patches of a step in rows and columns, less than the scale.

    The strides of the discriminator leave a regular grid in its gradients. At a fixed position it
    would cause a grid in the sub-pixels of the generator.
    """
    top, left = np.random.default_rng((config.seed, step)).integers(0, config.scale, 2)
    return int(top), int(left)


def crop_at(patches: Tensor, shift: tuple[int, int], scale: int) -> Tensor:
    """Crop ``(N, C, H, W)`` at a shift; the result is ``scale − 1`` rows and columns smaller."""
    (top, left), (height, width) = shift, (n - scale + 1 for n in patches.shape[2:])
    return patches[:, :, top : top + height, left : left + width]
