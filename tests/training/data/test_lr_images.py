from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from srgan_training.config import Source
from srgan_training.data.datasets import load_source, make_sampler
from srgan_training.data.patches import make_pair
from srgan_training.images import Image, PixelStore, ScaledPixels, find_images, load_images
from tests.training.phases.test_fidelity import CONFIG


def test_noise_is_drawn_as_often_as_asked(data: Path) -> None:
    noisy = {"kind": "poisson_gaussian", "photons": 100, "read": 0.01}
    source = Source(("train",), degradation=["bicubic", noisy])
    once = load_source(source, data, CONFIG, PixelStore())
    often = load_source(replace(source, draws=3), data, CONFIG, PixelStore())
    assert len(often) == 3 * len(once)
    for i, pair in enumerate(once):
        first, *others = often[3 * i : 3 * i + 3]
        np.testing.assert_array_equal(first.lr[:], pair.lr[:])
        for other in others:
            assert np.abs(other.lr[:] - pair.lr[:]).mean() > 0.02
            # HR is kept once.
            assert other.hr is first.hr
    assert not np.array_equal(often[1].lr[:], often[2].lr[:])
    with pytest.raises(ValueError, match="train: draws is 3, but nothing in its LR is random"):
        load_source(Source(("train",), draws=3), data, CONFIG, PixelStore())


def test_hr_is_changed_before_its_lr_is_made(data: Path) -> None:
    grain = {"kind": "poisson_gaussian", "read": [0.01, 0.1]}
    grainy = Source(("train",), scene=grain, draws=8)
    (plain, *_), (*drawn,) = (
        load_source(source, data, CONFIG, PixelStore()) for source in (Source(("train",)), grainy)
    )
    store = PixelStore(room := 10**9)
    # HR that is changed is not kept beside what it is changed to.
    again = [pair.hr for pair in load_source(grainy, data, CONFIG, store)]
    assert room - store.memory_budget == sum(
        hr.stored.nbytes for hr in again if isinstance(hr, ScaledPixels)
    )
    deviations = []
    for pair in drawn[:8]:
        expected = make_pair(Image(pair.hr[:], eight_bit=True), CONFIG.scale).lr
        np.testing.assert_array_equal(pair.lr[:], expected)
        # Noise goes below the darkest and above the brightest level, where it is clipped.
        inside = (plain.hr[:] > 0.3) & (plain.hr[:] < 0.7)
        deviations.append(float((pair.hr[:] - plain.hr[:])[inside].std()))
    assert 0.009 < min(deviations) < 0.04 < 0.05 < max(deviations) < 0.11
    with pytest.raises(ValueError, match="train: has a scene, but its LR is not made"):
        load_source(replace(grainy, lr=("train",), draws=1), data, CONFIG, PixelStore())
    with pytest.raises(ValueError, match="none must"):
        load_source(replace(grainy, scene="bicubic"), data, CONFIG, PixelStore())
    # Said before any other source is read, which may take minutes.
    late = replace(CONFIG, sources=(Source(("nowhere",)), replace(grainy, scene="bicubic")))
    with pytest.raises(ValueError, match="none must"):
        make_sampler(late, data)


def test_an_image_is_kept_in_the_bytes_of_its_file(data: Path) -> None:
    (pair, *_) = load_source(Source(("train",)), data, CONFIG, PixelStore())
    assert isinstance(pair.hr, ScaledPixels)
    assert isinstance(pair.lr, ScaledPixels)
    assert pair.hr.stored.dtype == pair.lr.stored.dtype == np.uint8
    (image, *_) = load_images(find_images(data / "train"))
    straight = make_pair(image, CONFIG.scale)
    assert np.array_equal(pair.read().lr, straight.lr)
    assert np.array_equal(pair.read().hr, straight.hr)
