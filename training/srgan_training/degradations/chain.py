"""Degradations that simulate a sensor, composable from YAML.

A degradation is called as ``degradation(image, rng, scale)`` on float32 ``(C, H, W)`` with a
nominal range of [0, 1], which values may exceed. Degradations that reduce centre each LR pixel in
its block of ``scale`` × ``scale`` HR pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

import numpy as np

from ..images import Array
from .base import Degradation
from .noise import JPEG, PoissonGaussian, Round8
from .optics import Area, Bicubic, GaussianPSF, SliceProfile
from .real_esrgan import second_order


@dataclass(frozen=True)
class RealESRGAN(Degradation):
    """Random blur, resizing, noise and JPEG, applied twice (Wang et al. 2021), see `second_order`.

    It is intended for 8-bit photographs of unknown origin with 1 or 3 channels. Results are clipped
    to [0, 1] and rounded to 8 bits.
    """

    _axes, _phrase = "YX", "the second-order degradation of Real-ESRGAN"

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        return second_order(image, rng, scale)


@dataclass(frozen=True)
class Chain(Degradation):
    """Sequence of degradations, of which exactly one reduces, or none if not ``reducing``."""

    steps: tuple[Degradation, ...]
    """degradations in the order of their application"""
    reducing: bool = True
    """whether the chain reduces images"""

    def __post_init__(self) -> None:
        reductions = [s.describe() for s in self.steps if s.reduces]
        if len(reductions) != self.reducing:
            raise ValueError(
                f"{len(reductions)} of {len(self.steps)} steps reduce {reductions}; "
                f"{'exactly one' if self.reducing else 'none'} must: "
                "bicubic, area, gaussian_psf with decimation, slice_profile or real_esrgan"
            )

    @property
    def reduces(self) -> str:
        """Axes that are reduced by the scale."""
        return "".join(s.reduces for s in self.steps)

    def _apply(self, image: Array, rng: np.random.Generator, scale: int) -> Array:
        for step in self.steps:
            image = step(image, rng, scale)
        return image

    def describe(self) -> str:
        """Return the descriptions of the steps in order."""
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
"""degradations by their ``kind`` in YAML"""


def parse_degradation(
    spec: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]], *, reducing: bool = True
) -> Chain:
    """Build a degradation from parsed YAML.

    Parameters
    ----------
    spec
        A kind (``bicubic``), a mapping with a kind and its options (``{kind: gaussian_psf, mtf:
        0.3}``), or a list of these in the order of their application.
    reducing
        Whether the chain reduces images; false for degradations of HR at constant size.

    Raises
    ------
    ValueError
        If a kind, an option or a value is invalid, or if not exactly one step reduces, or with
        ``reducing`` false, if any step does.
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
