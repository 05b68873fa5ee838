"""Output of scores as Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite, isnan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .evaluate import Score

COLUMNS = (
    ("PSNR dB ↑", "{0.psnr:.2f}"),
    ("SSIM ↑", "{0.ssim:.4f}"),
    ("GMSD ↓", "{0.gmsd:.4f}"),
    ("MDSI ↓", "{0.mdsi:.4f}"),
    ("LPIPS ↓", "{0.lpips:.4f}"),
    ("DISTS ↓", "{0.dists:.4f}"),
    (
        "Lite2 stages 2, 3, 4, 6, 8 ↓",
        "{0.lite2_stage2:.3f}, {0.lite2_stage3:.3f}, {0.lite2_stage4:.3f}, {0.lite2_stage6:.3f}, "
        "{0.lite2_stage8:.3f}",
    ),
    ("KID ± error ↓", "{0.kid:.3f} ± {0.kid_error:.3f}"),
    ("SAM ° ↓", "{0.sam:.2f}"),
    ("LR-PSNR dB (worst) ↑", "{0.lr_psnr:.1f} ({0.worst_lr_psnr:.1f})"),
    ("spectrum dB ↓", "{0.spectrum:.2f}"),
    ("above ½ Nyquist dB ↓", "{0.spectrum_high:.2f}"),
    ("power there dB → 0", "{0.power_high:+.1f}"),
    ("drift % (worst) ↓", "{0.drift:.3f} ({0.worst_drift:.3f})"),
    ("grid dB ↓", "{0.checkerboard:.1f}"),
)
LEGEND = (
    "Means over the images of a folder; ↑ more is better, ↓ less is better, – not measured.",
    "Convention Y: 8-bit images, Y of BT.601 studio range rounded to 8 bits, peak 255. Full range: "
    "all others, each band as it is, peak = maximum − minimum of the HR band unless given.",
    "PSNR, SSIM: `scale` pixels cut at each border; SSIM with an 11 × 11 Gaussian window of σ 1.5.",
    "GMSD: gradient magnitude similarity deviation (Xue et al. 2014), on the same planes.",
    "MDSI: mean deviation similarity index (Nafchi et al. 2016), of grey and RGB images.",
    "Lite2: distance of the features of EfficientNet-Lite2 (ImageNet), of unit length across "
    "channels, at strides 2, 4, 8, 16 and 32; 0 for equal images, 4 at most.",
    "KID: kernel distance between the results of a folder and its HR images, of the means and "
    "deviations of Lite2's stages 2 to 4 in patches of 64 × 64 pixels (after Bińkowski et al. "
    "2018), and its standard error over images. It compares sets and not pixels, and says "
    "little of a few small images.",
    "SAM: spectral angle between the bands, in degrees.",
    "LR-PSNR: the result, reduced by antialiased bicubic, against its LR image, in all bands "
    "and to the border; peak as above.",
    "Spectrum: mean difference in dB between the radially averaged power spectra of result and HR, "
    "over all frequencies and over those above half of the HR Nyquist frequency. Power there: how "
    "much more (+) or less (−) of it the result has than HR; less is blur.",
    "Drift: difference between the means of a band, the worst of an image, in percent of the "
    "range.",
    "Grid: dB by which lines at multiples of 1/scale cycles per HR pixel, as a pixel shuffle "
    "leaves them, stand out of the spectrum beyond those of the HR; 0 is none.",
)


def as_markdown(scores: Sequence[Score]) -> str:
    """Return scores as a Markdown table with a row per model and folder, and a legend."""
    heads = ["model", "images", "scale", "convention", *(head for head, _ in COLUMNS)]
    lines = ["| " + " | ".join(heads) + " |", "|---" * 4 + "|--:" * len(COLUMNS) + "|"]
    for s in scores:
        cells = [s.model, f"{s.folder} ({s.images})", f"×{s.scale}", s.convention]
        cells += [text.format(s) for _, text in COLUMNS]
        lines.append(
            "| " + " | ".join("–" if c.lstrip("+").startswith("nan") else c for c in cells) + " |"
        )
    lr = " and ".join(dict.fromkeys(s.lr for s in scores))
    steps = max((s.consistency for s in scores), default=0)
    made = f"LR images: {lr}. Back-projection after the models: {steps} steps."
    notes = [f"{note}." for note in dict.fromkeys(s.note for s in scores) if note]
    return "\n".join([*lines, "", *(f"* {line}" for line in [*LEGEND, made, *notes])])


def as_json(scores: Sequence[Score]) -> str:
    """Return scores as JSON; missing values are null, an infinite PSNR is ``"inf"``."""

    def plain(value: object) -> object:
        if not isinstance(value, float) or isfinite(value):
            return value
        return None if isnan(value) else str(value)

    rows = [{key: plain(value) for key, value in asdict(s).items()} for s in scores]
    return json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False)
