"""All measures of one result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from napari_srgan.nn.resample import bicubic_down

from ..data.patches import Pair
from ..images import Array
from .metrics import (
    crop_border,
    drift,
    luma,
    psnr,
    spectral_angle,
    ssim,
)
from .perceptual import Distance, gmsd, mdsi
from .realism import STAGES, Lite2, stage_distances
from .spectrum import checkerboard, power_above_half_nyquist, spectrum_error

LITE2 = tuple(f"lite2_{stage}" for stage in STAGES)
Convention = Literal["Y", "full range"]


@dataclass(frozen=True)
class Values:
    """What was measured of a result, or means over several; NaN is what could not be."""

    psnr: float
    """dB"""
    ssim: float
    gmsd: float
    mdsi: float
    lpips: float
    dists: float
    lite2_stage2: float
    """distances of EfficientNet-Lite2's features: `srgan_training.evaluation.realism`"""
    lite2_stage3: float
    lite2_stage4: float
    lite2_stage6: float
    lite2_stage8: float
    sam: float
    """spectral angle in degrees"""
    lr_psnr: float
    """dB, the result reduced again by antialiased bicubic against its source"""
    spectrum: float
    """dB between the radially averaged power spectra"""
    spectrum_high: float
    """the same above half of the HR Nyquist frequency"""
    power_high: float
    """dB by which the result has more power than HR above half of the HR Nyquist frequency"""
    drift: float
    """percent of the range between the means of a band, of the worst one"""
    checkerboard: float
    """dB by which a grid stands out, beyond the HR's own"""


def convention_of(pair: Pair, *, eight_bit: bool) -> Convention:
    """Return by which convention of `srgan_training.evaluation.metrics` a pair is measured."""
    return "Y" if eight_bit and len(pair.hr) in (1, 3) else "full range"


def measure(
    sr: Array,
    pair: Pair,
    scale: int,
    *,
    eight_bit: bool,
    low: npt.NDArray[np.float64] | float = 0.0,
    span: npt.NDArray[np.float64] | float = 255.0,
    data_range: float | None = None,
    lpips: Distance | None = None,
    dists: Distance | None = None,
    lite2: Lite2 | None = None,
) -> Values:
    """Measure a result ``(C, H, W)`` beside the pair it was made from, all on [0, 1].

    By the convention ``Y``, planes are Y in 8-bit levels. By ``full range`` they are the bands,
    each brought to its HR's minimum and range; those without contrast are left out, and PSNR takes
    one mean squared error over all. SSIM, GMSD and the spectra are means over the planes; MDSI,
    LPIPS and DISTS are those of grey and RGB images alone, and Lite2 sees other bands one by one.
    All but the LR-PSNR leave out ``scale`` pixels at
    each border.

    Parameters
    ----------
    sr
        The result.
    pair
        LR and HR.
    scale
        Between the two.
    eight_bit
        Whether values are 8-bit levels divided by 255.
    low, span
        ``stored = pixels · span + low``, for the spectral angle and ``data_range``.
    data_range
        The range of images that are not measured in Y, in stored values; None is each HR band's
        maximum − minimum.
    lpips
        The distance of `srgan_training.evaluation.perceptual.load_lpips`.
    dists
        That of `srgan_training.evaluation.dists.load_dists`.
    lite2
        The network of `srgan_training.evaluation.realism.load_lite2`.
    """
    again = bicubic_down(torch.from_numpy(np.ascontiguousarray(sr)[None]), scale)[0].numpy()
    images = [x.astype(np.float64) for x in (sr, pair.hr, again, pair.lr)]
    bands = len(pair.hr)
    sam = spectral_angle(*(crop_border(x * span + low, scale) for x in images[:2]))
    if convention_of(pair, eight_bit=eight_bit) == "full range":
        images = _full_range(images, None if data_range is None else data_range / span)
        if not len(images[0]):
            return replace(Values(**{f.name: float("nan") for f in fields(Values)}), sam=sam)
        a, b = (crop_border(x, scale) for x in images[:2])
        planes = [*zip(a * 255, b * 255, strict=True)]
    else:
        a, b = (crop_border(x, scale) for x in images[:2])
        planes = [(luma(a), luma(b))]
    colours = bands in (1, 3) and len(a) == bands
    spectra = [spectrum_error(x, y) for x, y in planes]
    return Values(
        psnr=psnr(*(np.stack(x) for x in zip(*planes, strict=True))),
        ssim=mean_of([ssim(x, y) for x, y in planes]),
        gmsd=mean_of([gmsd(x, y) for x, y in planes]),
        mdsi=mdsi(a, b) if colours else float("nan"),
        lpips=lpips(a, b) if lpips and colours else float("nan"),
        dists=dists(a, b) if dists and colours else float("nan"),
        **dict(zip(LITE2, stage_distances(lite2, a, b), strict=True)),
        sam=sam,
        lr_psnr=psnr(*images[2:], data_range=1),
        spectrum=mean_of([whole for whole, _ in spectra]),
        spectrum_high=mean_of([high for _, high in spectra]),
        power_high=mean_of([power_above_half_nyquist(x, y) for x, y in planes]),
        drift=drift(a, b),
        checkerboard=mean_of([checkerboard(x, y, scale) for x, y in planes]),
    )


def _full_range(
    images: list[npt.NDArray[np.float64]], peak: npt.NDArray[np.float64] | float | None
) -> list[npt.NDArray[np.float64]]:
    hr = images[1]
    least = hr.min((1, 2), keepdims=True)
    contrast = hr.max((1, 2), keepdims=True) - least
    kept = contrast[:, 0, 0] > 0
    ranges = contrast if peak is None else np.broadcast_to(peak, contrast.shape)
    return [((x - least) / np.where(ranges > 0, ranges, 1))[kept] for x in images]


def known(values: Iterable[float]) -> list[float]:
    """Return what is not NaN."""
    return [v for v in values if not np.isnan(v)]


def mean_of(values: list[float]) -> float:
    """Return the mean of what is not NaN; NaN where nothing is left."""
    found = known(values)
    return float(np.mean(found)) if found else float("nan")
