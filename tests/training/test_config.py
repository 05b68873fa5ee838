"""Configurations: what is read, what is refused, and the presets that go with the package."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from srgan_training.cli import app
from srgan_training.config import PRESETS, Adversarial, read_config
from tests.training.phases.test_fidelity import CONFIG


def test_configuration_is_read_and_overridden(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "name: a\nsources: [{folders: [train], weight: 2}]\nsteps: 5\n"
        "adversarial: {weight: 0.005}\n"
    )
    config = read_config(path, steps=7, **{"adversarial.loss": "relativistic"})
    assert (config.sources[0].folders, config.sources[0].weight) == (("train",), 2.0)
    assert config.steps == 7
    assert config.adversarial == Adversarial(weight=0.005, loss="relativistic")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: 5", "epochs: there is no such setting; allowed are name, sources"),
        (
            "adversarial: {wait: 1}",
            "adversarial.wait: there is no such setting; allowed are c",
        ),
        (
            "adversarial: {loss: wgan}",
            "adversarial.loss: is 'wgan'; input should be 'vanilla'",
        ),
        ("steps: many", "steps: is 'many'; input should be a valid integer"),
        ("sources: []", "sources: is \\[\\]; at least one source is needed"),
        ("sources: [{folders: [a], wait: 2}]", "sources.0.wait: there is no such setting; allowed"),
        ("name: null", "name: is None; input should be a valid string"),
    ],
)
def test_wrong_configurations_are_explained(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.yaml"
    name, _, _ = text.partition(":")
    lines = {"name": "name: a", "sources": "sources: [{folders: [train]}]", name: text}
    path.write_text("\n".join(lines.values()))
    with pytest.raises(ValueError, match=message):
        read_config(path)


def test_what_is_no_configuration_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("- a")
    with pytest.raises(ValueError, match="is not a YAML mapping"):
        read_config(path)
    path.write_text("sources: [{folders: [a]}]")
    with pytest.raises(ValueError, match="name: is missing"):
        read_config(path)
    with pytest.raises(ValueError, match="no such file, and no preset either; presets are esrgan-"):
        read_config("nothing")


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 0), ("loss", "lpips"), ("optimiser", "sgd"), ("decay", 2), ("lr", 0), ("scale", 3)],
)
def test_wrong_values_are_named(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        replace(CONFIG, **{field: value})  # type: ignore[arg-type]


def test_presets_are_valid_and_those_that_are_promised() -> None:
    names = {path.stem for path in PRESETS.glob("*.yaml")}
    assert names == {
        "srresnet",
        "srgan",
        "esrgan-losses",
        "srgan-projected",
        "finetune-realistic",
        "finetune-paired",
        "finetune-hr-only",
        "quick",
    }
    configs = {name: read_config(name) for name in names}
    assert configs["finetune-paired"].sources[0].lr == ("LR",)
    for name in ("srgan", "esrgan-losses"):
        assert configs[name].adversarial is not None
    for name in ("srgan-projected", "finetune-realistic"):
        assert configs[name].projected is not None


def test_the_papers_numbers() -> None:
    first, second = read_config("srresnet"), read_config("srgan")
    assert (first.steps, first.batch, first.patch * first.scale) == (1_000_000, 16, 96)
    assert (first.loss, first.optimiser, first.lr) == ("mse", "adam", 1e-4)
    assert (second.steps, second.schedule, second.decay) == (200_000, "step", 0.5)
    assert second.adversarial == Adversarial(
        content="vgg",
        content_norm="mse",
        layer="5_4",
        activated=True,
        loss="vanilla",
        weight=1e-3,
        pixel_weight=0,
        label=1,
        clip=0,
        rescale=1 / 12.75,
    )


@pytest.mark.slow
def test_the_quick_preset_trains(data: Path, tmp_path: Path) -> None:
    command = ["fit", "quick", "--data", str(data), "--out", str(tmp_path), "--steps", "3"]
    done = CliRunner().invoke(app, [*command, "--set", "sources=[{folders: [train]}]"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "quick" / "last.ckpt").is_file()
    assert "steps/s" in done.output


def test_errors_are_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["fit", "quick", "--data", str(tmp_path)])
    assert done.exit_code == 1
    assert done.output.startswith("srgan-train: no image (")


def test_the_schema_describes_every_setting() -> None:
    done = CliRunner().invoke(app, ["schema"])
    described = json.loads(done.output)
    assert described["properties"]["steps"]["minimum"] == 1
    assert "shipped" in described["properties"]["ema"]["description"]
    assert described["required"] == ["name", "sources"]
