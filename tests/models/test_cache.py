"""The models that were loaded last are kept."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

import napari_srgan as ns
from napari_srgan.models import ModelCard, ModelError, load_model, save_model
from napari_srgan.models.cache import MAX_MODELS, ModelCache
from napari_srgan.models.card import End
from napari_srgan.models.model import Model
from napari_srgan.models.registry import shared_model
from napari_srgan.nn.generator import GeneratorConfig
from tests.conftest import random_network

CONFIG = GeneratorConfig(channels=1, scale=2, features=4, blocks=1)


def put(folder: Path, name: str, end: End = "fidelity", seed: int = 0) -> Path:
    state = random_network(CONFIG, seed).state_dict()
    card = ModelCard(name, CONFIG, end=end)
    return save_model(folder / f"{name}-{end}", state, card, dtype=torch.float32)


def test_a_model_is_loaded_once(own_models: Path) -> None:
    path = put(own_models, "a")
    first = shared_model("a")
    assert shared_model("a") is first
    assert shared_model(path) is first
    assert shared_model(str(path), detail=0) is first


def test_each_blend_is_kept(own_models: Path) -> None:
    put(own_models, "a", seed=1)
    put(own_models, "a", "adversarial", seed=2)
    half, more = shared_model("a", detail=0.5), shared_model("a", detail=0.75)
    assert shared_model("a", detail=0.5) is half
    assert (half.detail, more.detail) == (0.5, 0.75)
    assert not torch.equal(half.network.tail.weight, more.network.tail.weight)


def test_a_file_that_was_replaced_is_loaded_anew(own_models: Path) -> None:
    path = put(own_models, "a", seed=1)
    image = np.random.default_rng(0).random((9, 9), "float32")
    stat = path.stat()
    before = ns.super_resolve(image, "a", precision="float32")
    put(own_models, "a", seed=2)
    # The copy of another file may well be as old and as long.
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    after = ns.super_resolve(image, "a", precision="float32")
    expected = random_network(CONFIG, 2).state_dict()["tail.weight"]
    assert torch.equal(load_model("a").network.tail.weight, expected)
    assert not np.array_equal(before, after)


def test_a_file_that_is_gone_is_not_remembered(own_models: Path) -> None:
    path = put(own_models, "a")
    load_model(path)
    path.unlink()
    with pytest.raises(ModelError, match="there is no such file"):
        load_model(path)


def test_what_is_done_to_a_loaded_model_stays_there(own_models: Path) -> None:
    put(own_models, "a")
    image = np.random.default_rng(0).random((9, 9), "float32")
    before = ns.super_resolve(image, "a", precision="float32")
    model = load_model("a")
    assert not any(p.requires_grad for p in model.network.parameters())
    with torch.no_grad():
        model.network.tail.weight.zero_()
    model.card.figures["Set5"] = {"psnr": 99}
    model.network.train()
    again = load_model("a")
    assert again.network.tail.weight.abs().max() > 0
    assert again.card.figures == {}
    assert not again.network.training
    assert np.array_equal(ns.super_resolve(image, "a", precision="float32"), before)
    assert np.array_equal(ns.super_resolve(image, again, precision="float32"), before)


def test_only_the_last_few_are_kept(tmp_path: Path) -> None:
    recent, paths = ModelCache(), [put(tmp_path, str(i), seed=i) for i in range(MAX_MODELS + 2)]
    first = recent.get(lambda: load_model(paths[0]), paths[0])
    for path in paths[1:MAX_MODELS]:
        recent.get(lambda path=path: load_model(path), path)  # type: ignore[misc]
        assert recent.get(lambda: load_model(paths[0]), paths[0]) is first
    for path in paths[MAX_MODELS:]:
        recent.get(lambda path=path: load_model(path), path)  # type: ignore[misc]
    assert len(recent) == MAX_MODELS
    assert recent.get(lambda: load_model(paths[0]), paths[0]) is first
    assert len(recent) == MAX_MODELS


def test_threads_get_one_model(own_models: Path) -> None:
    put(own_models, "a")
    found: list[Model] = []
    start = threading.Barrier(4)

    def ask() -> None:
        start.wait()
        found.append(shared_model("a"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(model is found[0] for model in found)


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "weights"])
def test_a_checkpoint_of_pytorch_is_called_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    torch.save({"state": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match=r"a PyTorch checkpoint.*srgan-train export"):
        load_model(str(path))


def test_an_old_checkpoint_of_pytorch_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"state": torch.zeros(3)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ModelError, match="a PyTorch checkpoint"):
        load_model(path)


def test_a_checkpoint_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match=r"absent\.pth: there is no such file"):
        load_model("absent.pth")
