"""All metrics of one result."""

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
from .metrics import crop_border, drift, luma, psnr, spectral_angle, ssim
from .perceptual import Distance, gmsd, mdsi
from .realism import STAGES, Lite2, stage_distances
from .spectrum import checkerboard, power_above_half_nyquist, spectrum_error

LITE2 = tuple(f"lite2_{stage}" for stage in STAGES)
Convention = Literal["Y", "full range"]


@dataclass(frozen=True)
class Values:
    """Metrics of a result, or means over several; NaN is a metric that was not measured."""

    psnr: float
    """peak signal-to-noise ratio in dB"""
    ssim: float
    gmsd: float
    mdsi: float
    lpips: float
    dists: float
    lite2_stage2: float
    """feature distance of EfficientNet-Lite2, see `srgan_training.evaluation.realism`"""
    lite2_stage3: float
    lite2_stage4: float
    lite2_stage6: float
    lite2_stage8: float
    sam: float
    """spectral angle in degrees"""
    lr_psnr: float
    """PSNR in dB of the result, reduced by antialiased bicubic, against its LR image"""
    spectrum: float
    """mean absolute difference in dB between radially averaged power spectra of result and HR"""
    spectrum_high: float
    """the same difference above half of the HR Nyquist frequency"""
    power_high: float
    """power of the result relative to HR in dB, above half of the HR Nyquist frequency"""
    drift: float
    """largest difference between band means of result and HR, in percent of the range"""
    checkerboard: float
    """excess of a pixel-shuffle grid over that of HR in dB"""


def convention_of(pair: Pair, *, eight_bit: bool) -> Convention:
    """Return the convention for a pair, see `srgan_training.evaluation.metrics`."""
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
    """Measure a result ``(C, H, W)`` against its LR/HR pair, all on [0, 1].

    In the convention ``Y``, planes are Y in 8-bit levels. In ``full range`` they are the bands,
    each scaled to minimum and range of its HR band; constant bands are left out, and PSNR is
    computed from one mean squared error over all. SSIM, GMSD and spectra are means over the planes.
    MDSI, LPIPS and DISTS are measured for grey and RGB images only; Lite2 processes other bands
    separately. All metrics except LR-PSNR crop ``scale`` pixels at each border.

    Parameters
    ----------
    sr
        Result of the model.
    pair
        LR and HR image.
    scale
        Scale between the two.
    eight_bit
        Whether values are 8-bit levels divided by 255.
    low, span
        Scaling ``stored = pixels · span + low``, for the spectral angle and ``data_range``.
    data_range
        Range in stored values, for the convention ``full range``; None is maximum − minimum of each
        HR band.
    lpips
        LPIPS, from `srgan_training.evaluation.perceptual.load_lpips`.
    dists
        DISTS, from `srgan_training.evaluation.dists.load_dists`.
    lite2
        Network, from `srgan_training.evaluation.realism.load_lite2`.
    """
    reduced_sr = bicubic_down(torch.from_numpy(np.ascontiguousarray(sr)[None]), scale)[0].numpy()
    images = [x.astype(np.float64) for x in (sr, pair.hr, reduced_sr, pair.lr)]
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
        ssim=nan_mean([ssim(x, y) for x, y in planes]),
        gmsd=nan_mean([gmsd(x, y) for x, y in planes]),
        mdsi=mdsi(a, b) if colours else float("nan"),
        lpips=lpips(a, b) if lpips and colours else float("nan"),
        dists=dists(a, b) if dists and colours else float("nan"),
        **dict(zip(LITE2, stage_distances(lite2, a, b), strict=True)),
        sam=sam,
        lr_psnr=psnr(*images[2:], data_range=1),
        spectrum=nan_mean([whole for whole, _ in spectra]),
        spectrum_high=nan_mean([high for _, high in spectra]),
        power_high=nan_mean([power_above_half_nyquist(x, y) for x, y in planes]),
        drift=drift(a, b),
        checkerboard=nan_mean([checkerboard(x, y, scale) for x, y in planes]),
    )


def _full_range(
    images: list[npt.NDArray[np.float64]], peak: npt.NDArray[np.float64] | float | None
) -> list[npt.NDArray[np.float64]]:
    hr = images[1]
    minimum = hr.min((1, 2), keepdims=True)
    contrast = hr.max((1, 2), keepdims=True) - minimum
    kept = contrast[:, 0, 0] > 0
    ranges = contrast if peak is None else np.broadcast_to(peak, contrast.shape)
    return [((x - minimum) / np.where(ranges > 0, ranges, 1))[kept] for x in images]


def without_nan(values: Iterable[float]) -> list[float]:
    """Return the values that are not NaN."""
    return [v for v in values if not np.isnan(v)]


def nan_mean(values: list[float]) -> float:
    """Return the mean of the values that are not NaN; NaN if there are none."""
    measured = without_nan(values)
    return float(np.mean(measured)) if measured else float("nan")
