"""Knowledge distillation: targets made by a teacher.

A teacher is a model whose SR images serve as training targets beside the HR images. Source: Hinton
et al. 2015, *Distilling the Knowledge in a Neural Network*, arXiv:1503.02531.
"""

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
    """Return the name of the teacher for a source, None if it has none.

    Raises
    ------
    ValueError
        If the configuration has an adversarial phase, which does not use a teacher.
    """
    name = source.teacher or config.teacher
    phases = {"adversarial": config.adversarial, "projected": config.projected}
    for section, phase in phases.items():
        if name is not None and phase is not None:
            raise ValueError(
                f"{config.name}: has a teacher ({name}); the adversarial phase takes none: leave "
                f"out 'teacher', or '{section}' to train the fidelity phase"
            )
    return name


def load_teacher(name: str, config: Config) -> Model:
    """Load a teacher and check that it fits the configuration.

    Raises
    ------
    ValueError
        If its scale or number of channels differs from that of the configuration.
    """
    model = load_model(name)
    if (model.scale, model.channels) != (config.scale, config.channels):
        raise ValueError(
            f"the teacher {name} is ×{model.scale} with {model.channels} channels; "
            f"{config.name} is ×{config.scale} with {config.channels}"
        )
    return model


def add_teacher_targets(
    sources: Sequence[Sequence[StoredPair]], config: Config, store: PixelStore
) -> list[list[StoredPair]]:
    """Return the pairs of each source with the SR images of its teacher.

    Pairs of a source without a teacher are returned unchanged. The teacher processes each whole
    image once rather than every drawn patch, in each process of a distributed run. Images smaller
    than a patch are left out.
    """
    names = [teacher_of(source, config) for source in config.sources]
    teachers = {name: load_teacher(name, config) for name in names if name is not None}

    def with_target(pair: StoredPair, teacher: Model) -> StoredPair:
        sr = self_ensemble(pair.lr[:], teacher, config.teacher_ways, config.teacher_consistency)
        return replace(pair, teacher_sr=store.store_pixels(as_scaled(sr.astype(np.float16))))

    return [
        list(pairs)
        if name is None
        else [
            with_target(pair, teachers[name])
            for pair in track(pairs, f"{teachers[name].card.name} teaches")
            if min(pair.lr.shape[1:]) >= config.patch
        ]
        for pairs, name in zip(sources, names, strict=True)
    ]


def self_ensemble(lr: Array, model: Model, transforms: int, consistency: int = 0) -> Array:
    """Upscale ``(C, h, w)`` with a geometric self-ensemble (×8 with all transforms).

    The model is applied to transformed copies of the image; its results are transformed back and
    averaged.

    Parameters
    ----------
    lr
        LR image on [0, 1].
    model
        Model that is applied to every copy.
    transforms
        Number of copies: 1 is the image itself, 2 adds the flip along Y, 4 the flips along X, and 8
        the transposed copies.
    consistency
        Number of back-projection steps after the model.

    Notes
    -----
    The mean over eight transforms has a PSNR higher by about 0.05 to 0.1 dB than a single one
    (Timofte et al. 2016, *Seven ways to improve example-based single image super resolution*,
    section 3.5).
    """
    results = []
    for index in range(transforms):
        axes = tuple(axis for axis, bit in ((1, 1), (2, 2)) if index & bit)
        transformed = np.flip(lr.swapaxes(1, 2) if index & 4 else lr, axes)
        sr = enlarge(
            np.ascontiguousarray(transformed), model, consistency, eight_bit=False, limited=False
        )
        sr = np.flip(sr, axes)
        results.append(sr.swapaxes(1, 2) if index & 4 else sr)
    return np.asarray(np.mean(results, axis=0), np.float32)
