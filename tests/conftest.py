"""Small real networks that the tests run, and what holds for every test."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:
    # One thread each, also in the processes that a test starts: pytest-xdist fills the cores.
    os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch
from hypothesis import settings
from torch import nn

from napari_srgan.models import Model, ModelCard
from napari_srgan.nn.generator import Generator, GeneratorConfig, interpolate_

if sys.platform == "linux" and not os.environ.get("DISPLAY") and not shutil.which("Xvfb"):
    # Without any screen Qt would end the whole run; so only what needs a window fails.
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# The same cases in every run, however busy the machine.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

MakeModel = Callable[..., Model]

HERE = Path(__file__).parent
MARKERS = {"plugin": "gui", "training": "training"}
"""folders of tests → markers"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the folder that they are in."""
    for item in items:
        if HERE in item.path.parents:
            marker = MARKERS.get(item.path.relative_to(HERE).parts[0])
            if marker:
                item.add_marker(marker)


def random_network(config: GeneratorConfig, seed: int = 0) -> Generator:
    """Return a network whose every weight and statistic differs from its initial value."""
    torch.manual_seed(seed)
    network = Generator(config)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.3)
            if isinstance(module, nn.PReLU):
                module.weight.uniform_(0.1, 0.4)
        # Pixels around the middle of the range, where an image of noise allows them to be.
        assert network.tail.bias is not None
        network.tail.bias += 0.5
    return network.eval().requires_grad_(False)


@pytest.fixture
def make_model() -> MakeModel:
    """Return a function that makes a small model with random weights."""

    def make(channels: int = 1, scale: int = 4, blocks: int = 2, features: int = 8) -> Model:
        network = random_network(GeneratorConfig(channels, scale, features, blocks))
        return Model(network, ModelCard(f"random-{channels}", network.config))

    return make


@pytest.fixture
def make_identity() -> MakeModel:
    """Return a function that makes a model which repeats pixels and changes no value."""

    def make(channels: int = 1, scale: int = 4) -> Model:
        network = interpolate_(Generator(GeneratorConfig(channels, scale, 8, 2))).eval()
        return Model(network, ModelCard(f"identity-{channels}", network.config))

    return make


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the tests out of the person's own folder of models."""
    folder = tmp_path / "models"
    monkeypatch.setenv("NAPARI_SRGAN_MODELS", str(folder))
    return folder


@contextmanager
def a_disk_with_room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes."""
    resource = pytest.importorskip("resource", reason="needs a limit on the size of files")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
