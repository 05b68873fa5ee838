"""The phase against discriminators on frozen features end to end: small networks, real steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from srgan_training.cli import app
from srgan_training.config import Config, read_config
from srgan_training.phases.projected import ProjectedModule
from srgan_training.projected_config import Projected
from srgan_training.trainer import train
from srgan_training.weights.export import export
from tests.training.networks.lite_weights import random_lite
from tests.training.phases.test_fidelity import CONFIG, trained

STAGES = ("stage2", "stage3", "stage4")
PLAIN = "name: a\nsources: [{folders: [train]}]\nscale: 4\npatch: 24\n"


@pytest.fixture
def phase(tmp_path: Path) -> Projected:
    """Return settings with random weights, which need no wheel."""
    path = tmp_path / "lite0.pth"
    torch.save(random_lite("efficientnet-lite0"), path)
    return Projected(
        content_stages=STAGES,
        content_file=str(path),
        eyes="efficientnet-lite0",
        stages=STAGES,
        eyes_file=str(path),
        width=4,
        pixel_features=4,
    )


def made(phase: Projected, **changes: Any) -> Config:
    return replace(CONFIG, steps=4, every=2, decay=0.0, **changes, projected=phase)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mixing": "scales", "pixels": "unet", "augment": ("translation", "colour", "cutout")},
        {"eyes": "none", "stages": (), "loss": "relativistic", "consistency_weight": 0},
        {"content": "none", "content_stages": (), "pixels": "none", "loss": "vanilla"},
    ],
)
def test_generator_and_discriminators_learn(
    data: Path, tmp_path: Path, phase: Projected, changes: dict[str, Any]
) -> None:
    config = made(replace(phase, **changes))
    module = train(config, data, tmp_path / "run", accelerator="cpu", devices=1)
    assert isinstance(module, ProjectedModule)
    assert int(module.done) == 4
    torch.manual_seed(config.seed)
    fresh = ProjectedModule(config, module.sampler)
    assert not torch.equal(module.network.head.weight, fresh.network.head.weight)
    assert all(bool(torch.isfinite(value).all()) for value in module.state_dict().values())
    before = dict(fresh.critics.named_parameters())
    learnt = [not torch.equal(v, before[k]) for k, v in module.critics.named_parameters()]
    frozen = [not p.requires_grad for p in module.critics.parameters()]
    assert sum(learnt) > 0
    assert not any(moved and still for moved, still in zip(learnt, frozen, strict=True))
    assert not any("network.blocks" in name for name in module.state_dict())


@pytest.mark.slow
def test_a_run_that_is_interrupted_ends_with_the_same_weights(
    data: Path, tmp_path: Path, phase: Projected
) -> None:
    config = made(replace(phase, augment=("translation",), mixing="channels", ramp=3))
    straight = trained(config, data, tmp_path / "straight").state_dict()
    trained(replace(config, steps=2), data, tmp_path / "stopped")
    resumed = trained(config, data, tmp_path / "stopped").state_dict()
    assert straight.keys() == resumed.keys()
    for name, value in straight.items():
        assert torch.equal(value, resumed[name]), name


@pytest.mark.slow
def test_the_adversarial_end_is_exported(
    data: Path, tmp_path: Path, phase: Projected, own_models: Path
) -> None:
    config = made(phase)
    trained(config, data, tmp_path / "run")
    assert export(config, tmp_path / "run", own_models).name == "tiny-adversarial.safetensors"


@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_both_parts_of_the_gradient_are_as_long_as_asked_for(
    phase: Projected, data: Path, ratio: float
) -> None:
    from srgan_training.data.datasets import make_sampler

    config = made(replace(phase, balance=ratio))
    module = ProjectedModule(config, make_sampler(config, data))
    lr, hr = module.sampler.batch(2)
    sr = module.network(lr)
    x = sr.detach().requires_grad_()
    others, adversarial_loss = (x - hr).square().mean(), 1e-3 * x.abs().sqrt().sum()
    total, weight = module._balanced_gradient(sr, x, others, adversarial_loss, step=0)
    (other_gradient,) = torch.autograd.grad((x - hr).square().mean(), x)
    last = module.network.tail.weight
    norms = []
    for gradient in (other_gradient, total - other_gradient):
        (weight_gradient,) = torch.autograd.grad(sr, last, gradient, retain_graph=True)
        norms.append(float(weight_gradient.norm()))
    assert norms[1] / norms[0] == pytest.approx(ratio, rel=1e-3)
    assert float(weight) > 0


def test_the_balance_rises_over_the_ramp(phase: Projected, data: Path) -> None:
    from srgan_training.data.datasets import make_sampler

    config = made(replace(phase, balance_start=0.5, balance=2, ramp=100))
    module = ProjectedModule(config, make_sampler(config, data))
    sr = module.network(module.sampler.batch(2)[0])
    x = sr.detach().requires_grad_()
    weights = [
        float(module._balanced_gradient(sr, x, x.square().mean(), x.abs().mean(), step)[1])
        for step in (0, 50, 100, 500)
    ]
    relative = [weight / weights[0] for weight in weights]
    assert relative == pytest.approx([1, 1.25 / 0.5, 4, 4], rel=1e-4)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{content_stages: [stage9]}", "content_stages: is .*stages of efficientnet-lite0 are sta"),
        ("{eyes: vgg19, stages: [stage3]}", "stages of vgg19 are 1_2, 2_2"),
        ("{eyes: none, stages: [stage3]}", "stages: .*there is no network to take stages of"),
        ("{eyes: none, pixels: none}", "projected.pixels: .*no discriminator at all"),
        ("{eyes: efficientnet-lite2}", "projected.eyes: .*should be 'none', 'vgg19'"),
        ("{bands: [0, 1]}", "projected.bands: .*give three band numbers"),
        ("{wait: 1}", "projected.wait: there is no such setting; allowed are content"),
        ("{loss: wgan}", "projected.loss: is 'wgan'; input should be 'hinge'"),
        ("{augment: [noise]}", "projected.augment.0: is 'noise'; input should be 'translation'"),
        ("{}\nadversarial: {}", "leave out this or 'adversarial'"),
    ],
)
def test_wrong_settings_are_explained(tmp_path: Path, section: str, message: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"{PLAIN}projected: {section}\n")
    with pytest.raises(ValueError, match=message):
        read_config(path)


def test_patches_that_are_too_small_are_told_the_least(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"{PLAIN}projected: {{}}\n")
    assert read_config(path, patch=9).projected == Projected()
    with pytest.raises(ValueError, match=r"patches of 8 × 4 pixels .* patch must be at least 9"):
        read_config(path, patch=8)
    shallow = {"projected.stages": ["stage3"], "projected.content_stages": ["stage2"]}
    assert read_config(path, patch=4, **shallow).patch == 4


def test_the_end_is_the_adversarial_one() -> None:
    config = replace(CONFIG, patch=24, projected=Projected())
    assert (config.end, config.end_name) == ("adversarial", "tiny-adversarial")


def test_threads_are_those_asked_for(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        CliRunner().invoke(app, ["fit", "nothing", "--data", str(tmp_path), "--threads", "3"])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
