"""What power spectra tell of a result: missing or invented detail, and patterns of a grid."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

HALF_NYQUIST = 0.25
"""half of the highest frequency of the HR image, in cycles per HR pixel"""
FLOOR = 1e-12
"""power, as a share of the HR image's mean, below which all counts as this much"""
BLOCK = 64
"""side in pixels of the blocks whose spectra are averaged to find a grid"""
NEIGHBOURS = (-3, -2, 2, 3)
"""bins beside a line; a Hann window spreads it over the one bin on each side"""


def radial_spectrum(plane: Array) -> tuple[Array, Array]:
    """Return frequencies in cycles per pixel and the power averaged over rings about the origin.

    The mean is taken off and a Hann window laid over the plane ``(H, W)``, else its borders, which
    do not meet, would be taken for detail. Rings reach from above zero to the Nyquist frequency of
    0.5; what lies beyond, towards the corners of the spectrum, is left out.
    """
    power = _power(plane)
    fy, fx = (np.fft.fftfreq(n) for n in plane.shape)
    rings = min(plane.shape) // 2
    ring = np.round(np.hypot(fy[:, None], fx) * 2 * rings).astype(int)
    counts = np.bincount(ring.ravel())[1 : rings + 1]
    sums = np.bincount(ring.ravel(), power.ravel())[1 : rings + 1]
    return np.arange(1, rings + 1) / (2 * rings), sums / counts


def spectrum_error(sr: Array, hr: Array) -> tuple[float, float]:
    """Return how far the radially averaged power spectra of two planes lie apart, in dB.

    Returns
    -------
    (float, float)
        Mean of ``|10·log10(P_SR / P_HR)|`` over all rings, and over those above half of the HR
        Nyquist frequency. NaN where the HR plane is constant.
    """
    frequencies, expected = radial_spectrum(hr)
    _, found = radial_spectrum(sr)
    floor = FLOOR * expected.mean()
    if floor == 0:
        return float("nan"), float("nan")
    apart = np.abs(10 * np.log10((found + floor) / (expected + floor)))
    return float(apart.mean()), float(apart[frequencies > HALF_NYQUIST].mean())


def power_above_half_nyquist(sr: Array, hr: Array) -> float:
    """Return by how many dB a result has more power than HR above half of HR's Nyquist frequency.

    Mean of ``10·log10(P_SR / P_HR)`` over the rings there: negative where fine detail is missing, 0
    where there is as much of it, right or wrong. NaN where the HR plane is constant.
    """
    frequencies, expected = radial_spectrum(hr)
    _, found = radial_spectrum(sr)
    floor = FLOOR * expected.mean()
    if floor == 0:
        return float("nan")
    ratios = 10 * np.log10((found + floor) / (expected + floor))
    return float(ratios[frequencies > HALF_NYQUIST].mean())


def checkerboard(sr: Array, hr: Array, scale: int) -> float:
    """Return by how many dB a grid of the pixel shuffle stands out of ``sr``, beyond the HR's own.

    0 where there is none; NaN where the HR plane is constant or smaller than 5·scale pixels.

    Notes
    -----
    Sub-pixels that are treated differently (Odena et al. 2016, *Deconvolution and Checkerboard
    Artifacts*) give lines at multiples of 1/scale cycles per HR pixel along the two axes. The
    power at each such frequency but zero is divided by the geometric mean of that two and three
    bins beside it; the mean of these ratios, in dB, is the excess. A dip counts as none: enlarging
    leaves one. Spectra are averaged over blocks that overlap by half, whose side is a multiple of
    the scale so that the lines fall on bins.
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
    # Of period N, not N − 1, so that a line stays within three bins.
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
