from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from srgan_training.losses.content import FeatureMatching, VGGContent
from srgan_training.networks.discriminator import Discriminator
from srgan_training.networks.vgg19 import MEAN, STD, VGG19Features, read_vgg19


def random_state() -> dict[str, Tensor]:
    """Weights up to φ2,2 under torchvision's names, and one of its classifier."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for index, before, after in ((0, 3, 64), (2, 64, 64), (5, 64, 128), (7, 128, 128)):
        weight = torch.randn(after, before, 3, 3, generator=generator)
        state[f"features.{index}.weight"] = weight * (2 / (9 * before)) ** 0.5
        state[f"features.{index}.bias"] = 0.1 * torch.randn(after, generator=generator)
    return state | {"classifier.6.bias": torch.zeros(4)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vgg19.pth"
    torch.save(random_state(), path)
    return path


def by_hand(x: Tensor, state: dict[str, Tensor], activated: bool) -> Tensor:
    def conv(x: Tensor, index: int) -> Tensor:
        weight, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
        return F.conv2d(x, weight, bias, padding=1)

    x = (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    x = F.max_pool2d(conv(conv(x, 0).relu(), 2).relu(), 2)
    x = conv(conv(x, 5).relu(), 7)
    return x.relu() if activated else x


def test_phi_5_4_is_behind_all_sixteen_convolutions() -> None:
    network = VGG19Features("5_4")
    convs = [n for n, m in network.named_modules() if isinstance(m, nn.Conv2d)]
    numbers = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
    assert convs == [f"features.{n}" for n in numbers]
    widths = [3, 64, 64, 128, 128, *4 * [256], *8 * [512]]
    expected = sum(9 * i * o + o for i, o in pairwise(widths))
    assert sum(p.numel() for p in network.parameters()) == expected == 20_024_384
    assert isinstance(network.features[-1], nn.ReLU)
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 64, 96)).shape == (1, 512, 4, 6)


def test_phi_2_2_is_half_the_size() -> None:
    network = VGG19Features("2_2")
    assert sum(isinstance(m, nn.Conv2d) for m in network.modules()) == 4
    assert network(torch.rand(2, 3, 24, 32)).shape == (2, 128, 12, 16)
    with pytest.raises(ValueError, match="layer is '3_4'"):
        VGG19Features("3_4")


@pytest.mark.parametrize("layer", ["2_2", "5_4"])
def test_before_the_relu_is_after_it_but_for_negative_values(layer: str) -> None:
    after, before = VGG19Features(layer), VGG19Features(layer, activated=False)
    before.load_state_dict(after.state_dict())
    x = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        assert float(before(x).min()) < 0
        assert torch.equal(before(x).relu(), after(x))


def test_mean_of_imagenet_is_zero_at_the_first_convolution() -> None:
    network = VGG19Features("2_2")
    seen: list[Tensor] = []
    network.features[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    mean = torch.tensor(MEAN).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    network(mean)
    assert float(seen[0].abs().max()) == 0
    network(mean + torch.tensor(STD).view(1, 3, 1, 1))
    assert torch.allclose(seen[1], torch.ones(()))


def test_one_channel_is_repeated_and_any_float_is_taken() -> None:
    network = VGG19Features("2_2")
    grey = torch.rand(1, 1, 16, 16, dtype=torch.float64)
    colour = grey.float().repeat(1, 3, 1, 1)
    assert torch.allclose(network(grey), network(colour), atol=1e-5)
    assert network(colour.bfloat16()).dtype == torch.float32
    for wrong in (torch.rand(1, 2, 16, 16), torch.zeros(1, 3, 16, 16, dtype=torch.uint8)):
        with pytest.raises(ValueError, match="float \\(N, 1 or 3, H, W\\)"):
            network(wrong)


@pytest.mark.parametrize("activated", [True, False])
def test_loss_is_the_equation(file: Path, activated: bool) -> None:
    torch.manual_seed(0)
    sr, hr = torch.rand(2, 2, 3, 20, 24)
    difference = by_hand(sr, random_state(), activated) - by_hand(hr, random_state(), activated)
    mse = VGGContent("2_2", activated=activated, weights=file)
    l1 = VGGContent("2_2", activated=activated, weights=file, norm="l1", rescale=1)
    assert torch.allclose(mse(sr, hr), (difference / 12.75).square().mean(), rtol=1e-4)
    assert torch.allclose(l1(sr, hr), difference.abs().mean(), rtol=1e-4)
    assert float(mse(hr, hr)) == 0


def test_network_is_frozen_and_the_gradient_reaches_only_sr(file: Path) -> None:
    content = VGGContent("2_2", weights=str(file)).train()
    assert not any(m.training for m in content.modules())
    assert not any(p.requires_grad for p in content.parameters())
    sr, hr = (torch.rand(1, 1, 16, 16, requires_grad=True) for _ in range(2))
    content(sr, hr).backward()
    assert sr.grad is not None
    assert float(sr.grad.abs().max()) > 0
    assert hr.grad is None


def test_safetensors_hold_the_same(file: Path, tmp_path: Path) -> None:
    save_file(random_state(), tmp_path / "vgg19.safetensors")
    same = VGGContent("2_2", weights=tmp_path / "vgg19.safetensors").state_dict()
    for name, value in VGGContent("2_2", weights=file).state_dict().items():
        assert torch.equal(value, same[name])


def test_no_weights_say_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'url' to download https://.*dcbb9e9d.pth"):
        VGGContent()
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        VGGContent(weights=tmp_path / "none.pth")


def drop(state: dict[str, Tensor]) -> None:
    del state["features.5.bias"]


def reshape(state: dict[str, Tensor]) -> None:
    state["features.7.weight"] = torch.zeros(128, 128, 1, 1)


def add(state: dict[str, Tensor]) -> None:
    state["features.1.running_mean"] = torch.zeros(64)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (drop, r"\['features.5.bias'\] missing"),
        (reshape, r"\['features.7.weight'\] of another shape"),
        (add, r"\['features.1.running_mean'\] unknown"),
    ],
)
def test_weights_of_another_network_are_named(
    file: Path, change: Callable[[dict[str, Tensor]], None], match: str
) -> None:
    state = random_state()
    change(state)
    torch.save(state, file)
    with pytest.raises(ValueError, match=match):
        VGGContent("2_2", weights=file)


def test_too_shallow_weights_and_other_contents_are_refused(file: Path) -> None:
    with pytest.raises(ValueError, match=r"'features.34.bias'\] missing"):
        VGGContent("5_4", weights=file)
    torch.save([1, 2], file)
    with pytest.raises(ValueError, match="holds a list"):
        VGGContent(weights=file)
    with pytest.raises(ValueError, match="norm is 'l2'"):
        VGGContent(weights=file, norm="l2")  # type: ignore[arg-type]


def test_download_is_checked_against_its_name(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    start = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    right = file.rename(tmp_path / f"vgg19-{start}.pth")
    state = read_vgg19("url", url=right.as_uri())
    assert torch.equal(state["features.0.weight"], random_state()["features.0.weight"])
    wrong = right.rename(tmp_path / "vgg19-00000000.pth")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        read_vgg19("url", url=wrong.as_uri())
    # The right one is now in the cache alone.
    assert state.keys() == read_vgg19("url", url=right.as_uri()).keys()


def test_feature_matching_is_the_equation() -> None:
    real = [torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0, 3.0, 1.0]])]
    fake = [torch.tensor([[0.0, 4.0]]), torch.tensor([[0.0, 1.0, 3.0, -1.0]])]
    assert float(FeatureMatching()(real, fake)) == (1 + 2) / 2 + (1 + 2) / 4
    with pytest.raises(ValueError, match="zip"):
        FeatureMatching()(real, fake[:1])


def test_feature_matching_leaves_the_real_side_alone() -> None:
    torch.manual_seed(0)
    discriminator, matching = Discriminator(1), FeatureMatching()
    hr, sr = (torch.rand(2, 1, 32, 32, requires_grad=True) for _ in range(2))
    _, real = discriminator.logits_and_features(hr)
    _, again = discriminator.logits_and_features(hr)
    _, fake = discriminator.logits_and_features(sr)
    assert float(matching(real, again).detach()) == 0
    matching(real, fake).backward()
    assert hr.grad is None
    assert sr.grad is not None
    assert float(sr.grad.abs().max()) > 0
