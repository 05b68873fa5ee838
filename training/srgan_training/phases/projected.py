"""The phase against discriminators on frozen features and on pixels."""

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
from .adversarial import offset, shifted
from .base import GeneratorModule
from .lr_consistency import reduction_of

BETAS = (0.5, 0.99)
"""of the discriminators' Adam"""


class ProjectedModule(GeneratorModule):
    """A generator trained on content, pixels and consistency, against several discriminators.

    The adversarial loss is the mean of those of all discriminators. Its weight is set anew at every
    step, see `balanced_weight`.
    """

    def __init__(
        self, config: Config, sampler: PatchSampler, validation: Sequence[StoredPair] = ()
    ) -> None:
        super().__init__(config, sampler, validation)
        if config.projected is None:
            raise ValueError("the configuration has no section 'projected'")
        self.phase: Projected = config.projected
        phase = self.phase
        # In lists, so that weights that never change are not in every checkpoint.
        self.content: list[FeatureLoss] = []
        self.eyes: list[FeatureNetwork] = []
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
            eyes = FeatureNetwork(
                phase.eyes, phase.stages, weights=phase.eyes_file, bands=phase.bands
            )
            self.eyes.append(eyes)
            self.critics["heads"] = heads_for(eyes, phase.width, phase.mixing)
        if phase.pixels != "none":
            kind = PatchGAN if phase.pixels == "patchgan" else UNetDiscriminator
            self.critics["pixels"] = kind(config.channels, phase.pixel_features)
        channels_last_(self.critics)
        self.reduce = reduction_of(config) if phase.consistency_weight else None

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the generator's optimisers and, last, that of all discriminators."""
        weights = [p for p in self.critics.parameters() if p.requires_grad]
        critic = torch.optim.Adam(weights, lr=self.phase.lr, betas=BETAS)
        return [*super().configure_optimizers(), critic]

    def training_step(self, batch: tuple[Tensor, ...], number: int) -> None:
        """Take a step with the discriminators, then one with the generator."""
        lr, hr, *_ = batch
        phase, step = self.phase, int(self.done)
        optimisers = self.optimizers()
        assert isinstance(optimisers, list)
        *generators, critic = optimisers
        factor = self.set_rates([*generators, critic])
        sr = self.network(lr).float()
        # Losses stop here; what they ask for goes on through the generator once, as one gradient.
        made = sr.detach().requires_grad_()
        begin = offset(self.config, step)
        real, fake = (shifted(x, begin, self.config.scale) for x in (hr, made))
        change = draw(phase.augment, real.shape, (self.config.seed, step))
        real_seen, fake_seen = self._see(change(real)), self._see(change(fake))
        values = {"rate": torch.tensor(factor)} | self._judge(real_seen, fake_seen, critic)
        pixel = self.pixel_loss(made, hr)
        content, consistency = made.new_zeros(()), made.new_zeros(())
        if self.content:
            content = self.content[0].to(made.device)(fake, real)
        if self.reduce is not None:
            consistency = F.l1_loss(self.reduce(made), lr)
        others = (
            phase.content_weight * content
            + phase.pixel_weight * pixel
            + phase.consistency_weight * consistency
        )
        against = self._against(real_seen, fake_seen)
        gradient, weight = self._combine(sr, made, others, against, step)
        # Its derivative by the network's weights is the gradient of all losses.
        self.take_step((sr * gradient).sum(), generators, self.network, phase.clip)
        self.finish_step()
        values |= {
            "content": content.detach(),
            "pixel": pixel.detach(),
            "consistency": consistency.detach(),
            "adversarial": against.detach(),
            "weight": weight,
            "loss": (others + weight * against).detach(),
        }
        self.log_dict(values, prog_bar=True)

    def _see(self, x: Tensor) -> dict[str, list[Tensor]]:
        """Return what each discriminator looks at."""
        seen = {"pixels": [x]} if "pixels" in self.critics else {}
        if self.eyes:
            seen["heads"] = self.eyes[0].to(x.device)(x)
        return seen

    def _logits(self, seen: dict[str, list[Tensor]]) -> list[Tensor]:
        """Return the logits of each discriminator."""
        found: list[Tensor] = []
        for name, critic in self.critics.items():
            found += critic(seen[name]) if name == "heads" else [critic(seen[name][0])]
        return found

    def _judge(
        self, real: dict[str, list[Tensor]], fake: dict[str, list[Tensor]], critic: Any
    ) -> dict[str, Tensor]:
        """Take a step with all discriminators."""
        if self.eyes:
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
        self.take_step(loss, [critic], self.critics, self.phase.clip)
        return {
            "d_loss": loss.detach() / len(losses),
            "d_real": torch.stack([r.detach().mean() for r, _ in halves]).mean(),
            "d_fake": torch.stack([f.detach().mean() for _, f in halves]).mean(),
        }

    def _against(self, real: dict[str, list[Tensor]], fake: dict[str, list[Tensor]]) -> Tensor:
        """Return the generator's adversarial loss."""
        fakes = self._logits(fake)
        reals = fakes
        if self.phase.loss == "relativistic":
            with torch.no_grad():
                reals = self._logits(real)
        pairs = zip(reals, fakes, strict=True)
        return torch.stack([generator_loss(r, f, kind=self.phase.loss) for r, f in pairs]).mean()

    def _combine(
        self, sr: Tensor, made: Tensor, others: Tensor, against: Tensor, step: int
    ) -> tuple[Tensor, Tensor]:
        """Return the gradient of all losses at the generator's result, and the adversarial weight.

        The weight makes the two parts as long as asked for, one relative to the other, at the
        weights of the last convolution.
        """
        phase = self.phase
        begin = phase.balance if phase.balance_start is None else phase.balance_start
        ratio = begin + (phase.balance - begin) * ramp(step, 0, phase.ramp)
        (calm,) = torch.autograd.grad(others, made)
        (wild,) = torch.autograd.grad(against, made)
        last = self.network.tail.weight
        weight = balanced_weight(gradient_at(last, sr, calm), gradient_at(last, sr, wild), ratio)
        return calm + weight * wild, weight
