"""From a folder of one's own images to a model that napari-srgan finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from napari_srgan import ModelCard, list_models, load_model
from napari_srgan.models import save_model
from srgan_training import finetune
from srgan_training.cli import app
from srgan_training.pairs import alignment, load_pairs, match_names, report
from tests.conftest import MakeModel

rng = np.random.default_rng(0)


def waves(side: int, seed: int) -> np.ndarray:
    """Return a smooth 8-bit image with detail that bicubic loses."""
    own = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    planes = [np.sin(own.uniform(0.2, 1.2) * (y * a + x * (1 - a))) for a in own.uniform(0, 1, 6)]
    return np.asarray(np.clip(128 + 20 * np.sum(planes, 0), 0, 255), "uint8")


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Return a folder of six pairs whose LR was made by binning."""
    for i in range(6):
        hr = waves(96, i)
        lr = hr.reshape(24, 4, 24, 4).mean((1, 3)).round().astype("uint8")
        save(tmp_path / "pairs" / "HR" / f"{i}.png", hr)
        save(tmp_path / "pairs" / "LR" / f"{i}.png", lr)
    return tmp_path / "pairs"


@pytest.fixture
def small_start(own_models: Path, make_identity: MakeModel) -> None:
    """Put a small network that repeats pixels in the place of gray-x4."""
    own_models.mkdir()
    model = make_identity(1)
    save_model(own_models / "gray-x4", model.state_dict(), ModelCard("gray-x4", model.card.config))


@pytest.mark.slow
@pytest.mark.usefixtures("small_start")
def test_a_model_that_is_better_is_installed(pairs: Path, tmp_path: Path) -> None:
    command = ["finetune", "--data", str(pairs), "--name", "mine", "--steps", "240"]
    done = CliRunner().invoke(app, [*command, "--batch", "4", "--out", str(tmp_path / "runs")])
    assert done.exit_code == 0, done.output
    assert "6 pairs; HR lies off by" in done.output
    assert "installed: " in done.output
    card = next(card for card in list_models() if card.name == "mine")
    held = card.figures["held out"]
    assert held["psnr"] > held["before"]
    assert card.degradation == "real LR images"
    assert load_model("mine").scale == 4


@pytest.mark.slow
@pytest.mark.usefixtures("small_start")
def test_a_model_that_is_no_better_is_not(pairs: Path, tmp_path: Path) -> None:
    command = ["finetune", "--data", str(pairs), "--name", "mine", "--steps", "1", "--batch", "1"]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "runs")])
    assert done.exit_code == 0, done.output
    assert "mine is not better than what there was, so it is not installed" in done.output
    assert [card.name for card in list_models() if card.name == "mine"] == []


def test_images_are_split_and_none_is_on_both_sides(tmp_path: Path) -> None:
    volume = np.stack([waves(64, i) for i in range(4)])
    tifffile.imwrite(tmp_path / "volume.tif", volume, photometric="minisblack")
    for i in range(7):
        save(tmp_path / f"{i}.png", waves(64, 10 + i))
    (tmp_path / "broken.png").write_bytes(b"nothing")
    material = finetune.look_at(tmp_path, 4, "area")
    assert len(material.train) + len(material.held_out) == 11
    ours = {pair.hr.tobytes() for pair in material.train}
    assert not ours & {pair.hr.tobytes() for pair in material.held_out}
    planes = [any(pair.hr.tobytes() == tobytes(p) for pair in material.train) for p in volume]
    assert len(set(planes)) == 1
    assert "9 files, 1 left out: " in material.note
    assert "broken.png" in material.note
    assert material.degradation == "the mean of the pixels (binning)"


def tobytes(plane: np.ndarray) -> bytes:
    return (plane[None].astype(np.float32) / np.float32(255)).tobytes()


def test_too_few_images_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "one.png", waves(64, 0))
    with pytest.raises(ValueError, match="at least two are needed"):
        finetune.look_at(tmp_path, 4)


def test_names_without_a_partner_are_named(pairs: Path) -> None:
    (pairs / "LR" / "3.png").rename(pairs / "LR" / "three.png")
    with pytest.raises(ValueError, match=r"2 files have no partner of the same name: three\.png"):
        match_names(pairs / "LR", pairs / "HR")


@pytest.mark.parametrize(
    ("lr", "message"),
    [
        (np.zeros((20, 24), "uint8"), r"HR is \(96, 96\), but 4 times LR \(20, 24\) is"),
        (np.zeros((200, 200), "uint8"), "LR is larger than HR"),
        (np.zeros((24, 24), "uint16"), "LR is uint16, HR uint8; both must have one bit depth"),
    ],
)
def test_pairs_that_do_not_fit_are_named(pairs: Path, lr: np.ndarray, message: str) -> None:
    save(pairs / "LR" / "3.png", lr)
    with pytest.raises(ValueError, match=message):
        load_pairs(pairs / "LR", pairs / "HR", 4, 1)


def test_a_shift_between_lr_and_hr_is_found(pairs: Path) -> None:
    hr = rng.random((1, 160, 160)).astype(np.float32)
    lr = hr.reshape(1, 40, 4, 40, 4).mean((2, 4))
    assert alignment(lr, hr, 4) == pytest.approx((0, 0), abs=0.1)
    moved = np.roll(hr, (8, -4), (1, 2))
    assert alignment(lr, moved, 4) == pytest.approx((2, -1), abs=0.1)
    shifted = np.roll(np.array(Image.open(pairs / "HR" / "2.png")), 12, 0)
    save(pairs / "HR" / "2.png", shifted)
    text = report(load_pairs(pairs / "LR", pairs / "HR", 4, 1))
    assert "2: HR lies off by +3.00" in text
    assert "register it before training" in text
