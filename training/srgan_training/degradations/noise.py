"""Noise and compression: Poisson and Gaussian noise, JPEG, rounding to 8 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..images import Array, round_8bit
from .base import Degradation
from .distributions import Span, check_value, format_span, log_uniform
from .real_esrgan import through_jpeg


@dataclass(frozen=True)
class PoissonGaussian(Degradation):
    """Zero-mean shot and read noise with the variance ``v / photons + read²``.

    Values are not clipped; negative values have no shot noise. Source: Foi et al. 2008, IEEE TIP
    17:1737, section II.
    """

    photons: Span | None = None
    """photons at 1.0, above 0, or a range for a log-uniform draw; None disables shot noise"""
    read: Span = 0.0
    """standard deviation of read noise on [0, 1], or a range above 0 for a log-uniform draw"""

    def __post_init__(self) -> None:
        if self.photons is not None:
            check_value("photons", self.photons, "above 0", lambda v: v > 0, span=True)
        check_value("read", self.read, "of at least 0", lambda v: v >= 0, span=True)
        if isinstance(self.read, tuple) and self.read[0] == 0:
            raise ValueError(f"read is {list(self.read)}; a range must begin above 0")
        if self.photons is None and self.read == 0:
            raise ValueError("got neither photons nor read; give one or both")

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        noisy = image.astype(np.float64)
        if self.photons is not None:
            photons = log_uniform(self.photons, rng)
            light = np.maximum(noisy, 0)
            noisy += rng.poisson(light * photons) / photons - light
        if self.read:
            noisy += log_uniform(self.read, rng) * rng.standard_normal(image.shape)
        return noisy.astype(np.float32)

    def describe(self) -> str:
        """Return a description with photons and read noise."""
        shot = (
            []
            if self.photons is None
            else [f"shot noise of {format_span(self.photons)} photons at 1"]
        )
        read = [f"read noise of {format_span(self.read)}"] if self.read else []
        return " and ".join(shot + read)


@dataclass(frozen=True)
class JPEG(Degradation):
    """JPEG compression of 8-bit images with 1 or 3 channels; clips to [0, 1] and rounds."""

    quality: Span
    """quality from 1 (worst) to 100, or a range for a uniform draw that is rounded to an integer"""

    def __post_init__(self) -> None:
        check_value("quality", self.quality, "from 1 to 100", lambda v: 1 <= v <= 100, span=True)

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        span = self.quality
        return through_jpeg(image, round(rng.uniform(*span) if isinstance(span, tuple) else span))

    def describe(self) -> str:
        """Return a description with the quality."""
        return f"JPEG of quality {format_span(self.quality)}"


@dataclass(frozen=True)
class Round8(Degradation):
    """Rounding to 8-bit levels and clipping to [0, 1]."""

    _phrase = "rounding to 8 bits"

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        return round_8bit(image)
