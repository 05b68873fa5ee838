"""What a student learns from beside the HR images: the results of a better model on the same LR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from rich.progress import track

from napari_srgan import Model, load_model

from ..config import Config, Source
from ..images import Array, PixelStore, as_scaled
from ..upscaling import enlarge
from .patches import StoredPair


def teacher_of(source: Source, config: Config) -> str | None:
    """Return the name of the model that teaches on a source's images, None where none does.

    Raises
    ------
    ValueError
        If the phase is the adversarial one, which has no teacher.
    """
    name = source.teacher or config.teacher
    if name is not None and config.adversarial is not None:
        raise ValueError(f"{config.name}: has a teacher; the adversarial phase takes none")
    return name


def load_teacher(name: str, config: Config) -> Model:
    """Return a teacher.

    Raises
    ------
    ValueError
        If its scale or its channels are others than those of what is trained.
    """
    model = load_model(name)
    if (model.scale, model.channels) != (config.scale, config.channels):
        raise ValueError(
            f"the teacher {name} is ×{model.scale} with {model.channels} channels; "
            f"{config.name} is ×{config.scale} with {config.channels}"
        )
    return model


def taught(
    sources: Sequence[Sequence[StoredPair]], config: Config, store: PixelStore
) -> list[list[StoredPair]]:
    """Return the pairs of each source with what its teacher makes of their LR.

    Those of a source that has none stay as they are. Each image is enlarged whole and once, which
    is less work than to enlarge every patch of it that is drawn; each process of a distributed run
    does so by itself. Images smaller than a patch, of which none is drawn, are left out.
    """
    names = [teacher_of(source, config) for source in config.sources]
    teachers = {name: load_teacher(name, config) for name in names if name is not None}

    def teach(pair: StoredPair, teacher: Model) -> StoredPair:
        sr = in_all_ways(pair.lr[:], teacher, config.teacher_ways, config.teacher_consistency)
        return replace(pair, taught=store.store_pixels(as_scaled(sr.astype(np.float16))))

    return [
        list(pairs)
        if name is None
        else [
            teach(pair, teachers[name])
            for pair in track(pairs, f"{teachers[name].card.name} teaches")
            if min(pair.lr.shape[1:]) >= config.patch
        ]
        for pairs, name in zip(sources, names, strict=True)
    ]


def in_all_ways(lr: Array, model: Model, ways: int, consistency: int = 0) -> Array:
    """Return the mean of what a model makes of an image ``(C, h, w)`` that is turned and flipped.

    ``ways`` is 1 for the image as it is, 2 with rows reversed, 4 with columns too, 8 with rows and
    columns swapped. ``consistency`` is the number of steps of back-projection after the model.

    Notes
    -----
    The mean over all eight is better than each by some 0.05 to 0.1 dB (Timofte et al. 2016, *Seven
    ways to improve example-based single image super resolution*, section 3.5).
    """
    results = []
    for way in range(ways):
        axes = tuple(axis for axis, bit in ((1, 1), (2, 2)) if way & bit)
        seen = np.flip(lr.swapaxes(1, 2) if way & 4 else lr, axes)
        sr = enlarge(np.ascontiguousarray(seen), model, consistency, eight_bit=False, limited=False)
        sr = np.flip(sr, axes)
        results.append(sr.swapaxes(1, 2) if way & 4 else sr)
    return np.asarray(np.mean(results, axis=0), np.float32)
