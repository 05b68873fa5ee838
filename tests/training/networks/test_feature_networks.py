from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from srgan_training.networks import feature_weights
from srgan_training.networks.feature_networks import FeatureNetwork, NetworkName, as_rgb, stages_of
from srgan_training.networks.feature_weights import has_wheel, read_weights
from srgan_training.networks.vgg19 import VGG19Features
from tests.training.networks.lite_weights import random_lite

LITE0: NetworkName = "efficientnet-lite0"


@pytest.mark.parametrize("name", ["vgg19", LITE0, "efficientnet-lite2"])
def test_stages_have_the_strides_and_channels_that_are_said(name: NetworkName) -> None:
    stages = stages_of(name)
    network = FeatureNetwork(name, list(stages), weights=None)
    found = network(torch.rand(1, 3, 64, 96))
    assert [stage.name for stage in network.stages] == list(stages)
    for features, stage in zip(found, stages.values(), strict=True):
        assert features.shape == (1, stage.channels, 64 // stage.stride, 96 // stage.stride)
    strides = [stage.stride for stage in stages.values()]
    assert strides == ([1, 2, 4, 8, 16] if name == "vgg19" else [2, 2, 4, 8, 16, 16, 32, 32])


def test_one_stage_of_each_stride_where_none_are_named() -> None:
    network = FeatureNetwork(LITE0, weights=None)
    names = ["stage2", "stage3", "stage4", "stage6", "stage8"]
    assert [stage.name for stage in network.stages] == names
    backwards = FeatureNetwork(LITE0, ["stage4", "stage2"], weights=None)
    assert [stage.name for stage in backwards.stages] == ["stage2", "stage4"]
    assert [tuple(f.shape[1:]) for f in backwards(torch.rand(1, 3, 16, 16))] == [
        (16, 8, 8),
        (40, 2, 2),
    ]


def test_stages_of_vgg_are_its_layers_after_the_relu() -> None:
    network = FeatureNetwork("vgg19", ["2_2", "5_4"], weights=None)
    deep, shallow = VGG19Features("5_4"), VGG19Features("2_2")
    state = network.network.state_dict()
    deep.load_state_dict(state)
    shallow.load_state_dict({k: state[k] for k in shallow.state_dict()})
    x = torch.rand(1, 3, 32, 32)
    first, last = network(x)
    assert torch.allclose(first, shallow(x), atol=1e-5)
    assert torch.allclose(last, deep(x), atol=1e-5)
    assert float(first.std()) > 1e-2


def test_a_network_is_frozen_and_gradients_pass_through_it() -> None:
    network = FeatureNetwork(LITE0, ["stage3"], weights=None).train()
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    x = torch.rand(1, 3, 16, 16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        (features,) = network(x)
    assert features.dtype == torch.float32
    (gradient,) = torch.autograd.grad(features.square().mean(), x)
    assert float(gradient.abs().sum()) > 0


def test_grey_is_repeated_and_many_bands_are_seen_one_by_one() -> None:
    grey = torch.rand(2, 1, 8, 8)
    assert torch.equal(as_rgb(grey), grey.repeat(1, 3, 1, 1))
    colour = torch.rand(2, 3, 8, 8)
    assert as_rgb(colour) is colour
    many = torch.rand(2, 5, 8, 8)
    assert as_rgb(many).shape == (10, 3, 8, 8)
    assert torch.equal(as_rgb(many)[7], many[1, 2].expand(3, -1, -1))
    assert torch.equal(as_rgb(many, (4, 0, 2)), many[:, [4, 0, 2]])
    with pytest.raises(ValueError, match="bands are \\[0, 1, 5\\]; they must be three numbers"):
        as_rgb(many, (0, 1, 5))
    with pytest.raises(ValueError, match="must be float \\(N, C, H, W\\)"):
        as_rgb(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))


def test_what_cannot_be_looked_at_is_said() -> None:
    network = FeatureNetwork(LITE0, weights=None)
    with pytest.raises(ValueError, match=r"images are 16 × 40; stage stage8 .* at least 32 × 32"):
        network(torch.rand(1, 3, 16, 40))
    with pytest.raises(ValueError, match=r"stages of vgg19 are 1_2, 2_2, .* got stage3"):
        FeatureNetwork("vgg19", ["stage3"], weights=None)
    with pytest.raises(ValueError, match="each once; got stage2, stage2"):
        FeatureNetwork(LITE0, ["stage2", "stage2"], weights=None)
    with pytest.raises(ValueError, match="no network 'b7'; allowed are vgg19, "):
        stages_of("b7")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_are_read_from_a_file(tmp_path: Path, suffix: str) -> None:
    path, state = tmp_path / f"lite0{suffix}", random_lite(LITE0)
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    first, second = (
        FeatureNetwork(LITE0, weights=w)(torch.ones(1, 3, 32, 32)) for w in (path, path)
    )
    assert torch.equal(first[-1], second[-1])
    assert float(first[-1].std()) > 0
    with pytest.raises(ValueError, match="no weights of efficientnet-lite1"):
        FeatureNetwork("efficientnet-lite1", weights=path)
    with pytest.raises(FileNotFoundError, match=r"no file .*; give a path, a URL"):
        FeatureNetwork(LITE0, weights=tmp_path / "nothing.pth")


def test_a_wheel_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(feature_weights.WHEELS, LITE0, "no_such_wheel")
    assert not has_wheel(LITE0)
    with pytest.raises(ValueError, match="not installed: `pip install no-such-wheel` adds them"):
        read_weights(LITE0)


def test_a_wheel_with_other_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other_wheel").mkdir()
    (tmp_path / "other_wheel" / "__init__.py").write_text("raise RuntimeError('imported')")
    torch.save({}, tmp_path / "other_wheel" / "w.pth")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(feature_weights.WHEELS, LITE0, "other_wheel")
    with pytest.raises(ValueError, match=r"does not hold the weights .* --force-reinstall"):
        read_weights(LITE0)


def test_a_download_is_checked_against_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(ValueError, match="has no hash in its name"):
        read_weights(LITE0, "https://example.org/weights.pth")
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    torch.save({"a": torch.ones(2)}, folder / "w.pth")
    good = hashlib.sha256((folder / "w.pth").read_bytes()).hexdigest()[:8]
    (folder / "w.pth").rename(folder / f"w-{good}.pth")
    assert torch.equal(read_weights(LITE0, f"https://example.org/w-{good}.pth")["a"], torch.ones(2))
    torch.save({"a": torch.ones(3)}, folder / f"w-{good}.pth")
    with pytest.raises(ValueError, match=f"not {good} as its name says; remove it"):
        read_weights(LITE0, f"https://example.org/w-{good}.pth")
