"""Adversarial phase with discriminators on frozen features and on pixels (Projected GANs)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_srgan.nn.generator import channels_last_

from ..config import Config
from ..data.patches import PatchSampler, StoredPair
from ..losses.feature_loss import FeatureLoss
from ..losses.gan import discriminator_loss, generator_loss, ramp
from ..losses.gradient_balance import balanced_weight, gradient_at
from ..networks.augmentation import draw
from ..networks.feature_networks import FeatureNetwork
from ..networks.pixel_discriminators import PatchGAN, UNetDiscriminator
from ..networks.projected_discriminators import heads_for
from ..projected_config import Projected
from .adversarial import crop_at, draw_offset
from .base import GeneratorModule
from .lr_consistency import differentiable_reduction

BETAS = (0.5, 0.99)
"""betas of Adam for the discriminators"""


class ProjectedModule(GeneratorModule):
    """Projected phase: a generator trained on content, pixel, consistency and adversarial loss.

    The adversarial loss is the mean over all discriminators. Its weight is adapted at every step,
    see `balanced_weight`. Generator and discriminators have separate learning rates (two time-scale
    update rule, Heusel et al. 2017, arXiv:1706.08500).
    """

    def __init__(
        self, config: Config, sampler: PatchSampler, validation: Sequence[StoredPair] = ()
    ) -> None:
        super().__init__(config, sampler, validation)
        if config.projected is None:
            raise ValueError("the configuration has no section 'projected'")
        self.phase: Projected = config.projected
        phase = self.phase
        # Lists are not registered as submodules: frozen weights stay out of the checkpoints.
        self.content: list[FeatureLoss] = []
        self.feature_network: list[FeatureNetwork] = []
        self.critics = nn.ModuleDict()
        if phase.content != "none":
            network = FeatureNetwork(
                phase.content,
                phase.content_stages,
                weights=phase.content_file,
                bands=phase.bands,
            )
            self.content.append(FeatureLoss(network, phase.content_norm))
        if phase.eyes != "none":
            features = FeatureNetwork(
                phase.eyes, phase.stages, weights=phase.eyes_file, bands=phase.bands
            )
            self.feature_network.append(features)
            self.critics["heads"] = heads_for(features, phase.width, phase.mixing)
        if phase.pixels != "none":
            kind = PatchGAN if phase.pixels == "patchgan" else UNetDiscriminator
            self.critics["pixels"] = kind(config.channels, phase.pixel_features)
        channels_last_(self.critics)
        self.reduce = differentiable_reduction(config) if phase.consistency_weight else None

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the optimisers of the generator and, last, that of all discriminators."""
        weights = [p for p in self.critics.parameters() if p.requires_grad]
        discriminator_optimiser = torch.optim.Adam(weights, lr=self.phase.lr, betas=BETAS)
        return [*super().configure_optimizers(), discriminator_optimiser]

    def training_step(self, batch: tuple[Tensor, ...], number: int) -> None:
        """Update the discriminators, then the generator."""
        lr, hr, *_ = batch
        phase, step = self.phase, int(self.done)
        optimisers = self.optimizers()
        assert isinstance(optimisers, list)
        *generator_optimisers, discriminator_optimiser = optimisers
        factor = self.set_learning_rates([*generator_optimisers, discriminator_optimiser])
        sr = self.network(lr).float()
        # Gradients of all losses are summed at this leaf and propagated through the generator once.
        sr_leaf = sr.detach().requires_grad_()
        shift = draw_offset(self.config, step)
        real, fake = (crop_at(x, shift, self.config.scale) for x in (hr, sr_leaf))
        augment = draw(phase.augment, real.shape, (self.config.seed, step))
        real_inputs, fake_inputs = (
            self._discriminator_inputs(augment(real)),
            self._discriminator_inputs(augment(fake)),
        )
        values = {"rate": torch.tensor(factor)} | self._discriminator_step(
            real_inputs, fake_inputs, discriminator_optimiser
        )
        pixel = self.pixel_loss(sr_leaf, hr)
        content, consistency = sr_leaf.new_zeros(()), sr_leaf.new_zeros(())
        if self.content:
            content = self.content[0].to(sr_leaf.device)(fake, real)
        if self.reduce is not None:
            consistency = F.l1_loss(self.reduce(sr_leaf), lr)
        others = (
            phase.content_weight * content
            + phase.pixel_weight * pixel
            + phase.consistency_weight * consistency
        )
        adversarial_loss = self._adversarial_loss(real_inputs, fake_inputs)
        gradient, weight = self._balanced_gradient(sr, sr_leaf, others, adversarial_loss, step)
        # The gradient of this sum with respect to the weights is that of all losses.
        self.take_step((sr * gradient).sum(), generator_optimisers, self.network, phase.clip)
        self.finish_step()
        values |= {
            "content": content.detach(),
            "pixel": pixel.detach(),
            "consistency": consistency.detach(),
            "adversarial": adversarial_loss.detach(),
            "weight": weight,
            "loss": (others + weight * adversarial_loss).detach(),
        }
        self.log_dict(values, prog_bar=True)

    def _discriminator_inputs(self, x: Tensor) -> dict[str, list[Tensor]]:
        """Return the inputs of each discriminator for images."""
        inputs = {"pixels": [x]} if "pixels" in self.critics else {}
        if self.feature_network:
            inputs["heads"] = self.feature_network[0].to(x.device)(x)
        return inputs

    def _logits(self, inputs: dict[str, list[Tensor]]) -> list[Tensor]:
        """Return the logits of each discriminator."""
        logits: list[Tensor] = []
        for name, critic in self.critics.items():
            logits += critic(inputs[name]) if name == "heads" else [critic(inputs[name][0])]
        return logits

    def _discriminator_step(
        self,
        real: dict[str, list[Tensor]],
        fake: dict[str, list[Tensor]],
        discriminator_optimiser: Any,
    ) -> dict[str, Tensor]:
        """Update all discriminators and return the values to log."""
        if self.feature_network:
            heads: Any = self.critics["heads"]
            heads.update_statistics(real["heads"])
        both = {
            name: [torch.cat([r, f.detach()]) for r, f in zip(real[name], fake[name], strict=True)]
            for name in real
        }
        halves = [logits.float().chunk(2) for logits in self._logits(both)]
        kind, label = self.phase.loss, self.phase.label
        losses = [discriminator_loss(r, f, kind=kind, label=label) for r, f in halves]
        loss = torch.stack(losses).sum()
        self.take_step(loss, [discriminator_optimiser], self.critics, self.phase.clip)
        return {
            "d_loss": loss.detach() / len(losses),
            "d_real": torch.stack([r.detach().mean() for r, _ in halves]).mean(),
            "d_fake": torch.stack([f.detach().mean() for _, f in halves]).mean(),
        }

    def _adversarial_loss(
        self, real: dict[str, list[Tensor]], fake: dict[str, list[Tensor]]
    ) -> Tensor:
        """Return the adversarial loss of the generator."""
        fakes = self._logits(fake)
        reals = fakes
        if self.phase.loss == "relativistic":
            with torch.no_grad():
                reals = self._logits(real)
        pairs = zip(reals, fakes, strict=True)
        return torch.stack([generator_loss(r, f, kind=self.phase.loss) for r, f in pairs]).mean()

    def _balanced_gradient(
        self, sr: Tensor, sr_leaf: Tensor, others: Tensor, adversarial_loss: Tensor, step: int
    ) -> tuple[Tensor, Tensor]:
        """Return the gradient of all losses with respect to SR, and the adversarial weight.

        The weight sets the ratio of the gradient norms, adversarial to other losses, at the weights
        of the last convolution.
        """
        phase = self.phase
        start = phase.balance if phase.balance_start is None else phase.balance_start
        ratio = start + (phase.balance - start) * ramp(step, 0, phase.ramp)
        (gradient,) = torch.autograd.grad(others, sr_leaf)
        (adversarial_gradient,) = torch.autograd.grad(adversarial_loss, sr_leaf)
        last = self.network.tail.weight
        weight = balanced_weight(
            gradient_at(last, sr, gradient), gradient_at(last, sr, adversarial_gradient), ratio
        )
        return gradient + weight * adversarial_gradient, weight
