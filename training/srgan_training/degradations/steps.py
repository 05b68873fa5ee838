"""How a sensor makes an LR image out of an HR one, composable from YAML.

A degradation is called as ``degradation(image, rng, scale)`` on float32 ``(C, H, W)`` with a
nominal range of [0, 1], which values may exceed. Those that reduce put the centre of each LR pixel
at the centre of its ``scale`` × ``scale`` block of HR pixels.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from napari_srgan.nn.resample import bicubic_down

from ..images import Array, rounded
from .distributions import (
    Span,
    check,
    log_uniform,
    say,
)
from .kernels import (
    gaussian,
    offsets,
    sigma_of_mtf,
    weigh,
)
from .real_esrgan import second_order, through_jpeg


class Degradation(ABC):
    """A step between HR and LR."""

    _axes: ClassVar[str] = ""
    _phrase: ClassVar[str]

    @property
    def reduces(self) -> str:
        """Axes that become shorter by the scale: ``YX``, ``Z`` (the first axis) or none."""
        return self._axes

    def __call__(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        """Return the degraded image; the same state of ``rng`` gives the same result.

        Raises
        ------
        ValueError
            If an axis to be reduced is not a multiple of ``scale``.
        """
        sides = {"YX": image.shape[1:], "Z": image.shape[:1]}.get(self.reduces, ())
        if any(n % scale for n in sides):
            raise ValueError(f"{' × '.join(map(str, sides))} is not a multiple of {scale}")
        return self._apply(image, rng, scale)

    @abstractmethod
    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array: ...

    def describe(self) -> str:
        """Say in a phrase, for a model's card, what LR was made by."""
        return self._phrase


@dataclass(frozen=True)
class Bicubic(Degradation):
    """Antialiased bicubic reduction (Keys 1981, a = −0.5), as MATLAB's imresize."""

    _axes, _phrase = "YX", "antialiased bicubic"

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        return np.asarray(bicubic_down(torch.from_numpy(image[None].copy()), scale)[0].numpy())


@dataclass(frozen=True)
class Area(Degradation):
    """Binning: the mean of ``scale`` × ``scale`` pixels, as of larger pixels or a camera's bins."""

    _axes, _phrase = "YX", "the mean of the pixels (binning)"

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        channels, height, width = image.shape
        blocks = image.reshape(channels, height // scale, scale, width // scale, scale)
        return np.asarray(blocks.mean((2, 4)), np.float32)


@dataclass(frozen=True)
class GaussianPSF(Degradation):
    """A Gaussian point spread function, then one sample at each LR pixel's centre.

    Its width is given as one of ``sigma``, ``mtf`` or both ``sigma_y`` and ``sigma_x``. Beyond the
    border the image is mirrored. The continuous Gaussian is sampled at the HR pixels: below a σ of
    about 0.5 HR pixels it no longer has the MTF of that σ.
    """

    sigma: Span | None = None
    """standard deviation in LR pixels, above 0; a range is drawn from log-uniformly"""
    sigma_y: float | None = None
    sigma_x: float | None = None
    mtf: float | None = None
    """modulation transfer function at the LR Nyquist frequency, between 0 and 1 (Aiazzi et al.
    2006, PE&RS 72:591; satellites have some 0.15 to 0.35), see `sigma_of_mtf`"""
    decimate: bool = True
    """false keeps the HR grid, for a pixel aperture (``area``) that follows"""

    def __post_init__(self) -> None:
        given = {f.name for f in fields(self) if getattr(self, f.name) is not None} - {"decimate"}
        if given not in ({"sigma"}, {"mtf"}, {"sigma_y", "sigma_x"}):
            raise ValueError(
                f"got {sorted(given)}; give one of sigma, mtf, or both sigma_y and sigma_x"
            )
        for name in given - {"mtf"}:
            check(name, getattr(self, name), "above 0", lambda v: v > 0, span=name == "sigma")
        if self.mtf is not None:
            check("mtf", self.mtf, "between 0 and 1, both excluded", lambda v: 0 < v < 1)
        if not isinstance(self.decimate, bool):
            raise ValueError(f"decimate is {self.decimate!r}; it must be true or false")

    @property
    def reduces(self) -> str:
        """Axes that become shorter: ``YX``, or none without decimation."""
        return "YX" if self.decimate else ""

    @property
    def sigmas(self) -> tuple[Span, Span]:
        """Standard deviation along y and x in LR pixels."""
        if self.sigma_y is not None and self.sigma_x is not None:
            return self.sigma_y, self.sigma_x
        sigma = self.sigma if self.mtf is None else sigma_of_mtf(self.mtf)
        assert sigma is not None
        return sigma, sigma

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        step = scale if self.decimate else 1
        drawn = {sigma: log_uniform(sigma, rng) for sigma in self.sigmas}
        for axis, sigma in zip((1, 2), self.sigmas, strict=True):
            image = weigh(image, axis, gaussian(drawn[sigma] * scale, step), step)
        return image

    def describe(self) -> str:
        """Give the MTF or the standard deviation."""
        if self.mtf is not None:
            width = f"an MTF of {self.mtf:g} at the LR Nyquist frequency"
        else:
            width = "σ " + " × ".join(map(say, dict.fromkeys(self.sigmas))) + " LR px"
        return f"a Gaussian PSF with {width}" + (" and decimation" if self.decimate else "")


@dataclass(frozen=True)
class SliceProfile(Degradation):
    """Thick slices out of a volume ``(Z, H, W)``: a slice profile, then every ``scale``-th slice.

    Works on the first axis alone. A Gaussian is the usual model of a 2D MR slice (Zhao et al.
    2021, SMORE, IEEE TMI 40:805), a box that of averaged CT slices. Beyond the ends the volume is
    mirrored.
    """

    fwhm: float
    """full width at half maximum in voxels of the volume given, above 0"""
    shape: Literal["gaussian", "box"] = "gaussian"
    _axes = "Z"

    def __post_init__(self) -> None:
        check("fwhm", self.fwhm, "above 0", lambda v: v > 0)
        if self.shape not in ("gaussian", "box"):
            raise ValueError(f"shape is {self.shape!r}; allowed are 'gaussian' and 'box'")

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        if self.shape == "gaussian":
            weights = gaussian(self.fwhm / math.sqrt(8 * math.log(2)), scale)
        else:
            half = self.fwhm / 2
            t = offsets(half + 0.5, scale)
            # Of each voxel the part that lies inside the box.
            inside = np.minimum(t + 0.5, half) - np.maximum(t - 0.5, -half)
            weights = np.maximum(inside, 0) / self.fwhm
        return weigh(image, 0, weights, scale)

    def describe(self) -> str:
        """Give shape and width."""
        name = {"gaussian": "Gaussian", "box": "box"}[self.shape]
        return f"a {name} slice profile with an FWHM of {self.fwhm:g} voxels and decimation along z"


@dataclass(frozen=True)
class PoissonGaussian(Degradation):
    """Shot and read noise: variance ``v / photons + read²``, the mean kept.

    Foi et al. 2008, IEEE TIP 17:1737, section II. Values are not clipped; those below 0 have no
    shot noise.
    """

    photons: Span | None = None
    """photons at 1.0, above 0; a range is drawn from log-uniformly; None leaves shot noise out"""
    read: Span = 0.0
    """standard deviation on the [0, 1] range; a range must begin above 0, since it too is drawn
    from log-uniformly"""

    def __post_init__(self) -> None:
        if self.photons is not None:
            check("photons", self.photons, "above 0", lambda v: v > 0, span=True)
        check("read", self.read, "of at least 0", lambda v: v >= 0, span=True)
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
        """Give photons and read noise."""
        shot = [] if self.photons is None else [f"shot noise of {say(self.photons)} photons at 1"]
        read = [f"read noise of {say(self.read)}"] if self.read else []
        return " and ".join(shot + read)


@dataclass(frozen=True)
class JPEG(Degradation):
    """JPEG by Pillow, for 8-bit images of 1 or 3 channels; clips to [0, 1] and rounds."""

    quality: Span
    """1 (worst) to 100; a range is drawn from uniformly and rounded to a whole number"""

    def __post_init__(self) -> None:
        check("quality", self.quality, "from 1 to 100", lambda v: 1 <= v <= 100, span=True)

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        span = self.quality
        return through_jpeg(image, round(rng.uniform(*span) if isinstance(span, tuple) else span))

    def describe(self) -> str:
        """Give the quality."""
        return f"JPEG of quality {say(self.quality)}"


@dataclass(frozen=True)
class Round8(Degradation):
    """Rounding to 8-bit levels and clipping to [0, 1]."""

    _phrase = "rounding to 8 bits"

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        return rounded(image)


@dataclass(frozen=True)
class RealESRGAN(Degradation):
    """Blur, resize, noise and JPEG, twice, at random (Wang et al. 2021), see `second_order`.

    For 8-bit photographs of unknown origin, 1 or 3 channels; clips to [0, 1] and rounds.
    """

    _axes, _phrase = "YX", "the second-order degradation of Real-ESRGAN"

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        return second_order(image, rng, scale)


@dataclass(frozen=True)
class Chain(Degradation):
    """Several degradations, the first applied first; exactly one of them reduces, or none."""

    steps: tuple[Degradation, ...]
    reducing: bool = True
    """false for what keeps the size of its images"""

    def __post_init__(self) -> None:
        found = [s.describe() for s in self.steps if s.reduces]
        if len(found) != self.reducing:
            raise ValueError(
                f"{len(found)} of {len(self.steps)} steps reduce {found}; "
                f"{'exactly one' if self.reducing else 'none'} must: "
                "bicubic, area, gaussian_psf with decimation, slice_profile or real_esrgan"
            )

    @property
    def reduces(self) -> str:
        """Axes that become shorter by the scale."""
        return "".join(s.reduces for s in self.steps)

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        for step in self.steps:
            image = step(image, rng, scale)
        return image

    def describe(self) -> str:
        """Say the steps in their order."""
        return ", then ".join(s.describe() for s in self.steps)


KINDS: dict[str, type[Degradation]] = {
    "area": Area,
    "bicubic": Bicubic,
    "gaussian_psf": GaussianPSF,
    "jpeg": JPEG,
    "poisson_gaussian": PoissonGaussian,
    "real_esrgan": RealESRGAN,
    "round8": Round8,
    "slice_profile": SliceProfile,
}


def parse_degradation(
    spec: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]], *, reducing: bool = True
) -> Chain:
    """Build a degradation from YAML's data.

    Parameters
    ----------
    spec
        A kind (``bicubic``), a mapping of a kind and its options (``{kind: gaussian_psf, mtf:
        0.3}``), or a list of these in the order of their application.
    reducing
        Whether it makes images smaller; false for what HR images go through.

    Raises
    ------
    ValueError
        If a kind, an option or a value is not allowed, naming it and what is; if not exactly one
        step reduces, or with ``reducing`` false any does.
    """
    steps = [spec] if isinstance(spec, str | Mapping) else spec
    if not isinstance(steps, Sequence):
        raise ValueError(f"degradation is {spec!r}; it must be a kind, a mapping or a list of them")
    return Chain(tuple(_parse_step(step) for step in steps), reducing)


def _parse_step(spec: str | Mapping[str, Any]) -> Degradation:
    values = dict(spec) if isinstance(spec, Mapping) else {"kind": spec}
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"degradation {spec!r}: kind is {kind!r}; allowed are {sorted(KINDS)}")
    options = fields(KINDS[kind])  # type: ignore[arg-type]
    allowed = [f.name for f in options]
    if unknown := sorted(set(map(str, values)) - set(allowed)):
        raise ValueError(f"degradation {kind!r}: unknown {unknown}; allowed are {allowed}")
    if missing := [f.name for f in options if f.default is MISSING and f.name not in values]:
        raise ValueError(f"degradation {kind!r}: needs {missing}")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        return KINDS[kind](**values)
    except ValueError as error:
        raise ValueError(f"degradation {kind!r}: {error}") from error
