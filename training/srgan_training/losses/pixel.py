"""Losses on pixels and on logits, the ramp of the adversarial one, and a guard against NaN.

Logits are what the discriminator returns before any sigmoid: ``(N, 1)`` or any shape, of any
float type. Losses are computed in float32 and averaged over the logits.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.image import structural_similarity_index_measure

PIXEL = {"l1": F.l1_loss, "mse": F.mse_loss}
KINDS = ("vanilla", "relativistic", "hinge")
LIMIT = 40.0
"""PSNR in dB around which `psnr_weights` stops to rise"""
WINDOW = 16
"""side in HR pixels of the windows whose amplitudes are compared"""
WORST = 256
"""of how many values in a flat patch one counts as standing out"""


def psnr_weights(sr: Tensor, hr: Tensor) -> Tensor:
    """Return a weight for each patch ``(N,)``, in inverse proportion to its squared difference.

    Their mean is 1. With them the gradient of a squared loss is that of the mean of the patches'
    PSNR but for a factor, up to `LIMIT` beyond which a patch does not count more.
    """
    apart = (sr.detach() - hr).square().mean((1, 2, 3)) + 10 ** (-LIMIT / 10)
    return 1 / apart / (1 / apart).mean()


def coarse_loss(sr: Tensor, hr: Tensor, scale: int) -> Tensor:
    """Return the mean absolute difference of the means over blocks of ``scale`` × ``scale`` pixels.

    What the LR image knows already: held to it, a generator may invent fine detail and still keeps
    brightness and colour.
    """
    return F.l1_loss(F.avg_pool2d(sr, scale), F.avg_pool2d(hr, scale))


def grid_loss(sr: Tensor, hr: Tensor, scale: int) -> Tensor:
    """Return the mean absolute difference of the means over each of the scale² sub-pixels.

    The means are those of every patch and channel. A generator that treats the sub-pixels behind
    its pixel shuffle differently has a grid in them, faint in each pixel and plain in the whole.
    """
    n, channels, height, width = sr.shape
    apart = (sr - hr).reshape(n, channels, height // scale, scale, width // scale, scale)
    return apart.mean((2, 4)).abs().mean()


def flat_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Return the mean of the largest absolute differences in patches of one colour throughout.

    The largest are one in `WORST` values of a patch; other patches count as 0. What stands out of a
    flat area does so at its corners, where a mean over all pixels hardly counts it.
    """
    flat = (hr.amax((2, 3)) == hr.amin((2, 3))).all(1)
    apart = (sr - hr).abs().flatten(1)
    worst = apart.topk(max(1, apart.shape[1] // WORST)).values.mean(1)
    return (worst * flat).mean()


def amplitude_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Return the mean absolute difference of the amplitudes in the spectra of small windows.

    Windows are `WINDOW` pixels wide, Hann-weighted and overlap by half. What cannot be known of a
    detail is mostly its phase, and the mean of all phases is blur: a generator held to the
    amplitudes alone gives each place the contrast at each frequency that such places have.

    Source: Fuoli et al. 2021, *Fourier Space Losses for Efficient Perceptual Image
    Super-Resolution*, section 3.2; there of whole patches and with the phase.
    """
    step = WINDOW // 2
    ramps = torch.hann_window(WINDOW, device=sr.device)

    def amplitudes(x: Tensor) -> Tensor:
        windows = x.float().unfold(2, WINDOW, step).unfold(3, WINDOW, step)
        spectra: Tensor = torch.fft.rfft2(windows * ramps * ramps[:, None], norm="ortho")
        return spectra.abs()

    return F.l1_loss(amplitudes(sr), amplitudes(hr))


def structure_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Return 1 − SSIM (Wang et al. 2004) of the means over the channels of two batches on [0, 1].

    It compares contrast where means and squares compare levels: blur costs more of it, and detail
    in the wrong place costs it too.

    Source: Zhao et al. 2017, *Loss Functions for Image Restoration With Neural Networks*, section
    III.
    """
    sr, hr = (x.float().mean(1, keepdim=True) for x in (sr, hr))
    similarity = structural_similarity_index_measure(sr, hr, data_range=1.0)
    assert isinstance(similarity, Tensor)
    return 1 - similarity


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


class NaNGuard:
    """Count the steps whose loss or gradient is not finite, and end a run that has too many.

    A skipped step leaves the weights alone, so that a rare overflow costs nothing.

    Parameters
    ----------
    limit
        Number of skips, in the whole run, at which it is given up.
    """

    def __init__(self, limit: int = 10) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}; it must be at least 1")
        self.limit = limit
        self.skipped = 0
        """steps skipped so far; a resumed run sets it"""

    def skip(self, *values: float | Tensor, step: int) -> bool:
        """Say whether ``step`` is to be skipped: whether one of ``values`` is NaN or infinite.

        Parameters
        ----------
        values
            Scalars of the step, such as its loss and the norm of its gradient.
        step
            Number of the step, for the error.

        Raises
        ------
        FloatingPointError
            At skip number ``limit``, naming the count and the step.
        """
        if all(math.isfinite(float(value)) for value in values):
            return False
        self.skipped += 1
        if self.skipped >= self.limit:
            raise FloatingPointError(
                f"loss or gradient was not finite in {self.skipped} steps, the last of them step "
                f"{step}; lower the learning rate, or the adversarial weight where there is one"
            )
        return True
