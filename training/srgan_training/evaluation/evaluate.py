"""Measures models on folders of HR images, beside bicubic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from math import nan
from pathlib import Path

from napari_srgan import Model, list_models, load_model

from ..data.patches import Pair
from ..images import Array
from ..upscaling import enlarge
from .benchmark_images import (
    Case,
    Degradation,
    Reduction,
    read_cases,
)
from .dists import load_dists
from .perceptual import load_lpips
from .realism import Realism, load_lite2
from .scores import (
    Values,
    convention_of,
    known,
    mean_of,
    measure,
)
from .strips import Strips

BICUBIC = "bicubic"


@dataclass(frozen=True)
class Row:
    """What is measured: a model, or bicubic where it is None."""

    label: str
    scale: int
    model: Model | None = None
    detail: float | None = None
    """which of a two-ended model's details this is; None for its default"""


@dataclass(frozen=True)
class Score(Values):
    """What was measured of one row on one folder: means over the images."""

    model: str
    """label of the row"""
    folder: str
    images: int
    scale: int
    detail: float | None
    convention: str
    """of the images, see `srgan_training.evaluation.metrics`"""
    worst_lr_psnr: float
    """of the worst image, like the next"""
    worst_drift: float
    kid: float
    """kernel inception distance of results from HR images: `srgan_training.evaluation.kid`"""
    kid_error: float
    """standard error of it"""
    lr: str
    """where the LR images came from"""
    consistency: int
    """steps of back-projection after the model"""
    note: str = ""
    """what could not be measured, and why"""


def choose_rows(names: Sequence[str], details: Sequence[float] = ()) -> list[Row]:
    """Return bicubic at every scale that occurs, then the models.

    Parameters
    ----------
    names
        Names or files of models.
    details
        Each gives a row of its own for every model that has two ends.

    Raises
    ------
    ModelError
        If a model is not known or cannot be used.
    ValueError
        If a detail is not in [0, 1], or given and no model has two ends.
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
    plain = [Row(BICUBIC if len(scales) == 1 else f"{BICUBIC} ×{s}", s) for s in scales]
    return plain + rows


def run(
    case: Case, row: Row, reduction: Reduction, number: int, consistency: int
) -> tuple[Array, Pair]:
    """Return the result of a row for an image, and the pair to compare it with.

    A grey image that went through a model of three channels as R = G = B comes back as grey.
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
) -> Iterator[Score]:
    """Yield the score of bicubic and of each model on each folder.

    Parameters
    ----------
    names
        Names or files of models of any scale.
    folders
        Of HR images.
    consistency
        Steps of back-projection after the models.
    details
        Each gives a row of its own for every model that has two ends.
    lr
        Folders of LR images, one for each of ``folders``; none: they are made.
    degradation
        Makes the LR; None is antialiased bicubic.
    data_range
        The range of images deeper than 8 bits, in the values of their files; None is each HR
        band's maximum − minimum.
    strips
        Folder for pictures of the results side by side.

    Raises
    ------
    FileNotFoundError
        If a folder has no image.
    ModelError, ValueError
        If a model, an image or an option cannot be used, saying which and why.
    """
    if lr and len(lr) != len(folders):
        raise ValueError(f"{len(lr)} LR folders for {len(folders)} HR folders; give one for each")
    if data_range is not None and not data_range > 0:
        raise ValueError(f"data_range={data_range!r}; it must be above 0")
    reductions = [Reduction(lr[i] if lr else None, degradation) for i in range(len(folders))]
    rows = choose_rows(names, details)
    (lpips, *notes), (dists, also), (lite2, more) = load_lpips(), load_dists(), load_lite2()
    note = "; ".join(text for text in (*notes, also, more) if text)
    labels = [folder.resolve().name for folder in folders]
    for folder, label, reduction in zip(folders, labels, reductions, strict=True):
        label = str(folder) if labels.count(label) > 1 else label
        cases = read_cases(folder)
        drawn = Strips()
        for row in rows:
            values: list[Values] = []
            conventions: set[str] = set()
            realism = Realism(lite2)
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
                realism.add(sr, pair.hr, eight_bit=case.image.eight_bit)
                conventions.add(convention_of(pair, eight_bit=case.image.eight_bit))
                if strips is not None:
                    drawn.add(case.name, row.label, row.scale, sr, pair, values[-1].psnr)
            means = {f.name: mean_of([getattr(v, f.name) for v in values]) for f in fields(Values)}
            distance, error = realism.kid()
            yield Score(
                **means,
                model=row.label,
                folder=label,
                images=len(cases),
                scale=row.scale,
                detail=row.detail,
                convention=" and ".join(sorted(conventions, reverse=True)),
                worst_lr_psnr=min(known(v.lr_psnr for v in values), default=nan),
                worst_drift=max(known(v.drift for v in values), default=nan),
                kid=distance,
                kid_error=error,
                lr=str(reduction),
                consistency=consistency if row.model else 0,
                note=note,
            )
        if strips is not None:
            drawn.write(strips / "-".join(Path(label).relative_to(Path(label).anchor).parts))
