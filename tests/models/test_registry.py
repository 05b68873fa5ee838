from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_srgan.models import ModelCard, ModelError, list_models, load_model, save_model
from napari_srgan.models.card import End
from napari_srgan.models.registry import find_models, user_folder
from napari_srgan.nn.generator import GeneratorConfig
from napari_srgan.options import choose_model
from tests.conftest import random_network

CONFIG = GeneratorConfig(channels=1, scale=2, features=4, blocks=1)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an empty folder in the place of the models that come with the package."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr("napari_srgan.models.registry.SHIPPED", folder)
    return folder


def put(
    folder: Path,
    name: str,
    end: End = "fidelity",
    *,
    seed: int = 0,
    description: str = "",
    config: GeneratorConfig = CONFIG,
) -> Path:
    card = ModelCard(name, config, end=end, description=description)
    state = random_network(config, seed).state_dict()
    return save_model(folder / f"{name}-{end}", state, card, dtype=torch.float32)


def test_the_folder_is_named_by_the_environment(own_models: Path) -> None:
    assert user_folder() == own_models


def test_without_the_environment_the_folder_is_in_the_persons_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NAPARI_SRGAN_MODELS")
    assert user_folder().is_absolute()
    assert user_folder().parts[-2:] == ("napari-srgan", "models")


def test_models_of_both_folders_are_listed_by_name(own_models: Path, shipped: Path) -> None:
    put(shipped, "b")
    put(own_models, "c")
    put(own_models, "a")
    assert [card.name for card in list_models()] == ["a", "b", "c"]


def test_folders_that_are_not_there_hold_no_models(own_models: Path, shipped: Path) -> None:
    shipped.rmdir()
    assert not own_models.exists()
    assert list_models() == []


def test_the_name_in_the_header_counts_not_that_of_the_file(
    own_models: Path, shipped: Path
) -> None:
    put(own_models, "cells").rename(own_models / "renamed.safetensors")
    assert [card.name for card in list_models()] == ["cells"]
    assert load_model("cells").card.name == "cells"


def test_a_persons_model_hides_the_shipped_one_whole(own_models: Path, shipped: Path) -> None:
    put(shipped, "gray-x4", description="shipped")
    put(shipped, "gray-x4", "adversarial", description="shipped")
    put(own_models, "gray-x4", description="own")
    (card,) = list_models()
    assert card.description == "own"
    assert not card.both_ends
    assert load_model("gray-x4").card.description == "own"


def test_other_files_are_no_models(own_models: Path, shipped: Path) -> None:
    put(own_models, "a")
    (own_models / "notes.txt").write_text("none")
    (own_models / "a.pth").write_bytes(b"none")
    assert [*find_models()] == ["a"]


def test_a_broken_file_is_left_out_with_a_warning(own_models: Path, shipped: Path) -> None:
    put(own_models, "a")
    broken = own_models / "broken.safetensors"
    broken.write_bytes(b"none")
    with pytest.warns(UserWarning, match="left out of the list of models: .*broken.safetensors: "):
        cards = list_models()
    assert [card.name for card in cards] == ["a"]
    with pytest.warns(UserWarning, match="broken"):
        assert load_model("a").card.name == "a"


def test_both_ends_are_one_model(own_models: Path, shipped: Path) -> None:
    put(own_models, "two", "adversarial", description="the adversarial end")
    put(own_models, "two", description="the fidelity end")
    put(own_models, "one")
    one, two = list_models()
    assert (one.name, one.both_ends) == ("one", False)
    assert (two.name, two.both_ends) == ("two", True)
    assert two.description == "the fidelity end"


def test_a_model_is_loaded_by_its_name(own_models: Path, shipped: Path) -> None:
    path = put(shipped, "a", seed=3)
    model = load_model("a")
    expected = random_network(CONFIG, 3).state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in model.state_dict().items())
    assert model.sha256 == (hashlib.sha256(path.read_bytes()).hexdigest(),)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_model_is_loaded_from_its_path(tmp_path: Path, kind: type) -> None:
    path = put(tmp_path / "elsewhere", "a")
    assert load_model(kind(path)).card.name == "a"


def test_a_path_is_taken_without_the_suffix_too(tmp_path: Path) -> None:
    path = put(tmp_path, "a").rename(tmp_path / "weights")
    assert load_model(str(path)).card.name == "a"


def test_a_path_may_start_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    put(tmp_path, "a")
    assert load_model("~/a-fidelity.safetensors").card.name == "a"


@pytest.mark.parametrize(
    "path", ["absent.safetensors", "~nobody-of-this-name/m.safetensors", Path("absent")]
)
def test_a_path_to_nothing_is_named(path: str | Path) -> None:
    with pytest.raises(ModelError, match="there is no such file"):
        load_model(path)


@pytest.mark.parametrize("name", ["c", "", ".", "a\0", "x" * 5000])
def test_an_unknown_name_lists_the_known_ones(own_models: Path, shipped: Path, name: str) -> None:
    put(own_models, "b")
    put(shipped, "a")
    with pytest.raises(ModelError, match=r"there is no model .*; known are a, b, or the path of a"):
        load_model(name)


def test_without_models_the_message_says_so(own_models: Path, shipped: Path) -> None:
    with pytest.raises(ModelError, match="known are none"):
        load_model("a")


@pytest.mark.parametrize("detail", [-0.01, 1.01, float("nan"), "1", True])
def test_detail_out_of_range_is_refused(own_models: Path, detail: Any) -> None:
    put(own_models, "a")
    with pytest.raises(ValueError, match=f"detail={detail!r}; it must lie between"):
        load_model("a", detail=detail)


def test_detail_of_a_model_of_one_end_is_that_end(own_models: Path) -> None:
    paths = {0.0: put(own_models, "f"), 1.0: put(own_models, "a", "adversarial")}
    for (own, path), name in zip(paths.items(), "fa", strict=True):
        for given in (name, path):
            assert load_model(given).detail == own
            assert load_model(given, detail=own).detail == own
            for other in (0.5, 1 - own):
                with pytest.raises(ModelError, match=f"end only, so detail={other:g} cannot be"):
                    load_model(given, detail=other)


def test_detail_chooses_between_the_ends(own_models: Path) -> None:
    put(own_models, "m", seed=1)
    put(own_models, "m", "adversarial", seed=2)
    low, high = (random_network(CONFIG, seed).tail.weight for seed in (1, 2))
    for detail, expected in {
        None: low,
        0: low,
        1: high,
        0.5: (low + high) / 2,
    }.items():
        model = load_model("m", detail=detail)
        assert model.detail == (detail or 0)
        assert torch.allclose(model.network.tail.weight, expected, atol=1e-7)
    assert len(load_model("m", detail=0.5).sha256) == 2


def test_ends_of_different_architectures_are_not_blended(own_models: Path) -> None:
    put(own_models, "m")
    put(own_models, "m", "adversarial", config=GeneratorConfig(1, 2, 8, 1))
    assert load_model("m", detail=1).network.config.features == 8
    with pytest.raises(ModelError, match="m: its two ends differ in architecture"):
        load_model("m", detail=0.5)


def test_auto_stands_for_a_name() -> None:
    assert choose_model(rgb=True) == "general-x4"
    assert choose_model(rgb=False) == "gray-x4"
    assert choose_model(rgb=False, scale=2) == "gray-x2"
