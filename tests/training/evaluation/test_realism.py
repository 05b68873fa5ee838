from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut
from typer.testing import CliRunner

from srgan_training.cli import app
from srgan_training.evaluation.dists import load_dists
from srgan_training.evaluation.evaluate import Score, evaluate
from srgan_training.evaluation.perception_distortion import lines_of, plot_tradeoff
from srgan_training.evaluation.realism import (
    KID_STAGES,
    STAGES,
    Lite2,
    Realism,
    load_lite2,
    stage_distances,
)
from srgan_training.evaluation.report import as_json, as_markdown
from srgan_training.evaluation.scores import LITE2
from srgan_training.evaluation.spectrum import power_above_half_nyquist
from srgan_training.networks import feature_weights
from srgan_training.networks.feature_networks import FeatureNetwork
from srgan_training.networks.feature_weights import has_wheel

rng = np.random.default_rng(0)
needs_lite2 = pytest.mark.skipif(not has_wheel("efficientnet-lite2"), reason="no wheel of Lite2")


@pytest.fixture(scope="module")
def lite2() -> Lite2:
    """Return the network with random weights."""
    first, second = (
        FeatureNetwork("efficientnet-lite2", stages, weights=None)
        for stages in (STAGES, KID_STAGES)
    )
    return Lite2(first, second)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of three images of fine grain."""
    (tmp_path / "grain").mkdir()
    for i in range(3):
        pixels = rng.integers(60, 200, (136, 144, 3), "uint8")
        Image.fromarray(pixels).save(tmp_path / "grain" / f"{i}.png")
    return tmp_path / "grain"


def test_distances_of_stages_are_those_of_the_images(lite2: Lite2) -> None:
    a, b = rng.random((2, 3, 70, 90))
    assert stage_distances(lite2, a, a) == [0] * 5
    found = stage_distances(lite2, a, b)
    assert len(found) == 5
    assert all(0 < d < 4 for d in found)
    assert stage_distances(lite2, a, b + 5) == stage_distances(lite2, a, np.ones_like(b))
    assert np.isnan(stage_distances(lite2, a[:, :31], b[:, :31])).all()
    assert np.isnan(stage_distances(None, a, b)).all()


def test_a_large_image_is_the_mean_over_its_blocks(lite2: Lite2) -> None:
    a, b = rng.random((2, 1, 64, 512))
    halves = [stage_distances(lite2, a[..., s], b[..., s]) for s in np.s_[:256, 256:]]
    assert stage_distances(lite2, a, b) == pytest.approx(np.mean(halves, 0), rel=1e-5)


def test_deep_bands_are_seen_on_their_own_range(lite2: Lite2) -> None:
    hr = rng.random((2, 64, 128))
    sr = hr + 0.1 * rng.random(hr.shape)
    plain, scaled = Realism(lite2), Realism(lite2)
    plain.add(sr, hr, eight_bit=False)
    shift, gain = np.array([3, -1.0])[:, None, None], np.array([900, 0.01])[:, None, None]
    flat = np.ones((1, 64, 128))
    scaled.add(
        np.concatenate([sr * gain + shift, 0 * flat]),
        np.concatenate([hr * gain + shift, flat]),
        eight_bit=False,
    )
    assert scaled.kid()[0] == pytest.approx(plain.kid()[0], rel=1e-4)
    assert np.isnan(Realism(None).kid()).all()


def test_power_above_half_nyquist_has_a_sign() -> None:
    hr = rng.normal(size=(64, 64))
    assert power_above_half_nyquist(hr, hr) == pytest.approx(0)
    assert power_above_half_nyquist(2 * hr, hr) == pytest.approx(20 * np.log10(2))
    blurred = (hr + np.roll(hr, 1, 0) + np.roll(hr, 1, 1) + np.roll(hr, (1, 1), (0, 1))) / 4
    assert power_above_half_nyquist(blurred, hr) < -3
    assert np.isnan(power_above_half_nyquist(hr, np.ones((64, 64))))


def test_dists_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    distance, note = load_dists()
    assert distance is None
    assert "pip install torchvision" in note


def test_without_the_wheel_the_rest_is_measured(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(feature_weights.WHEELS, "efficientnet-lite2", "no_such_wheel")
    (score,) = evaluate([], [folder])
    assert score.psnr > 0
    assert score.power_high < -3
    assert all(np.isnan(getattr(score, name)) for name in (*LITE2, "kid", "kid_error"))
    assert "KID are not measured: the weights of efficientnet-lite2 are not" in score.note
    assert "pip install no-such-wheel" in as_markdown([score])
    with pytest.raises(ValueError, match=r"there is no KID to plot: .*pip install no-such-wheel"):
        plot_tradeoff([score], folder / "plot.png")


def test_kid_and_distances_can_be_left_out(folder: Path, tmp_path: Path) -> None:
    (score,) = evaluate([], [folder], realism=False)
    assert math.isnan(score.kid)
    assert math.isnan(score.lite2_stage2)
    assert math.isfinite(score.psnr)
    command = ["evaluate", "--data", str(folder), "--no-realism", "--plot", str(tmp_path / "a.svg")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    assert "leave out --no-realism" in done.stderr


@needs_lite2
def test_blur_is_told_from_detail(folder: Path) -> None:
    (score,) = evaluate([], [folder])
    assert score.kid > 3 * score.kid_error > 0
    assert all(0 < getattr(score, name) < 4 for name in LITE2)
    assert "| KID ± error ↓ |" in as_markdown([score])
    assert json.loads(as_json([score]))[0]["lite2_stage3"] == score.lite2_stage3


@needs_lite2
def test_real_images_are_nearer_to_others_than_blurred_ones_are() -> None:
    network, note = load_lite2()
    assert note == ""
    photograph = np.moveaxis(astronaut(), -1, 0) / 255
    halves = np.split(photograph[:, :, : photograph.shape[2] // 2 * 2], 2, axis=2)
    blurred = [(h + np.roll(h, 1, 1) + np.roll(h, 1, 2) + np.roll(h, 2, 2)) / 4 for h in halves]
    sharp, soft = Realism(network), Realism(network)
    for half, other, blur in zip(halves, halves[::-1], blurred, strict=True):
        sharp.add(other, half, eight_bit=True)
        soft.add(blur, half, eight_bit=True)
    assert sharp.kid()[0] < soft.kid()[0]


def scores_of(folder: Path) -> list[Score]:
    (one,) = evaluate([], [folder])
    one = replace(one, kid=1.0, kid_error=0.1)
    two = replace(one, model="general, detail 1", detail=1.0, psnr=24, kid=0.2)
    middle = replace(two, model="general, detail 0.5", detail=0.5, psnr=25, kid=0.4)
    return [one, two, middle, replace(two, folder="other"), replace(two, kid=float("nan"))]


def test_details_of_a_model_are_one_line(folder: Path) -> None:
    one, two, middle, *_ = scores_of(folder)
    lines = lines_of([one, two, middle])
    assert lines == {"bicubic": [one], "general": [middle, two]}


def test_a_plot_is_written(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = plot_tradeoff(scores_of(folder), tmp_path / "plots" / "a.png")
    with Image.open(path) as picture:
        assert picture.width > picture.height
        assert len(set(picture.convert("L").tobytes())) > 20


def test_a_plot_without_matplotlib_says_what_to_install(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ValueError, match="a plot needs matplotlib: `pip install matplotlib`"):
        plot_tradeoff(scores_of(folder), tmp_path / "a.png")


@needs_lite2
def test_evaluate_plots(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    command = ["evaluate", "--data", str(folder), "--plot", str(tmp_path / "a.svg")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert (
        "bicubic" in (tmp_path / "a.svg").read_text() or "<svg" in (tmp_path / "a.svg").read_text()
    )
