from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_srgan import ModelCard, load_model
from napari_srgan.models import save_model
from srgan_training.cli import app
from srgan_training.evaluation import evaluate, measure
from srgan_training.images import Image
from tests.conftest import MakeModel


@pytest.fixture
def model_file(make_identity: MakeModel, tmp_path: Path) -> Path:
    """Return a file with a model that repeats pixels."""
    model = make_identity(3)
    return save_model(
        tmp_path / "repeat", model.state_dict(), ModelCard("repeat", model.network.config)
    )


def test_bicubic_stands_beside_every_model(data: Path, model_file: Path) -> None:
    bicubic, repeat = evaluate([str(model_file)], [data / "held"])
    assert (bicubic.model, repeat.model) == ("bicubic", str(model_file))
    assert bicubic.psnr > repeat.psnr
    assert bicubic.ssim > repeat.ssim


def test_consistency_shows_in_the_lr_psnr(data: Path, model_file: Path) -> None:
    _, without = evaluate([str(model_file)], [data / "held"])
    _, with_steps = evaluate([str(model_file)], [data / "held"], consistency=3)
    assert with_steps.lr_psnr > without.lr_psnr + 5
    assert with_steps.worst_lr_psnr > 45


@pytest.mark.parametrize("eight_bit", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_deep_images_are_measured_by_either_model(
    make_identity: MakeModel, channels: int, eight_bit: bool
) -> None:
    pixels = np.random.default_rng(0).random((1, 40, 44), np.float32)
    image = Image(np.round(pixels * 255) / np.float32(255) if eight_bit else pixels, eight_bit)
    quality, similarity, agreement = measure(image, make_identity(channels))
    assert 5 < quality < 30
    assert 0 < similarity < 1
    assert agreement > 10


def test_the_command_prints_the_table_and_writes_the_card(
    data: Path, model_file: Path, tmp_path: Path
) -> None:
    scores = tmp_path / "scores.json"
    arguments = ["evaluate", "--models", str(model_file), "--data", str(data / "held")]
    result = CliRunner().invoke(app, [*arguments, "--json", str(scores), "--into-card"])
    assert result.exit_code == 0, result.output
    assert "| bicubic |" in result.output
    assert len(json.loads(scores.read_text())) == 2
    card = load_model(model_file).card
    assert card.figures["held"]["psnr"] > 5
    assert "srgan-train evaluate" in card.command
