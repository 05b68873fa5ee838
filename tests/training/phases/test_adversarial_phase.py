"""The second phase end to end: small networks, real steps."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_srgan import list_models, load_model
from srgan_training.config import Adversarial
from srgan_training.phases.adversarial import AdversarialModule, crop_at, draw_offset
from srgan_training.trainer import train
from srgan_training.weights.export import export
from tests.training.phases.test_fidelity import CONFIG, trained

PHASE = replace(CONFIG, steps=6, every=3, patch=8, adversarial=Adversarial(features=4))


@pytest.mark.slow
@pytest.mark.parametrize(
    "adversarial",
    [
        Adversarial(features=4),
        Adversarial(
            features=4, loss="relativistic", content="none", ramp=4, spectral_norm=True, clip=0
        ),
    ],
)
def test_both_networks_learn(data: Path, tmp_path: Path, adversarial: Adversarial) -> None:
    config = replace(PHASE, adversarial=adversarial)
    module = train(config, data, tmp_path, accelerator="cpu", devices=1)
    assert isinstance(module, AdversarialModule)
    torch.manual_seed(config.seed)
    fresh = AdversarialModule(config, module.sampler)
    assert int(module.done) == 6
    assert not torch.equal(module.network.head.weight, fresh.network.head.weight)
    assert all(bool(torch.isfinite(value).all()) for value in module.state_dict().values())
    for name, value in module.discriminator.named_parameters():
        if name == "logit.bias" and adversarial.loss == "relativistic":
            continue  # only differences of logits count
        assert not torch.equal(value, dict(fresh.discriminator.named_parameters())[name]), name


def test_the_discriminator_s_strides_fall_on_other_pixels_at_every_step() -> None:
    config = replace(PHASE, scale=4)
    offsets = [draw_offset(config, step) for step in range(300)]
    assert set(offsets) == {(y, x) for y in range(4) for x in range(4)}
    assert offsets == [draw_offset(config, step) for step in range(300)]
    patch = torch.arange(32.0 * 32).reshape(1, 1, 32, 32)
    for begin in ((0, 0), (3, 1), (2, 3)):
        part = crop_at(patch, begin, 4)
        assert part.shape == (1, 1, 29, 29)
        assert part[0, 0, 0, 0] == patch[0, 0, begin[0], begin[1]]


@pytest.mark.slow
def test_a_run_that_is_interrupted_ends_with_the_same_weights(data: Path, tmp_path: Path) -> None:
    through = train(PHASE, data, tmp_path / "a", accelerator="cpu", devices=1).state_dict()
    train(replace(PHASE, steps=3, decay=0.0), data, tmp_path / "b", accelerator="cpu", devices=1)
    again = replace(PHASE, decay=0.0)
    resumed = train(again, data, tmp_path / "b", accelerator="cpu", devices=1).state_dict()
    straight = train(again, data, tmp_path / "c", accelerator="cpu", devices=1).state_dict()
    assert through.keys() == resumed.keys()
    for name, value in straight.items():
        assert torch.equal(value, resumed[name]), name


@pytest.mark.slow
def test_both_ends_are_one_model_with_a_slider(
    data: Path, tmp_path: Path, own_models: Path
) -> None:
    trained(CONFIG, data, tmp_path / "fidelity")
    first = export(CONFIG, tmp_path / "fidelity", own_models)
    config = replace(PHASE, start=str(first))
    train(config, data, tmp_path / "adversarial", accelerator="cpu", devices=1)
    second = export(config, tmp_path / "adversarial", own_models)
    assert second.name == "tiny-adversarial.safetensors"
    (card,) = [card for card in list_models() if card.name == "tiny"]
    assert card.both_ends
    assert load_model("tiny", detail=0.5).detail == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["fidelity", "adversarial"])
def test_two_processes_train_one_model(data: Path, tmp_path: Path, phase: str) -> None:
    script = tmp_path / "two.py"
    name = "CONFIG" if phase == "fidelity" else "PHASE"
    script.write_text(f"""
import os, sys, torch
from dataclasses import replace
from pathlib import Path
from tests.training.phases.test_adversarial_phase import CONFIG, PHASE
from srgan_training.trainer import train

if __name__ == "__main__":
    config = replace({name}, steps=4, every=2)
    folder = Path({str(tmp_path)!r})
    module = train(config, Path({str(data)!r}), folder / "run", accelerator="cpu", devices=2)
    torch.save(module.state_dict(), folder / f"rank{{module.global_rank}}.pt")
""")
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": root},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = (torch.load(tmp_path / f"rank{i}.pt", weights_only=True) for i in (0, 1))
    assert int(one["done"]) == 4
    for key in one:
        if "running" not in key and "num_batches" not in key and not key.startswith("average"):
            assert torch.equal(one[key], two[key]), key
    alone = train(replace(CONFIG, steps=4, every=2), data, tmp_path / "one", accelerator="cpu")
    assert not torch.equal(alone.state_dict()["network.head.weight"], one["network.head.weight"])
