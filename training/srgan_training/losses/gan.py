"""Adversarial losses on logits: vanilla, relativistic and hinge; and the ramp of their weight.

Logits are the output of the discriminator before any sigmoid: ``(N, 1)`` or any shape, of any float
type. Losses are computed in float32 and averaged over the logits.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

KINDS = ("vanilla", "relativistic", "hinge")


def cross_entropy(logits: Tensor, label: float) -> Tensor:
    """Return the mean binary cross-entropy of logits that should all be ``label`` in [0, 1]."""
    # bfloat16 logits of an autocast region would lose the small differences.
    logits = logits.float()
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def relative(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return each side's logits relative to the mean of the other side.

    C(x_r) − E[C(x_f)] and C(x_f) − E[C(x_r)]: the logits of D_Ra in Jolicoeur-Martineau 2018,
    arXiv:1807.00734, section 4.
    """
    real, fake = real.float(), fake.float()
    return real - fake.mean(), fake - real.mean()


def check(kind: str) -> None:
    """Raise ValueError for an unknown kind of loss."""
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; allowed are {KINDS}")


def discriminator_loss(
    real: Tensor, fake: Tensor, *, kind: str = "vanilla", label: float = 0.9
) -> Tensor:
    """Return the discriminator's loss.

    ``"vanilla"``: −E[log D(real)] − E[log(1 − D(fake))], Goodfellow et al. 2014, equation 1.

    ``"relativistic"``: −E[log D_Ra(real, fake)] − E[log(1 − D_Ra(fake, real))], Wang et al. 2018
    (ESRGAN), equation 1: how much more real is HR than SR on average?

    ``"hinge"``: E[max(0, 1 − C(real))] + E[max(0, 1 + C(fake))], Lim and Ye 2017 (Geometric GAN),
    arXiv:1705.02894, equation 12: what is judged with a margin of 1 counts no more.

    Parameters
    ----------
    real, fake
        Logits of HR and of (detached) SR patches.
    kind
        Which of the three.
    label
        What the discriminator should say of real patches, above 0; less than 1 keeps it from
        growing sure of itself. The label of fake ones stays 0 (one-sided smoothing, Salimans et
        al. 2016, section 3.4). With 1 the equations are as published; ``"hinge"`` has no labels.

    Raises
    ------
    ValueError
        If ``kind`` is unknown or ``label`` lies outside (0, 1].
    """
    check(kind)
    if not 0 < label <= 1:
        raise ValueError(f"label is {label}; it must lie above 0 and not above 1")
    if kind == "hinge":
        return (1 - real.float()).relu().mean() + (1 + fake.float()).relu().mean()
    if kind == "relativistic":
        real, fake = relative(real, fake)
    return cross_entropy(real, label) + cross_entropy(fake, 0)


def generator_loss(real: Tensor, fake: Tensor, *, kind: str = "vanilla") -> Tensor:
    """Return the generator's adversarial loss.

    ``"vanilla"``: −E[log D(fake)], whose gradient does not vanish where the discriminator is
    sure; Goodfellow et al. 2014, section 3; Ledig et al. 2017, equation 6 (there a sum over the
    patches). ``real`` is not looked at.

    ``"relativistic"``: −E[log(1 − D_Ra(real, fake))] − E[log D_Ra(fake, real)], Wang et al. 2018
    (ESRGAN), equation 2. The gradient reaches the generator through ``fake`` in both terms.

    ``"hinge"``: −E[C(fake)], Lim and Ye 2017, equation 13. ``real`` is not looked at.

    Parameters
    ----------
    real, fake
        Logits of HR (they may be detached) and of SR patches.
    kind
        Which of the three.

    Raises
    ------
    ValueError
        If ``kind`` is unknown.
    """
    check(kind)
    if kind == "vanilla":
        return cross_entropy(fake, 1)
    if kind == "hinge":
        return -fake.float().mean()
    real, fake = relative(real, fake)
    return cross_entropy(real, 0) + cross_entropy(fake, 1)


def ramp(step: int, start: int, steps: int) -> float:
    """Return the share of the adversarial weight at ``step``, from 0 to 1.

    0 up to ``start``, then linear, 1 from ``start + steps`` on; with ``steps`` 0 it jumps to 1 at
    ``start``.

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
