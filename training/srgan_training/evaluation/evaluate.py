"""Evaluation of models and bicubic interpolation on folders of HR images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from math import nan
from pathlib import Path

from napari_srgan import Model, list_models, load_model

from ..data.patches import Pair
from ..images import Array
from ..upscaling import enlarge
from .benchmark_images import Case, Degradation, Reduction, read_cases
from .dists import load_dists
from .perceptual import load_lpips
from .realism import Realism, load_lite2
from .scores import Values, convention_of, measure, nan_mean, without_nan
from .strips import Strips

BICUBIC = "bicubic"
"""label of the rows of bicubic interpolation"""


@dataclass(frozen=True)
class Row:
    """A row of the table of results: a model, or bicubic interpolation."""

    label: str
    """name in the table"""
    scale: int
    model: Model | None = None
    """model to evaluate; None is bicubic interpolation"""
    detail: float | None = None
    """detail of a model with two ends; None is its default"""


@dataclass(frozen=True)
class Score(Values):
    """Metrics of one row on one folder: means over the images."""

    model: str
    """label of the row"""
    folder: str
    """name of the folder of HR images"""
    images: int
    """number of images"""
    scale: int
    detail: float | None
    """detail of a model with two ends, None for its default"""
    convention: str
    """conventions of the images, see `srgan_training.evaluation.metrics`"""
    worst_lr_psnr: float
    """lowest LR-PSNR of an image in dB"""
    worst_drift: float
    """largest drift of an image in percent of the range"""
    kid: float
    """kernel distance between results and HR images, see `srgan_training.evaluation.kid`"""
    kid_error: float
    """standard error of the kernel distance"""
    lr: str
    """origin of the LR images"""
    consistency: int
    """number of back-projection steps after the model"""
    note: str = ""
    """metrics that could not be measured, with the reasons"""


def choose_rows(names: Sequence[str], details: Sequence[float] = ()) -> list[Row]:
    """Return the rows of bicubic interpolation at all scales, then those of the models.

    Parameters
    ----------
    names
        Names or files of models.
    details
        Details, each a separate row for every model with two ends.

    Raises
    ------
    ModelError
        If a model is unknown or cannot be used.
    ValueError
        If a detail lies outside [0, 1], or is given although no model has two ends.
    """
    two_ended = {card.name for card in list_models() if card.both_ends}.intersection(names)
    if details and not two_ended:
        raise ValueError(
            f"detail={','.join(f'{d:g}' for d in details)}, but no model of two ends was given; "
            f"given were {', '.join(names) or 'none'} (a model has both by its name, not its file)"
        )
    rows = []
    for name in names:
        chosen: Sequence[float | None] = details if details and name in two_ended else [None]
        for detail in chosen:
            model = load_model(name, detail=detail)
            label = name if detail is None else f"{name}, detail {detail:g}"
            rows.append(Row(label, model.scale, model, detail))
    scales = sorted({row.scale for row in rows}) or [4]
    bicubic_rows = [Row(BICUBIC if len(scales) == 1 else f"{BICUBIC} ×{s}", s) for s in scales]
    return bicubic_rows + rows


def run(
    case: Case, row: Row, reduction: Reduction, number: int, consistency: int
) -> tuple[Array, Pair]:
    """Return the result of a row for an image, and its LR/HR pair.

    The result of an RGB model for a grey image is averaged to grey.
    """
    bands = case.image.pixels.shape[0]
    channels = bands if row.model is None else row.model.channels
    pair = reduction.pair(case, channels, row.scale, number)
    steps = 0 if row.model is None else consistency
    sr = enlarge(pair.lr, row.model, steps, scale=row.scale, eight_bit=case.image.eight_bit)
    if bands < len(pair.hr):
        return sr.mean(0, keepdims=True), Pair(pair.lr[:1], pair.hr[:1])
    return sr, pair


def evaluate(
    names: Sequence[str],
    folders: Sequence[Path],
    *,
    consistency: int = 0,
    details: Sequence[float] = (),
    lr: Sequence[Path] = (),
    degradation: Degradation | None = None,
    data_range: float | None = None,
    strips: Path | None = None,
    realism: bool = True,
) -> Iterator[Score]:
    """Yield the scores of bicubic interpolation and of each model on each folder.

    Parameters
    ----------
    names
        Names or files of models of any scale.
    folders
        Folders of HR images.
    consistency
        Number of back-projection steps after the models.
    details
        Details, each a separate row for every model with two ends.
    lr
        Folders of LR images, one for each of ``folders``; empty synthesises them.
    degradation
        Degradation that makes the LR images; None is antialiased bicubic.
    data_range
        Range of images of more than 8 bits in the values of their files; None is maximum − minimum
        of each HR band.
    strips
        Folder for pictures that show the results side by side.
    realism
        Whether KID and feature distances are computed, which takes most of the time.

    Raises
    ------
    FileNotFoundError
        If a folder contains no image.
    ModelError, ValueError
        If a model, an image or an option is invalid.
    """
    if lr and len(lr) != len(folders):
        raise ValueError(f"{len(lr)} LR folders for {len(folders)} HR folders; give one for each")
    if data_range is not None and not data_range > 0:
        raise ValueError(f"data_range={data_range!r}; it must be above 0")
    reductions = [Reduction(lr[i] if lr else None, degradation) for i in range(len(folders))]
    rows = choose_rows(names, details)
    (lpips, *notes), (dists, dists_note) = load_lpips(), load_dists()
    lite2, lite2_note = load_lite2() if realism else (None, "")
    note = "; ".join(text for text in (*notes, dists_note, lite2_note) if text)
    labels = [folder.resolve().name for folder in folders]
    for folder, label, reduction in zip(folders, labels, reductions, strict=True):
        label = str(folder) if labels.count(label) > 1 else label
        cases = read_cases(folder)
        drawn = Strips()
        for row in rows:
            values: list[Values] = []
            conventions: set[str] = set()
            distribution = Realism(lite2)
            for number, case in enumerate(cases):
                sr, pair = run(case, row, reduction, number, consistency)
                values.append(
                    measure(
                        sr,
                        pair,
                        row.scale,
                        eight_bit=case.image.eight_bit,
                        low=case.low,
                        span=case.span,
                        data_range=data_range,
                        lpips=lpips,
                        dists=dists,
                        lite2=lite2,
                    )
                )
                distribution.add(sr, pair.hr, eight_bit=case.image.eight_bit)
                conventions.add(convention_of(pair, eight_bit=case.image.eight_bit))
                if strips is not None:
                    drawn.add(case.name, row.label, row.scale, sr, pair, values[-1].psnr)
            means = {f.name: nan_mean([getattr(v, f.name) for v in values]) for f in fields(Values)}
            distance, error = distribution.kid()
            yield Score(
                **means,
                model=row.label,
                folder=label,
                images=len(cases),
                scale=row.scale,
                detail=row.detail,
                convention=" and ".join(sorted(conventions, reverse=True)),
                worst_lr_psnr=min(without_nan(v.lr_psnr for v in values), default=nan),
                worst_drift=max(without_nan(v.drift for v in values), default=nan),
                kid=distance,
                kid_error=error,
                lr=str(reduction),
                consistency=consistency if row.model else 0,
                note=note,
            )
        if strips is not None:
            drawn.write(strips / "-".join(Path(label).relative_to(Path(label).anchor).parts))
