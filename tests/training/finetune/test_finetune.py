"""From a folder of one's own images to a model that napari-srgan finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from typer.testing import CliRunner

from napari_srgan import ModelCard, list_models, load_model
from napari_srgan.models import Model, save_model
from napari_srgan.nn.generator import Generator
from srgan_training.cli import app
from srgan_training.data.patches import StoredPair
from srgan_training.finetune import finetune
from srgan_training.finetune.dataset import load_dataset
from tests.conftest import MakeModel
from tests.training.conftest import save, waves

rng = np.random.default_rng(0)


@pytest.fixture
def small_start(own_models: Path, make_identity: MakeModel) -> None:
    """Put a small network that repeats pixels in the place of gray-x4."""
    own_models.mkdir()
    model = make_identity(1)
    save_model(own_models / "gray-x4", model.state_dict(), ModelCard("gray-x4", model.card.config))


@pytest.mark.slow
@pytest.mark.usefixtures("small_start")
def test_a_model_that_is_better_is_installed(pairs: Path, tmp_path: Path) -> None:
    command = ["finetune", "--data", str(pairs), "--name", "mine", "--steps", "500"]
    done = CliRunner().invoke(app, [*command, "--batch", "4", "--out", str(tmp_path / "runs")])
    assert done.exit_code == 0, done.output
    assert "6 pairs; HR lies off by" in done.output
    assert "installed: " in done.output
    card = next(card for card in list_models() if card.name == "mine")
    held = card.figures["held out"]
    assert held["psnr"] > held["before"]
    assert card.degradation == "real LR images"
    assert load_model("mine").scale == 4


@pytest.mark.slow
@pytest.mark.usefixtures("small_start")
def test_a_model_that_is_no_better_is_not(pairs: Path, tmp_path: Path) -> None:
    command = ["finetune", "--data", str(pairs), "--name", "mine", "--steps", "1", "--batch", "1"]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "runs")])
    assert done.exit_code == 0, done.output
    assert "mine is not better than what there was, so it is not installed" in done.output
    assert [card.name for card in list_models() if card.name == "mine"] == []


def test_images_are_split_and_none_is_on_both_sides(tmp_path: Path) -> None:
    volume = np.stack([waves(64, i) for i in range(4)])
    tifffile.imwrite(tmp_path / "volume.tif", volume, photometric="minisblack")
    for i in range(7):
        save(tmp_path / f"{i}.png", waves(64, 10 + i))
    (tmp_path / "broken.png").write_bytes(b"nothing")
    dataset = load_dataset(tmp_path, 4, "area")
    assert len(dataset.train) + len(dataset.held_out) == 11
    ours = {pair.hr[:].tobytes() for pair in dataset.train}
    assert not ours & {pair.hr[:].tobytes() for pair in dataset.held_out}
    planes = [any(pair.hr[:].tobytes() == tobytes(p) for pair in dataset.train) for p in volume]
    assert len(set(planes)) == 1
    assert "9 files; 1 left out: " in dataset.note
    assert "broken.png" in dataset.note
    assert dataset.degradation == "the mean of the pixels (binning)"


def tobytes(plane: np.ndarray) -> bytes:
    return (plane[None].astype(np.float32) / np.float32(255)).tobytes()


@pytest.mark.slow
@pytest.mark.usefixtures("small_start")
def test_lr_on_the_grid_of_hr_is_taken_when_it_is_said(pairs: Path, tmp_path: Path) -> None:
    for path in (pairs / "LR").iterdir():
        save(path, np.array(Image.open(path)).repeat(4, 0).repeat(4, 1))
    command = ["finetune", "--data", str(pairs), "--name", "mine", "--steps", "1", "--batch", "1"]
    command += ["--out", str(tmp_path / "runs")]
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 1
    assert "srgan-train: 0.png: HR is (96, 96), but 4 times LR (96, 96)" in refused.output
    assert "--interpolated" in refused.output
    done = CliRunner().invoke(app, [*command, "--interpolated"])
    assert done.exit_code == 0, done.output
    assert "patches of 24 × 24" in done.output


class Holes(torch.nn.Module):
    """Repeats pixels, and makes a hole of every bright place that is flat."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = torch.nn.functional.avg_pool2d(x, 17, 1, 8)
        flat = (x - mean).abs() < 0.02
        holed = torch.where(flat & (mean > 0.6), torch.zeros_like(x), x)
        return holed.repeat_interleave(4, -1).repeat_interleave(4, -2)


def test_a_model_with_holes_is_not_called_better() -> None:
    hr = np.clip(np.indices((160, 160)).sum(0)[None] / 200, 0.1, 0.9).astype(np.float32)
    hr += rng.normal(size=hr.shape).astype(np.float32) * 0.05
    hr[:, 60:110, 60:110] = 0.8
    pair = StoredPair(hr.reshape(1, 40, 4, 40, 4).mean((2, 4)), hr)
    brightness_error = finetune.local_brightness_error(Holes(), [pair], 4)
    assert brightness_error > 0.5
    assert not finetune.Outcome(30, 31, 33, brightness_error).better
    plain = torch.nn.Upsample(scale_factor=4)
    assert finetune.local_brightness_error(plain, [pair], 4) < 1e-5
    assert finetune.Outcome(30, 31, 33, 0.01).better
    assert not finetune.Outcome(30, 31, 31.02, 0.01).better


def test_settings_come_from_the_data(pairs: Path, make_identity: MakeModel) -> None:
    start, seen = make_identity(1), load_dataset(pairs, 4)
    config = finetune.choose_settings(seen, start, "a", origin="b", steps=None, batch=8)
    assert (config.channels, config.patch, config.batch, config.steps) == (1, 24, 8, 400)
    assert (config.start, config.name) == ("b", "a")
    for pair in seen.train:
        assert pair.hr.shape == (1, 96, 96)
    small = replace(seen, train=[replace(p, lr=p.lr[:, :12]) for p in seen.train])
    assert finetune.choose_settings(small, start, "a", origin="b", steps=7, batch=8).patch == 12
    fast = replace(start.card, config=replace(start.card.config, upsampling="direct", blocks=3))
    start = Model(Generator(fast.config), fast)
    config = finetune.choose_settings(seen, start, "a", origin="b", steps=7, batch=8)
    assert config.architecture == fast.config


def test_a_start_of_other_channels_is_carried_over(
    own_models: Path, make_identity: MakeModel
) -> None:
    own_models.mkdir()
    model = make_identity(3)
    save_model(own_models / "mine", model.state_dict(), ModelCard("mine", model.card.config))
    start = finetune.load_start("mine", 1)
    assert start.channels == 1
    x = np.random.default_rng(0).random((1, 1, 12, 12)).astype(np.float32)
    same = start.network(torch.from_numpy(x))
    assert np.allclose(same, x.repeat(4, 2).repeat(4, 3), atol=1e-5)


def test_too_few_images_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "one.png", waves(64, 0))
    with pytest.raises(ValueError, match="at least two are needed"):
        load_dataset(tmp_path, 4)
