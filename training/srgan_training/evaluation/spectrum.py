"""Metrics of power spectra: missing or excess detail, and grid artefacts."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

HALF_NYQUIST = 0.25
"""half of the highest frequency of the HR image, in cycles per HR pixel"""
FLOOR = 1e-12
"""lower bound of the power, as a fraction of the mean power of HR"""
BLOCK = 64
"""side in pixels of the blocks whose spectra are averaged to detect a grid"""
NEIGHBOURS = (-3, -2, 2, 3)
"""offsets of the reference bins of a line, which a Hann window spreads to adjacent bins"""


def radial_spectrum(plane: Array) -> tuple[Array, Array]:
    """Return frequencies in cycles per pixel and the radially averaged power.

    The mean is subtracted and a Hann window is applied to the plane ``(H, W)``, since the
    discontinuity at the borders would appear as detail. Rings cover frequencies above zero up to
    the Nyquist frequency of 0.5; the corners of the spectrum are left out.
    """
    power = _power(plane)
    fy, fx = (np.fft.fftfreq(n) for n in plane.shape)
    rings = min(plane.shape) // 2
    ring = np.round(np.hypot(fy[:, None], fx) * 2 * rings).astype(int)
    counts = np.bincount(ring.ravel())[1 : rings + 1]
    sums = np.bincount(ring.ravel(), power.ravel())[1 : rings + 1]
    return np.arange(1, rings + 1) / (2 * rings), sums / counts


def spectrum_error(sr: Array, hr: Array) -> tuple[float, float]:
    """Return the difference between the radially averaged power spectra of two planes in dB.

    Returns
    -------
    (float, float)
        Mean of ``|10·log10(P_SR / P_HR)|`` over all rings, and over those above half of the HR
        Nyquist frequency. NaN for a constant HR plane.
    """
    frequencies, expected = radial_spectrum(hr)
    _, power = radial_spectrum(sr)
    floor = FLOOR * expected.mean()
    if floor == 0:
        return float("nan"), float("nan")
    differences = np.abs(10 * np.log10((power + floor) / (expected + floor)))
    return float(differences.mean()), float(differences[frequencies > HALF_NYQUIST].mean())


def power_above_half_nyquist(sr: Array, hr: Array) -> float:
    """Return the power of a result relative to HR above half of the HR Nyquist frequency, in dB.

    The result is the mean of ``10·log10(P_SR / P_HR)`` over these rings: negative if fine detail is
    missing, 0 for the same amount, whether correct or not. NaN for a constant HR plane.
    """
    frequencies, expected = radial_spectrum(hr)
    _, power = radial_spectrum(sr)
    floor = FLOOR * expected.mean()
    if floor == 0:
        return float("nan")
    ratios = 10 * np.log10((power + floor) / (expected + floor))
    return float(ratios[frequencies > HALF_NYQUIST].mean())


def checkerboard(sr: Array, hr: Array, scale: int) -> float:
    """Return the excess power of a pixel-shuffle grid in ``sr`` over that in HR, in dB.

    It is 0 without a grid, and NaN for an HR plane that is constant or smaller than 5·scale pixels.

    Notes
    -----
    Differences between sub-pixels (Odena et al. 2016, *Deconvolution and Checkerboard Artifacts*)
    cause lines at multiples of 1/scale cycles per HR pixel along both axes. The power at each such
    frequency except zero is divided by the geometric mean of the power two and three bins away; the
    excess is the mean of these ratios in dB. A negative excess, which upscaling causes, is set to
    0. Spectra are averaged over half-overlapping blocks, whose side is a multiple of the scale so
    that lines coincide with bins.
    """
    side = min(BLOCK, *hr.shape) // scale * scale
    if side < 5 * scale:
        return float("nan")
    expected = _mean_power(hr, side)
    floor = FLOOR * expected.mean()
    if floor == 0:
        return float("nan")
    return _excess(_mean_power(sr, side) + floor, scale) - _excess(expected + floor, scale)


def _power(plane: Array) -> Array:
    # A Hann window of period N rather than N − 1 limits the leakage of a line to three bins.
    wy, wx = (np.hanning(n + 1)[:-1] for n in plane.shape)
    return np.asarray(np.abs(np.fft.fft2((plane - plane.mean()) * np.outer(wy, wx))) ** 2)


def _mean_power(plane: Array, side: int) -> Array:
    height, width = plane.shape
    starts = product(*(range(0, n - side + 1, side // 2) for n in (height, width)))
    blocks = [_power(plane[y : y + side, x : x + side]) for y, x in starts]
    return np.asarray(np.mean(blocks, axis=0))


def _excess(power: Array, scale: int) -> float:
    side = len(power)
    lines = [line for line in product(range(0, side, side // scale), repeat=2) if any(line)]
    ratios = []
    for y, x in lines:
        beside = [power[(y + d) % side, x] for d in NEIGHBOURS if y]
        beside += [power[y, (x + d) % side] for d in NEIGHBOURS if x]
        ratios.append(power[y, x] / np.exp(np.mean(np.log(beside))))
    return max(0.0, 10 * float(np.log10(np.mean(ratios))))
