"""Models keep the brightness of images once they are calibrated."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import PIL.Image
import pytest
import torch
from typer.testing import CliRunner

from napari_srgan import load_model
from napari_srgan.models import ModelCard, save_model
from napari_srgan.nn.generator import Generator, GeneratorConfig, interpolate_
from srgan_training.cli import app
from srgan_training.evaluation.evaluate import evaluate
from srgan_training.weights.calibrate import apply_correction_, calibrate

NONE = [[0.0] * 3] * 3


def shifted(
    folder: Path,
    upsampling: Literal["staged", "direct"],
    offset: list[float],
    gain: list[list[float]] = NONE,
) -> Path:
    """Write a network that interpolates and then adds something to its channels."""
    network = interpolate_(Generator(GeneratorConfig(3, 2, 16, 1, upsampling=upsampling))).eval()
    apply_correction_(network, np.array(gain), np.array(offset))
    card = ModelCard("shifted", network.config, figures={"a": {"psnr": 1.0}}, command="measure")
    return save_model(folder / "shifted", network.state_dict(), card)


@pytest.mark.parametrize("upsampling", ["staged", "direct"])
def test_what_is_added_everywhere_is_taken_out(
    data: Path, tmp_path: Path, upsampling: Literal["staged", "direct"]
) -> None:
    path = shifted(tmp_path, upsampling, [0.02, -0.01, 0.0])
    _, before = evaluate([str(path)], [data / "held"])
    most = calibrate(path, [data / "train"])
    _, after = evaluate([str(path)], [data / "held"])
    assert most == pytest.approx(2, abs=0.3)
    assert before.drift > 1.7
    assert after.drift < 0.2
    assert after.psnr > before.psnr
    card = load_model(path).card
    assert (card.figures, card.command) == ({}, "")


def test_what_depends_on_the_levels_of_the_channels_is_taken_out(tmp_path: Path) -> None:
    # Red is made fainter, green takes something of red, blue is shifted.
    path = shifted(tmp_path, "staged", [0, 0, 0.01], [[-0.1, 0, 0], [0.05, 0, 0], [0, 0, 0]])
    network = load_model(path).network
    images = tmp_path / "colours"
    images.mkdir()
    for number, levels in enumerate(np.random.default_rng(0).integers(20, 230, (12, 3, 2, 2))):
        smooth = np.kron(levels, np.ones((1, 72, 72))).astype(np.uint8)
        PIL.Image.fromarray(np.moveaxis(smooth, 0, -1)).save(images / f"{number}.png")
    calibrate(path, [images])
    calibrated = load_model(path).network
    for colour in ([0.1, 0.1, 0.1], [0.8, 0.8, 0.8], [0.6, 0.4, 0.4]):
        x = torch.tensor(colour)[:, None, None].expand(1, 3, 12, 12)
        before, after = (
            float((made(x) - colour_of(x))[..., 8:-8, 8:-8].mean((2, 3)).abs().max())
            for made in (network, calibrated)
        )
        assert after < 0.3 * before


def colour_of(x: torch.Tensor) -> torch.Tensor:
    return x[:, :, :1, :1]


def test_calibration_by_command(data: Path, tmp_path: Path) -> None:
    path = shifted(tmp_path, "staged", [0.05] * 3)
    done = CliRunner().invoke(app, ["calibrate", str(path), "--data", str(data / "train")])
    assert done.exit_code == 0, done.output
    assert "channels shifted by up to" in done.output
    many = Generator(GeneratorConfig(5, 2, 8, 1))
    save_model(path, many.state_dict(), ModelCard("many", many.config))
    done = CliRunner().invoke(app, ["calibrate", str(path), "--data", str(data / "train")])
    assert done.exit_code == 1
    assert "no image of 5 channels in" in done.output
