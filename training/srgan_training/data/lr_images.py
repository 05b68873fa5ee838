"""Synthesis of LR images from HR images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_srgan.models import ModelCard

from ..config import Config, Source
from ..images import Image, Pixels, PixelStore, Stored, as_scaled, quantize_8bit, to_image
from .patches import StoredPair, make_pair

if TYPE_CHECKING:
    from ..degradations.chain import Chain


@dataclass(frozen=True)
class LRSynthesis:
    """Synthesis of LR images from HR images: degradation, scene and number of draws."""

    scale: int
    """factor by which HR is larger along Y and X"""
    degrade: Chain | None = None
    """degradation from HR to LR; None is antialiased bicubic"""
    scene: Chain | None = None
    """degradation at constant size that is applied to HR first"""
    draws: int = 1
    """number of LR images of each plane"""
    seed: int = 0
    """seed of the random degradations"""

    def describe(self) -> str:
        """Describe the synthesis, for the model card."""
        lr_text = ModelCard.degradation if self.degrade is None else self.degrade.describe()
        return (
            lr_text
            if self.scene is None
            else f"{lr_text}, of HR changed by {self.scene.describe()}"
        )

    def pairs(
        self, plane: Stored, channels: int, index: int, store: PixelStore
    ) -> list[StoredPair]:
        """Return the pairs of a plane, one for each draw.

        Images of more than 8 bits are clipped to [0, 1], since a few hot pixels would shift the
        batch normalisation statistics. HR is stored unscaled, or after the scene was applied.

        Parameters
        ----------
        plane
            Unscaled values ``(C, H, W)``.
        channels
            Number of channels that the plane is converted to.
        index
            Index of the plane in its source, which is part of the seed.
        store
            Storage of the pixels.
        """
        image = to_image(plane).as_channels(channels)
        pixels = as_scaled(image.pixels)
        height, width = (n // self.scale * self.scale for n in pixels.shape[1:])
        hr = replace(pixels, clip=not image.eight_bit).cropped(height, width)
        image = Image(hr, image.eight_bit)
        first_rng = np.random.default_rng([self.seed, index])
        rngs = (first_rng, *first_rng.spawn(self.draws - 1))
        if self.scene is None:
            stored_hr = store.store_pixels(hr)
            return [StoredPair(self._lr(image, rng), stored_hr) for rng in rngs]
        pairs = []
        for rng in rngs:
            changed = np.clip(self.scene(hr[:], rng, self.scale), 0, 1)
            scene_image = Image(
                quantize_8bit(changed) if image.eight_bit else changed, image.eight_bit
            )
            pairs.append(
                StoredPair(
                    self._lr(scene_image, rng), store.store_pixels(as_scaled(scene_image.pixels))
                )
            )
        return pairs

    def _lr(self, image: Image, rng: np.random.Generator) -> Pixels:
        if self.degrade is None:
            lr = make_pair(image, self.scale).lr
        else:
            lr = self.degrade(image.pixels[:], rng, self.scale)
        return quantize_8bit(lr) if image.eight_bit else lr


def lr_synthesis_of(source: Source, config: Config) -> LRSynthesis | None:
    """Return the LR synthesis of a source, None if its LR images are read from files.

    Raises
    ------
    ValueError
        If a source with LR folders has a scene or draws, or another number of LR than of HR
        folders; if a deterministic degradation is to be drawn several times; or if a degradation is
        invalid.
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
    return LRSynthesis(config.scale, degrade, scene, source.draws, config.seed)


def degradation_of(spec: Any) -> Chain | None:
    """Return the degradation of a specification, None for ``bicubic``.

    Raises
    ------
    ValueError
        If the degradation is unknown or does not reduce along Y and X.
    """
    if spec == "bicubic":
        return None
    from ..degradations.chain import parse_degradation

    chain = parse_degradation(spec)
    if chain.reduces != "YX":
        raise ValueError(f"degradation {spec!r} does not reduce along Y and X")
    return chain


def scene_of(spec: Any) -> Chain | None:
    """Return the degradation that is applied to HR before the synthesis, None without one.

    Raises
    ------
    ValueError
        If the degradation changes the size of images.
    """
    if spec is None:
        return None
    from ..degradations.chain import parse_degradation

    return parse_degradation(spec, reducing=False)
