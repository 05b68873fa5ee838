from __future__ import annotations

import csv
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_srgan import ModelError, load_model, super_resolve
from napari_srgan.models import save_model
from srgan_training.config import Config, Source
from srgan_training.data.datasets import describe_lr
from srgan_training.phases.base import GeneratorModule, initial_network, lr_factor
from srgan_training.trainer import train
from srgan_training.weights.export import export
from tests.conftest import MakeModel

CONFIG = Config(
    name="tiny",
    sources=(Source(("train",)),),
    features=8,
    blocks=1,
    scale=2,
    steps=12,
    batch=2,
    patch=8,
    every=4,
    validate="held",
    warmup=2,
)


def trained(config: Config, data: Path, folder: Path) -> GeneratorModule:
    return train(config, data, folder, accelerator="cpu", devices=1)


def weights(module: GeneratorModule) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in module.state_dict().items()}


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_a_killed_run_ends_with_the_same_weights(
    data: Path, tmp_path: Path, optimiser: str
) -> None:
    config = replace(CONFIG, optimiser=optimiser)  # type: ignore[arg-type]
    through = weights(trained(config, data, tmp_path / "through"))
    code = f"""
import os, signal
from pathlib import Path
from tests.training.phases.test_fidelity import CONFIG, trained
from dataclasses import replace
import srgan_training.phases.base as module

class Killed(module.PatchDataset):
    def __getitem__(self, number):
        if number == 15:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(number)

module.PatchDataset = Killed
config = replace(CONFIG, optimiser={optimiser!r})
trained(config, Path({str(data)!r}), Path({str(tmp_path / "killed")!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "killed" / "last.ckpt").is_file()
    resumed = trained(config, data, tmp_path / "killed")
    assert int(resumed.done) == 12
    for name, value in through.items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_run_goes_on_with_its_own_settings_alone(data: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, steps=2, every=2)
    trained(config, data, tmp_path)
    # What is advised where memory runs out may be followed in the same folder.
    less = replace(config, batch=1, patch=6)
    went_on = trained(replace(less, steps=4, trained_on="more"), data, tmp_path)
    assert int(went_on.done) == 4
    other = replace(config, steps=6, loss="mse", every=3)
    with pytest.raises(ValueError, match=r"other settings: loss \('l1'\), every \(2\); take"):
        trained(other, data, tmp_path)
    # Nothing is read before.
    with pytest.raises(ValueError, match="other settings"):
        trained(other, tmp_path / "nowhere", tmp_path)


def test_a_start_that_is_not_there_is_said_before_data_are_read(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        trained(replace(CONFIG, start="nowhere"), tmp_path / "none", tmp_path)


@pytest.mark.parametrize("loss", ["l1", "mse"])
def test_training_learns(data: Path, tmp_path: Path, loss: str) -> None:
    config = replace(CONFIG, steps=60, every=10, loss=loss)  # type: ignore[arg-type]
    trained(config, data, tmp_path)
    (log,) = tmp_path.glob("csv/*/metrics.csv")
    rows = list(csv.DictReader(log.read_text().splitlines()))
    measured = [float(row["psnr_y"]) for row in rows if row["psnr_y"]]
    losses = [float(row["loss"]) for row in rows if row["loss"]]
    assert losses[-1] < losses[0]
    assert max(measured[1:]) > measured[0] + 1


def test_rates_rise_stay_and_fall() -> None:
    config = replace(CONFIG, steps=100, warmup=10, decay=0.5)
    rates = [lr_factor(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10] == rates[50] == 1
    assert rates[75] == pytest.approx(0.5)
    assert rates[100] == 0
    steep = [lr_factor(step, replace(config, schedule="step")) for step in range(100)]
    assert steep[10:50] == [1] * 40
    assert steep[51:] == [0.1] * 49


def test_an_export_is_a_model_that_runs(data: Path, tmp_path: Path) -> None:
    trained(CONFIG, data, tmp_path / "runs" / "tiny")
    path = export(CONFIG, tmp_path / "runs" / "tiny", tmp_path / "models")
    model = load_model(path)
    assert (model.card.name, model.card.steps, model.scale) == ("tiny", 12, 2)
    assert model.card.degradation == "antialiased bicubic, rounded to 8 bits"
    assert super_resolve(np.zeros((9, 8, 3), "uint8"), model).shape == (18, 16, 3)


def test_the_card_says_how_lr_came_about() -> None:
    noisy = [{"kind": "gaussian_psf", "mtf": 0.3}, {"kind": "poisson_gaussian", "photons": 500}]
    sources = (
        Source(("a",), degradation=noisy),
        Source(("b",)),
        Source(("c",), lr=("d",)),
        Source(("e",), degradation=noisy),
        Source(("f",), scene={"kind": "poisson_gaussian", "read": 0.25}),
    )
    text = describe_lr(replace(CONFIG, sources=sources, degradation="area"))
    sensor, binned, real, grainy = text.split("; or ")
    assert "MTF of 0.3" in sensor
    assert "500 photons" in sensor
    assert binned == "the mean of the pixels (binning)"
    assert real == "real LR images"
    assert grainy == f"{binned}, of HR changed by read noise of 0.25"


@pytest.mark.parametrize("statistics", ["batch", "kept"])
def test_statistics_of_the_start_may_be_kept(data: Path, tmp_path: Path, statistics: str) -> None:
    trained(CONFIG, data, tmp_path / "first")
    first = export(CONFIG, tmp_path / "first", tmp_path / "models")
    config = replace(CONFIG, start=str(first), statistics=statistics)  # type: ignore[arg-type]
    module = trained(config, data, tmp_path / "second")
    before = load_model(first).state_dict()
    moved = [
        name
        for name, value in module.network.state_dict().items()
        if "running" in name and not torch.allclose(value, before[name].float(), rtol=2e-3)
    ]
    assert bool(moved) == (statistics == "batch")
    assert not torch.equal(module.network.head.weight, before["head.weight"].float())


def test_an_export_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        export(CONFIG, tmp_path, tmp_path)


def test_a_run_starts_from_a_model_of_other_channels(data: Path, tmp_path: Path) -> None:
    trained(CONFIG, data, tmp_path / "runs" / "tiny")
    path = export(CONFIG, tmp_path / "runs" / "tiny", tmp_path / "models")
    config = replace(CONFIG, name="grey", channels=1, start=str(path), steps=4)
    training = trained(config, data, tmp_path / "runs" / "grey")
    assert training.network.config.channels == 1


def test_a_run_starts_from_a_model_of_another_scale(data: Path, make_model: MakeModel) -> None:
    finer = make_model(3, 4, features=8, blocks=1)
    path = save_model(data / "finer", finer.state_dict(), finer.card)
    begun = initial_network(replace(CONFIG, start=str(path))).state_dict()
    same = [k for k, v in load_model(path).state_dict().items() if k in begun and begun[k].equal(v)]
    assert {"head.weight", "body.0.conv1.weight", "upsample.0.conv.weight"} <= set(same)
    assert "tail.weight" not in same


def test_an_export_keeps_a_share_of_its_start(data: Path, tmp_path: Path) -> None:
    trained(CONFIG, data, tmp_path / "runs" / "tiny")
    first = load_model(export(CONFIG, tmp_path / "runs" / "tiny", tmp_path / "models"))
    config = replace(CONFIG, name="next", start=str(tmp_path / "models/tiny.safetensors"))
    run = tmp_path / "runs" / "next"
    trained(config, data, run)
    models = [
        load_model(export(replace(config, mix=mix), run, tmp_path / str(mix)))
        for mix in (1.0, 0.25)
    ]
    assert [model.card.steps for model in models] == [CONFIG.steps + config.steps] * 2
    after, mixed = (model.state_dict() for model in models)
    for name, value in first.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(mixed[name], value.lerp(after[name], 0.25), atol=2e-3), name
