"""A model: a network with what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor

from ..nn.channels import adapt_channels
from ..nn.generator import Generator
from ..nn.halo import halo_of
from .card import ModelCard


@dataclass(frozen=True)
class Model:
    """A network ready to be run, and its card.

    What `napari_srgan.load_model` returns and `napari_srgan.super_resolve` takes.
    """

    network: Generator
    """in evaluation mode, float32, on the CPU"""
    card: ModelCard
    sha256: tuple[str, ...] = ()
    """of the file, or of the two files that were blended"""
    detail: float = 0.0
    """0 the fidelity end, 1 the adversarial one"""

    @property
    def scale(self) -> int:
        """Factor along Y and X."""
        return self.card.scale

    @property
    def channels(self) -> int:
        """Channels that go through the network together."""
        return self.card.channels

    @cached_property
    def halo(self) -> int:
        """LR pixels around a tile that its result depends on, on each side."""
        return halo_of(self.network)

    @cached_property
    def one_channel(self) -> Model:
        """The model for images of one channel.

        It gives the mean over the channels of what this one makes of a grey image. A model of one
        channel is that itself.
        """
        if self.channels == 1:
            return self
        config = replace(self.card.config, channels=1)
        network = Generator(config)
        network.load_state_dict(adapt_channels(self.state_dict(), 1))
        card = replace(self.card, config=config)
        return replace(self, network=network.eval().requires_grad_(False), card=card)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the network's weights and statistics."""
        return dict(self.network.state_dict())
