"""Adversarial losses (vanilla, relativistic, hinge) and the ramp of their weight.

Losses take logits, which are the discriminator output before any sigmoid, of any shape and float
dtype. They are computed in float32 and averaged over all logits.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

KINDS = ("vanilla", "relativistic", "hinge")
"""names of the adversarial losses"""


def cross_entropy(logits: Tensor, label: float) -> Tensor:
    """Return the mean binary cross-entropy of logits with the target ``label`` in [0, 1]."""
    # bfloat16 logits from an autocast region have too little precision for small differences.
    logits = logits.float()
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def relativistic_logits(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return the real and fake logits, each minus the mean of the others.

    C(x_r) − E[C(x_f)] and C(x_f) − E[C(x_r)]: the logits of D_Ra in Jolicoeur-Martineau 2018,
    arXiv:1807.00734, section 4.
    """
    real, fake = real.float(), fake.float()
    return real - fake.mean(), fake - real.mean()


def check_kind(kind: str) -> None:
    """Raise ValueError for an unknown kind of loss."""
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; allowed are {KINDS}")


def discriminator_loss(
    real: Tensor, fake: Tensor, *, kind: str = "vanilla", label: float = 0.9
) -> Tensor:
    """Return the loss of the discriminator.

    ``"vanilla"``: −E[log D(real)] − E[log(1 − D(fake))], Goodfellow et al. 2014, equation 1.

    ``"relativistic"``: −E[log D_Ra(real, fake)] − E[log(1 − D_Ra(fake, real))], Wang et al. 2018
    (ESRGAN), equation 1.

    ``"hinge"``: E[max(0, 1 − C(real))] + E[max(0, 1 + C(fake))], Lim and Ye 2017 (Geometric GAN),
    arXiv:1705.02894, equation 12; logits beyond the margin of 1 have no gradient.

    Parameters
    ----------
    real, fake
        Logits of HR and of (detached) SR patches.
    kind
        Name of the loss, one of `KINDS`.
    label
        Target for real patches, above 0; a value below 1 prevents overconfidence. The target for
        fake patches is always 0 (one-sided label smoothing, Salimans et al. 2016, section 3.4).
        With 1 the equations are as published; ``"hinge"`` has no labels.

    Raises
    ------
    ValueError
        If ``kind`` is unknown or ``label`` lies outside (0, 1].
    """
    check_kind(kind)
    if not 0 < label <= 1:
        raise ValueError(f"label is {label}; it must lie above 0 and not above 1")
    if kind == "hinge":
        return (1 - real.float()).relu().mean() + (1 + fake.float()).relu().mean()
    if kind == "relativistic":
        real, fake = relativistic_logits(real, fake)
    return cross_entropy(real, label) + cross_entropy(fake, 0)


def generator_loss(real: Tensor, fake: Tensor, *, kind: str = "vanilla") -> Tensor:
    """Return the adversarial loss of the generator.

    ``"vanilla"``: −E[log D(fake)], whose gradient does not vanish for a confident discriminator;
    Goodfellow et al. 2014, section 3; Ledig et al. 2017, equation 6 (there a sum over the
    patches). ``real`` is unused.

    ``"relativistic"``: −E[log(1 − D_Ra(real, fake))] − E[log D_Ra(fake, real)], Wang et al. 2018
    (ESRGAN), equation 2. The gradient reaches the generator through ``fake`` in both terms.

    ``"hinge"``: −E[C(fake)], Lim and Ye 2017, equation 13. ``real`` is unused.

    Parameters
    ----------
    real, fake
        Logits of HR patches (may be detached) and of SR patches.
    kind
        Name of the loss, one of `KINDS`.

    Raises
    ------
    ValueError
        If ``kind`` is unknown.
    """
    check_kind(kind)
    if kind == "vanilla":
        return cross_entropy(fake, 1)
    if kind == "hinge":
        return -fake.float().mean()
    real, fake = relativistic_logits(real, fake)
    return cross_entropy(real, 0) + cross_entropy(fake, 1)


def ramp(step: int, start: int, steps: int) -> float:
    """Return the factor of a weight at ``step`` during a linear ramp from 0 to 1.

    The factor is 0 up to ``start`` and 1 from ``start + steps`` on. With ``steps`` 0 it changes
    from 0 to 1 at ``start``.

    Raises
    ------
    ValueError
        If ``steps`` is negative.
    """
    if steps < 0:
        raise ValueError(f"steps is {steps}; it must be at least 0")
    if steps == 0:
        return float(step >= start)
    return min(max((step - start) / steps, 0.0), 1.0)
