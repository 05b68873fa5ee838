from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from napari_srgan import super_resolve
from napari_srgan.models import Model, ModelCard, ModelError
from napari_srgan.models.blend import blend, check_detail
from napari_srgan.nn.generator import GeneratorConfig
from tests.conftest import random_network

CONFIG = GeneratorConfig(channels=1, scale=2, features=4, blocks=1)


def end(seed: int, config: GeneratorConfig = CONFIG) -> Model:
    card = ModelCard("both", config, end="adversarial" if seed else "fidelity")
    return Model(random_network(config, seed), card, (f"sha of {seed}",), float(bool(seed)))


def test_the_ends_are_the_models_themselves() -> None:
    fidelity, adversarial = end(0), end(1)
    assert blend(fidelity, adversarial, 0) is fidelity
    assert blend(fidelity, adversarial, 1) is adversarial


@pytest.mark.parametrize("detail", [0.01, 0.25, 0.5, 0.9])
def test_between_the_ends_every_weight_and_statistic_is_interpolated(detail: float) -> None:
    fidelity, adversarial = end(0), end(1)
    low, high = fidelity.state_dict(), adversarial.state_dict()
    state = blend(fidelity, adversarial, detail).state_dict()
    assert state.keys() == low.keys()
    floating = [name for name, value in low.items() if value.is_floating_point()]
    assert {"head.weight", "body_bn.running_mean", "body_bn.running_var"} <= set(floating)
    for name in floating:
        expected = (1 - detail) * low[name].double() + detail * high[name].double()
        assert torch.allclose(state[name].double(), expected, atol=1e-6), name
        assert low[name].equal(fidelity.state_dict()[name])


def test_a_blend_is_ready_to_run_and_says_what_it_is() -> None:
    fidelity, adversarial = end(0), end(1)
    model = blend(fidelity, adversarial, 0.5)
    assert not model.network.training
    assert not any(p.requires_grad for p in model.network.parameters())
    assert model.detail == 0.5
    assert model.sha256 == ("sha of 0", "sha of 1")
    assert model.card.name == "both"


def test_a_little_detail_changes_the_image_a_little() -> None:
    fidelity, adversarial = end(0), end(1)
    image = np.random.default_rng(0).random((9, 9), "float32")
    faithful, a_little, realistic = (
        super_resolve(image, blend(fidelity, adversarial, detail), normalise="none", device="cpu")
        for detail in (0, 0.001, 1)
    )
    assert 0 < np.abs(a_little - faithful).max() < 0.05 * np.abs(realistic - faithful).max()


@pytest.mark.parametrize(
    "change",
    [{"scale": 4}, {"channels": 3}, {"features": 8}, {"blocks": 2}, {"activation": "tanh"}],
)
def test_different_architectures_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="both: its two ends differ in architecture"):
        blend(end(0), end(1, replace(CONFIG, **change)), 0.5)


@pytest.mark.parametrize("detail", [0, 1, 0.5])
def test_a_number_from_0_to_1_is_a_detail(detail: float) -> None:
    assert check_detail(detail) == detail


@pytest.mark.parametrize("detail", [-0.1, 1.1, float("nan"), float("inf"), "0.5", True, None, [0]])
def test_anything_else_is_no_detail(detail: Any) -> None:
    with pytest.raises(ValueError, match=r"between 0 \(faithful\) and 1 \(realistic\)"):
        check_detail(detail)
