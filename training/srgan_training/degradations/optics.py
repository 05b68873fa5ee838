"""Blur and reduction: bicubic, binning, Gaussian point spread function, slice profile."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import torch

from napari_srgan.nn.resample import bicubic_down

from ..images import Array
from .base import Degradation
from .distributions import Span, check_value, format_span, log_uniform
from .kernels import filter_axis, gaussian, pixel_offsets, sigma_of_mtf


@dataclass(frozen=True)
class Bicubic(Degradation):
    """Antialiased bicubic reduction (Keys 1981, a = −0.5), like MATLAB's ``imresize``."""

    _axes, _phrase = "YX", "antialiased bicubic"

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        return np.asarray(bicubic_down(torch.from_numpy(image[None].copy()), scale)[0].numpy())


@dataclass(frozen=True)
class Area(Degradation):
    """Binning: mean of ``scale`` × ``scale`` pixels, as of larger pixels or by a camera."""

    _axes, _phrase = "YX", "the mean of the pixels (binning)"

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        channels, height, width = image.shape
        blocks = image.reshape(channels, height // scale, scale, width // scale, scale)
        return np.asarray(blocks.mean((2, 4)), np.float32)


@dataclass(frozen=True)
class GaussianPSF(Degradation):
    """Gaussian point spread function, sampled at the centres of LR pixels.

    The width is given by ``sigma``, by ``mtf``, or by both ``sigma_y`` and ``sigma_x``. Padding is
    symmetric. The continuous Gaussian is sampled at the HR pixels; below a σ of about 0.5 HR pixels
    its MTF deviates from that of the continuous Gaussian.
    """

    sigma: Span | None = None
    """standard deviation in LR pixels, above 0, or a range for a log-uniform draw"""
    sigma_y: float | None = None
    """standard deviation along Y in LR pixels"""
    sigma_x: float | None = None
    """standard deviation along X in LR pixels"""
    mtf: float | None = None
    """modulation transfer function at the LR Nyquist frequency, between 0 and 1 (Aiazzi et al.
    2006, PE&RS 72:591; about 0.15 to 0.35 for satellites), see `sigma_of_mtf`"""
    decimate: bool = True
    """whether to reduce by the scale; false keeps the HR grid, for a pixel aperture (``area``) that
    follows"""

    def __post_init__(self) -> None:
        widths = {f.name for f in fields(self) if getattr(self, f.name) is not None} - {"decimate"}
        if widths not in ({"sigma"}, {"mtf"}, {"sigma_y", "sigma_x"}):
            raise ValueError(
                f"got {sorted(widths)}; give one of sigma, mtf, or both sigma_y and sigma_x"
            )
        for name in widths - {"mtf"}:
            check_value(name, getattr(self, name), "above 0", lambda v: v > 0, span=name == "sigma")
        if self.mtf is not None:
            check_value("mtf", self.mtf, "between 0 and 1, both excluded", lambda v: 0 < v < 1)
        if not isinstance(self.decimate, bool):
            raise ValueError(f"decimate is {self.decimate!r}; it must be true or false")

    @property
    def reduces(self) -> str:
        """Axes that are reduced: ``YX``, or none without decimation."""
        return "YX" if self.decimate else ""

    @property
    def sigmas(self) -> tuple[Span, Span]:
        """Standard deviations along Y and X in LR pixels."""
        if self.sigma_y is not None and self.sigma_x is not None:
            return self.sigma_y, self.sigma_x
        sigma = self.sigma if self.mtf is None else sigma_of_mtf(self.mtf)
        assert sigma is not None
        return sigma, sigma

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        step = scale if self.decimate else 1
        drawn = {sigma: log_uniform(sigma, rng) for sigma in self.sigmas}
        for axis, sigma in zip((1, 2), self.sigmas, strict=True):
            image = filter_axis(image, axis, gaussian(drawn[sigma] * scale, step), step)
        return image

    def describe(self) -> str:
        """Return a description with the MTF or the standard deviation."""
        if self.mtf is not None:
            width = f"an MTF of {self.mtf:g} at the LR Nyquist frequency"
        else:
            width = "σ " + " × ".join(map(format_span, dict.fromkeys(self.sigmas))) + " LR px"
        return f"a Gaussian PSF with {width}" + (" and decimation" if self.decimate else "")


@dataclass(frozen=True)
class SliceProfile(Degradation):
    """Thick slices of a volume ``(Z, H, W)``: slice profile and decimation by ``scale``.

    Only the first axis is filtered, with symmetric padding. A Gaussian profile is the usual model
    of a 2D MR slice (Zhao et al. 2021, SMORE, IEEE TMI 40:805), a box that of averaged CT slices.
    """

    fwhm: float
    """full width at half maximum in voxels of the input volume, above 0"""
    shape: Literal["gaussian", "box"] = "gaussian"
    """shape of the slice profile"""
    _axes = "Z"

    def __post_init__(self) -> None:
        check_value("fwhm", self.fwhm, "above 0", lambda v: v > 0)
        if self.shape not in ("gaussian", "box"):
            raise ValueError(f"shape is {self.shape!r}; allowed are 'gaussian' and 'box'")

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        if self.shape == "gaussian":
            weights = gaussian(self.fwhm / math.sqrt(8 * math.log(2)), scale)
        else:
            half = self.fwhm / 2
            t = pixel_offsets(half + 0.5, scale)
            # length of the part of each voxel that lies inside the box
            inside = np.minimum(t + 0.5, half) - np.maximum(t - 0.5, -half)
            weights = np.maximum(inside, 0) / self.fwhm
        return filter_axis(image, 0, weights, scale)

    def describe(self) -> str:
        """Return a description with shape and width."""
        name = {"gaussian": "Gaussian", "box": "box"}[self.shape]
        return f"a {name} slice profile with an FWHM of {self.fwhm:g} voxels and decimation along z"
