"""Files that nothing can be learnt from cost themselves only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from srgan_training.cli import app
from srgan_training.config import Source
from srgan_training.data.datasets import load_source
from srgan_training.data.screening import usable_planes
from srgan_training.finetune import finetune
from srgan_training.finetune.dataset import load_dataset
from srgan_training.images import PixelStore, find_images
from tests.conftest import MakeModel
from tests.training.conftest import save, waves
from tests.training.phases.test_fidelity import CONFIG

BAD = {
    "small.png": r"it has 8 × 8 pixels; at least 32 × 32 are needed",
    "narrow.png": r"it has 8 × 64 pixels; at least 32 × 32 are needed",
    "flat.png": "it is constant",
    "nan.tif": "it has values that are NaN or infinite",
    "mask.tif": "it holds bool, neither integers nor floats",
    "empty.png": "cannot be read",
}


def put_bad(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    save(folder / "small.png", waves(8, 0))
    save(folder / "narrow.png", waves(64, 0)[:8])
    save(folder / "flat.png", np.full((64, 64), 7, "uint8"))
    tifffile.imwrite(folder / "nan.tif", np.full((64, 64), np.nan, "float32"))
    tifffile.imwrite(folder / "mask.tif", waves(64, 1) > 128)
    (folder / "empty.png").touch()


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Return a folder of four good images and all kinds of bad ones."""
    folder = tmp_path / "mixed"
    put_bad(folder)
    for i in range(4):
        save(folder / f"{i}.png", waves(96, i))
    return folder


def test_finetune_leaves_out_by_name_what_cannot_be_used(
    mixed: Path, make_identity: MakeModel
) -> None:
    found = load_dataset(mixed, 4)
    assert len(found.train) + len(found.held_out) == 4
    assert f"10 files; {len(BAD)} left out: " in found.note
    for name, why in BAD.items():
        assert f"{mixed / name} (" in found.note
        assert why in found.note
    start = make_identity(1)
    config = finetune.choose_settings(found, start, "a", origin="b", steps=1, batch=1)
    assert config.patch == 24


def test_pairs_that_cannot_be_used_are_left_out_by_name(pairs: Path) -> None:
    save(pairs / "HR" / "small.png", waves(8, 0))
    save(pairs / "LR" / "small.png", waves(8, 0)[::4, ::4])
    save(pairs / "HR" / "flat.png", np.full((96, 96), 7, "uint8"))
    save(pairs / "LR" / "flat.png", np.full((24, 24), 7, "uint8"))
    found = load_dataset(pairs, 4)
    assert len(found.train) + len(found.held_out) == 6
    assert "2 left out: " in found.note
    assert "flat.png (it is constant)" in found.note
    assert "small.png (it has 8 × 8 pixels; at least 32 × 32 are needed)" in found.note


def test_where_nothing_is_left_the_error_says_why(tmp_path: Path, own_models: Path) -> None:
    put_bad(tmp_path / "bad")
    command = ["finetune", "--data", str(tmp_path / "bad"), "--name", "mine"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    assert "0 usable images; at least two are needed" in done.output
    for name, why in BAD.items():
        assert name in done.output
        assert why in done.output
    (tmp_path / "unreadable").mkdir()
    (tmp_path / "unreadable" / "a.png").touch()
    with pytest.raises(ValueError, match=r"none of 1 files can be read: 1 left out: .*a\.png"):
        load_dataset(tmp_path / "unreadable", 4)


def test_fit_leaves_out_what_is_smaller_than_a_pixel_of_lr(data: Path) -> None:
    save(data / "train" / "tiny.png", waves(64, 0)[:1, :9])
    with pytest.warns(UserWarning, match=r"1 left out: .*tiny\.png \(it has 1 × 9 pixels"):
        found = load_source(Source(("train",)), data, CONFIG, PixelStore())
    assert len(found) == 4


def test_hidden_files_are_no_training_images(tmp_path: Path) -> None:
    save(tmp_path / "a.png", waves(64, 0))
    (tmp_path / "._a.png").write_bytes(b"\0\5\x16\7")
    assert find_images(tmp_path) == [tmp_path / "a.png"]


def test_planes_of_a_volume_are_left_out_alone() -> None:
    planes = [np.zeros((1, 40, 40), "uint8"), waves(40, 0)[None], waves(40, 1)[None]]
    good, why = usable_planes(planes, 32, require_contrast=True)
    assert [number for number, _ in good] == [1, 2]
    assert why == "1 of its 3 planes: it is constant"
    assert usable_planes(planes, 32)[1] == ""
