"""Models made of others without training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import napari_srgan as ns
from napari_srgan import Model
from napari_srgan.models import ModelCard, save_model
from napari_srgan.models.blend import between
from srgan_training.cli import app
from srgan_training.weights.merge import Derivation, TaskVector, derive
from tests.conftest import MakeModel

rng = np.random.default_rng(0)


def stored(folder: Path, model: Model, name: str, **facts: object) -> str:
    """Write a model; return its path."""
    card = replace(ModelCard(name, model.network.config), **facts)  # type: ignore[arg-type]
    return str(save_model(folder / name, model.state_dict(), card))


@pytest.fixture
def ends(tmp_path: Path, make_model: MakeModel) -> tuple[str, str]:
    """Two random networks of three channels."""
    low, high = make_model(3), make_model(3)
    for weight in high.network.parameters():
        weight.add_(0.1 * torch.rand(weight.shape))
    return stored(tmp_path, low, "low"), stored(tmp_path, high, "high", end="adversarial")


def test_some_count_more_than_others(tmp_path: Path, ends: tuple[str, str]) -> None:
    low, high = (ns.load_model(path).state_dict() for path in ends)
    made = derive(Derivation("mean", ends, parts=(1, 3)), tmp_path)
    for name, value in between(low, high, 0.75).items():
        found = ns.load_model(made).state_dict()[name]
        assert torch.allclose(found.float(), value.float(), atol=2e-3), name
    with pytest.raises(ValueError, match="3 parts for 2 models"):
        derive(Derivation("mean", ends, parts=(1, 2, 3)), tmp_path)


def test_one_channel_gives_the_mean_of_what_grey_gives(
    tmp_path: Path, make_model: MakeModel
) -> None:
    model = make_model(3)
    model.network.tail.weight *= 0.1  # all colours within what a pixel may become
    start = stored(tmp_path, model, "a", trained_on="stones", figures={"A": {"psnr": 1}})
    made = ns.load_model(derive(Derivation("b", (start,), channels=1), tmp_path))
    assert (made.card.name, made.channels, made.card.end) == ("b", 1, "fidelity")
    assert (made.card.trained_on, made.card.figures) == ("stones", {})
    image = rng.random((9, 9), dtype="float32")
    grey = np.stack([image] * 3, -1)
    colours = ns.super_resolve(grey, start, axes="YXS", normalise="none", precision="float32")
    alone = ns.super_resolve(image, made, normalise="none", precision="float32")
    assert np.abs(colours.mean(-1) - alone).max() < 1e-3  # weights are stored in float16


def test_of_an_adversarial_end_comes_an_adversarial_end(
    tmp_path: Path, ends: tuple[str, str]
) -> None:
    made = derive(Derivation("gray", (ends[1],), channels=1), tmp_path)
    assert made.stem == "gray-adversarial"
    assert ns.load_model(made).card.end == "adversarial"


def test_several_are_averaged(tmp_path: Path, ends: tuple[str, str]) -> None:
    low, high = (ns.load_model(path).state_dict() for path in ends)
    made = ns.load_model(derive(Derivation("mean", ends), tmp_path)).state_dict()
    for name, value in between(low, high, 0.5).items():
        assert torch.allclose(made[name].float(), value.float(), atol=2e-3), name


@pytest.mark.parametrize("share", [1, 0.25])
def test_the_way_added_to_its_own_start_leads_where_it_led(
    tmp_path: Path, ends: tuple[str, str], share: float
) -> None:
    low, high = (ns.load_model(path).state_dict() for path in ends)
    path = derive(Derivation("c", ends[:1], ways=(TaskVector(*ends, share),)), tmp_path)
    assert path.stem == "c-adversarial"
    made = ns.load_model(path)
    assert made.card.end == "adversarial"
    for name, value in between(low, high, share).items():
        wanted = low[name] if "running_" in name else value
        assert torch.allclose(made.state_dict()[name], wanted, atol=2e-3), name
    assert not torch.allclose(made.state_dict()["tail.weight"], low["tail.weight"], atol=2e-3)


def test_ways_add_up(tmp_path: Path, make_model: MakeModel, ends: tuple[str, str]) -> None:
    low, high = (ns.load_model(path).state_dict() for path in ends)
    another = make_model(3)
    another.network.body_conv.weight.sub_(0.1)
    third = stored(tmp_path, another, "third")
    faithful = ns.load_model(
        derive(Derivation("f", ends[:1], ways=(TaskVector(ends[0], third),)), tmp_path)
    )
    assert faithful.card.end == "fidelity"
    ways = (TaskVector(*ends, 0.5), TaskVector(ends[0], third, 0.25))
    made = ns.load_model(derive(Derivation("d", ends[:1], ways=ways), tmp_path))
    assert made.card.end == "adversarial"
    other = ns.load_model(third).state_dict()
    name = "body_conv.weight"
    wanted = 0.25 * low[name] + 0.5 * high[name] + 0.25 * other[name]
    assert torch.allclose(made.state_dict()[name], wanted, atol=2e-3)


def test_the_last_convolution_of_another_scale_stays(
    tmp_path: Path, make_model: MakeModel, ends: tuple[str, str]
) -> None:
    start = stored(tmp_path, make_model(1, scale=2), "fine")
    path = derive(
        Derivation("fine", (start,), channels=1, ways=(TaskVector(*ends),)), tmp_path / "new"
    )
    old, made = ns.load_model(start).state_dict(), ns.load_model(path).state_dict()
    assert torch.equal(made["tail.weight"], old["tail.weight"])
    low, high = (ns.load_model(end).state_dict() for end in ends)
    name = "body_conv.weight"
    assert torch.allclose(made[name], old[name] + high[name] - low[name], atol=2e-3)


def test_models_that_do_not_fit_are_named(
    tmp_path: Path, make_model: MakeModel, ends: tuple[str, str]
) -> None:
    small = stored(tmp_path, make_model(3, features=4), "small")
    with pytest.raises(ValueError, match="low and small are no two ends"):
        derive(Derivation("d", ends[:1], ways=(TaskVector(ends[0], small),)), tmp_path)
    with pytest.raises(ValueError, match="low, small: differ in architecture"):
        derive(Derivation("d", (ends[0], small)), tmp_path)
    with pytest.raises(ValueError, match=r"is \(4, .* in small and \(8, .* in high"):
        derive(Derivation("d", (small,), ways=(TaskVector(*ends),)), tmp_path)


def test_derivation_by_command(tmp_path: Path, ends: tuple[str, str]) -> None:
    file = tmp_path / "made.yaml"
    file.write_text(f"name: e\nstart: [{ends[0]}]\nchannels: 1\n")
    done = CliRunner().invoke(app, ["derive", str(file), "--to", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "e.safetensors").is_file()
    file.write_text(f"name: e\nstart: [{ends[0]}]\nfrom: here\n")
    done = CliRunner().invoke(app, ["derive", str(file), "--to", str(tmp_path)])
    assert done.exit_code != 0
    assert "from: there is no such setting; allowed are name, start" in done.output
    file.write_text(f"name: e\nstart: [{ends[0]}]\nways: [{{low: a, high: b, part: 1}}]\n")
    done = CliRunner().invoke(app, ["derive", str(file), "--to", str(tmp_path)])
    assert "ways.0.part: there is no such setting; allowed are low, high, share" in done.output
