"""Plot of the perception-distortion trade-off of models."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluate import Score


def plot_tradeoff(scores: Sequence[Score], path: Path) -> Path:
    """Write a plot of KID over PSNR with a panel per folder; the suffix sets the format.

    The details of a model with two ends are connected by a line. Better values are to the right
    (less distortion) and at the bottom (better perceptual quality); no method can be optimal in
    both (Blau and Michaeli 2018, *The Perception-Distortion Tradeoff*, arXiv:1711.06077).

    Raises
    ------
    ValueError
        If matplotlib is not installed, or no row has a KID.
    """
    measured = [score for score in scores if not isnan(score.kid)]
    if not measured:
        raise ValueError(
            "there is no KID to plot: "
            + (scores[0].note if scores and scores[0].note else "images are smaller than 64 × 64")
        )
    try:
        figures: Any = import_module("matplotlib.figure")
    except ImportError as error:
        raise ValueError("a plot needs matplotlib: `pip install matplotlib` adds it") from error
    folders = list(dict.fromkeys(score.folder for score in measured))
    figure = figures.Figure(figsize=(5 * len(folders), 4.5), layout="constrained")
    panels = figure.subplots(1, len(folders), squeeze=False)[0]
    for panel, folder in zip(panels, folders, strict=True):
        for model, points in lines_of([s for s in measured if s.folder == folder]).items():
            errors = [0 if isnan(s.kid_error) else s.kid_error for s in points]
            panel.errorbar(
                [s.psnr for s in points],
                [s.kid for s in points],
                yerr=errors,
                marker="o",
                capsize=2,
                label=model,
            )
            for score in points:
                text = model if score.detail is None else f"{score.detail:g}"
                at = (score.psnr, score.kid)
                panel.annotate(text, at, xytext=(4, 4), textcoords="offset points", fontsize=8)
        panel.set(title=folder, xlabel="PSNR in dB", ylabel="KID (Lite2), less is more like HR")
        panel.set_ylim(bottom=min(0, *(s.kid for s in measured)))
        panel.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return path


def lines_of(scores: Sequence[Score]) -> dict[str, list[Score]]:
    """Return the rows by model, sorted by detail; a row without a detail is a model."""
    lines: dict[str, list[Score]] = {}
    for score in scores:
        name = score.model if score.detail is None else score.model.rsplit(", detail ", 1)[0]
        lines.setdefault(name, []).append(score)
    return {
        name: sorted(rows, key=lambda s: 0 if s.detail is None else s.detail)
        for name, rows in lines.items()
    }
