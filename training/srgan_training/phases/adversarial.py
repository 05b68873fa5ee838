"""Phase 2: the generator against a discriminator (SRGAN, Ledig et al. 2017, section 2.2)."""

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
    """A generator trained on content, adversarial and pixel loss, and its discriminator.

    Started from the fidelity end of a model, so that the weights of both ends can be blended.
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
        # In a list, so that its weights, which never change, are not in every checkpoint.
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
        """Return the generator's optimisers and, last, the discriminator's."""
        return [
            *super().configure_optimizers(),
            torch.optim.Adam(self.discriminator.parameters(), lr=self.phase.lr, betas=(0.9, 0.999)),
        ]

    def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> None:
        """Take a step with the discriminator, then one with the generator."""
        lr, hr = batch
        optimisers = self.optimizers()
        assert isinstance(optimisers, list)
        *generators, critic = optimisers
        factor = self.set_rates([*generators, critic])
        sr = self.network(lr).float()
        begin = offset(self.config, int(self.done))
        seen = shifted(hr, begin, self.config.scale), shifted(sr, begin, self.config.scale)
        values: dict[str, Any] = {"rate": factor} | self._judge(*seen, critic)
        values |= self._improve(hr, sr, seen, generators)
        self.finish_step()
        self.log_dict(values, prog_bar=True)

    def _judge(self, hr: Tensor, sr: Tensor, critic: Any) -> dict[str, Tensor]:
        self.discriminator.requires_grad_(True)
        real, fake = self.discriminator(hr), self.discriminator(sr.detach())
        loss = discriminator_loss(real, fake, kind=self.phase.loss, label=self.phase.label)
        self.take_step(loss, [critic], self.discriminator, self.phase.clip)
        return {
            "d_loss": loss.detach(),
            "d_real": torch.sigmoid(real.detach()).mean(),
            "d_fake": torch.sigmoid(fake.detach()).mean(),
        }

    def _improve(
        self, hr: Tensor, sr: Tensor, seen: tuple[Tensor, Tensor], optimisers: Sequence[Any]
    ) -> dict[str, Tensor]:
        phase = self.phase
        # Its gradients are not wanted, those that go through it are.
        self.discriminator.requires_grad_(False)
        fake, fake_features = self.discriminator.logits_and_features(seen[1])
        with torch.no_grad():
            real, real_features = self.discriminator.logits_and_features(seen[0])
        pixel = self.pixel_loss(sr, hr)
        against = generator_loss(real, fake, kind=phase.loss)
        content = sr.new_zeros(())
        if self.vgg:
            content = self.vgg[0].to(sr.device)(sr, hr)
        elif phase.content == "features":
            content = self.matching(real_features, fake_features)
        weight = phase.weight * ramp(int(self.done), 0, phase.ramp)
        loss = phase.pixel_weight * pixel + phase.content_weight * content + weight * against
        self.take_step(loss, optimisers, self.network, self.phase.clip)
        return {
            "loss": loss.detach(),
            "pixel": pixel.detach(),
            "content": content.detach(),
            "adversarial": against.detach(),
        }


def offset(config: Config, step: int) -> tuple[int, int]:
    """Return by how many rows and columns the patches of a step are shifted, below the scale.

    The discriminator's strides leave a grid in its gradients. Always in the same place, it would
    become a grid of the generator's sub-pixels.
    """
    top, left = np.random.default_rng((config.seed, step)).integers(0, config.scale, 2)
    return int(top), int(left)


def shifted(patches: Tensor, begin: tuple[int, int], scale: int) -> Tensor:
    """Return ``(N, C, H, W)`` from an offset on, ``scale − 1`` rows and columns smaller."""
    (top, left), (height, width) = begin, (n - scale + 1 for n in patches.shape[2:])
    return patches[:, :, top : top + height, left : left + width]
