"""How LR is made of HR images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_srgan.models import ModelCard

from ..config import Config, Source
from ..images import (
    Image,
    Pixels,
    PixelStore,
    Stored,
    as_scaled,
    quantize_8bit,
    to_image,
)
from .patches import StoredPair, make_pair

if TYPE_CHECKING:
    from ..degradations.chain import Chain


@dataclass(frozen=True)
class Making:
    """What makes the LR of HR images, and how often."""

    scale: int
    degrade: Chain | None = None
    """what reduces them; None is plain bicubic"""
    scene: Chain | None = None
    """what they go through before"""
    draws: int = 1
    """how often LR is made of each plane"""
    seed: int = 0

    def describe(self) -> str:
        """Say for a model's card how LR is made."""
        made = ModelCard.degradation if self.degrade is None else self.degrade.describe()
        return made if self.scene is None else f"{made}, of HR changed by {self.scene.describe()}"

    def pairs(
        self, plane: Stored, channels: int, index: int, store: PixelStore
    ) -> list[StoredPair]:
        """Make the LR of a plane; ``index``, its place among all, gives it a chance of its own.

        What lies beyond the percentiles of a deep image is clipped: a few hot pixels would move the
        statistics of the batch normalisation for all. HR is kept as it is stored, or as the scene
        makes it.
        """
        image = to_image(plane).as_channels(channels)
        pixels = as_scaled(image.pixels)
        height, width = (n // self.scale * self.scale for n in pixels.shape[1:])
        hr = replace(pixels, clip=not image.eight_bit).cropped(height, width)
        image = Image(hr, image.eight_bit)
        first = np.random.default_rng([self.seed, index])
        rngs = (first, *first.spawn(self.draws - 1))
        if self.scene is None:
            fine = store.store_pixels(hr)
            return [StoredPair(self._lr(image, rng), fine) for rng in rngs]
        pairs = []
        for rng in rngs:
            changed = np.clip(self.scene(hr[:], rng, self.scale), 0, 1)
            own = Image(quantize_8bit(changed) if image.eight_bit else changed, image.eight_bit)
            pairs.append(StoredPair(self._lr(own, rng), store.store_pixels(as_scaled(own.pixels))))
        return pairs

    def _lr(self, image: Image, rng: np.random.Generator) -> Pixels:
        if self.degrade is None:
            lr = make_pair(image, self.scale).lr
        else:
            lr = self.degrade(image.pixels[:], rng, self.scale)
        return quantize_8bit(lr) if image.eight_bit else lr


def making_of(source: Source, config: Config) -> Making | None:
    """Return how the LR of a source's images is made, None where it is read.

    Raises
    ------
    ValueError
        If LR that is read is to be made, if LR that is always the same is to be made several
        times, or if a degradation does not do what is asked of it.
    """
    named = ", ".join(source.folders)
    fixed = f"{named}: draws is {source.draws}, but nothing in its LR is random"
    if source.lr:
        if source.scene is not None:
            raise ValueError(f"{named}: has a scene, but its LR is not made")
        if source.draws > 1:
            raise ValueError(fixed)
        if len(source.lr) != len(source.folders):
            raise ValueError(
                f"{len(source.lr)} folders of LR for {len(source.folders)} of HR; give one each"
            )
        return None
    degrade = degradation_of(
        config.degradation if source.degradation is None else source.degradation
    )
    scene = scene_of(source.scene)
    if source.draws > 1 and degrade is None and scene is None:
        raise ValueError(fixed)
    return Making(config.scale, degrade, scene, source.draws, config.seed)


def degradation_of(spec: Any) -> Chain | None:
    """Return a degradation, None for plain bicubic.

    Raises
    ------
    ValueError
        If there is no such degradation, or it does not reduce along Y and X.
    """
    if spec == "bicubic":
        return None
    from ..degradations.chain import parse_degradation

    chain = parse_degradation(spec)
    if chain.reduces != "YX":
        raise ValueError(f"degradation {spec!r} does not reduce along Y and X")
    return chain


def scene_of(spec: Any) -> Chain | None:
    """Return what HR images go through before.

    Raises
    ------
    ValueError
        If it would make them smaller.
    """
    if spec is None:
        return None
    from ..degradations.chain import parse_degradation

    return parse_degradation(spec, reducing=False)
