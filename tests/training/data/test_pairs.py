"""Real pairs: what fits, what does not, and how HR is brought to the brightness of LR."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from srgan_training.config import Source
from srgan_training.data.pairs import AlignedPair, alignment, load_pairs, match_names, report
from srgan_training.images import PixelStore
from tests.training.conftest import save, waves

rng = np.random.default_rng(0)
PLAIN = Source(("HR",), lr=("LR",), harmonise=False)


def loaded(folder: Path, source: Source = PLAIN, channels: int = 1) -> list[AlignedPair]:
    found, broken = load_pairs(folder / "LR", folder / "HR", 4, channels, source, PixelStore())
    assert broken == []
    return found


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
        loaded(pairs)


def test_a_shift_between_lr_and_hr_is_found(pairs: Path) -> None:
    hr = rng.random((1, 160, 160)).astype(np.float32)
    lr = hr.reshape(1, 40, 4, 40, 4).mean((2, 4))
    assert alignment(lr, hr, 4) == pytest.approx((0, 0), abs=0.1)
    moved = np.roll(hr, (8, -4), (1, 2))
    assert alignment(lr, moved, 4) == pytest.approx((2, -1), abs=0.1)
    shifted = np.roll(np.array(Image.open(pairs / "HR" / "2.png")), 12, 0)
    save(pairs / "HR" / "2.png", shifted)
    text = report(loaded(pairs))
    assert "2: HR lies off by +3.00" in text
    assert "register it before training" in text


def test_deep_pairs_are_put_on_one_range_by_the_lr_image(tmp_path: Path) -> None:
    hr = rng.integers(500, 3000, (1, 64, 64)).astype("uint16")
    lr = hr.reshape(16, 4, 16, 4).mean((1, 3)).astype("uint16")
    for name, pixels in (("LR", lr), ("HR", hr[0])):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a.tif", pixels)
    (each,) = loaded(tmp_path)
    low, high = np.percentile(lr, [0.1, 99.9])
    assert np.allclose(each.pair.lr[:], (lr - low) / (high - low), atol=1e-5)
    assert np.allclose(each.pair.hr[:], (hr - low) / (high - low), atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_hr_is_given_the_brightness_of_its_lr(tmp_path: Path, channels: int) -> None:
    fine = np.stack([waves(128, seed) * 0.6 + 30 for seed in range(3)], axis=-1)
    lr = fine.reshape(32, 4, 32, 4, 3).mean((1, 3))
    brighter = np.clip(fine * [1.3, 1.2, 1.1] + [5, 10, 15], 0, 255)
    save(tmp_path / "LR" / "a.png", lr.round().astype("uint8"))
    save(tmp_path / "HR" / "a.png", brighter.round().astype("uint8"))
    (plain,) = loaded(tmp_path, PLAIN, channels)
    (each,) = loaded(tmp_path, Source(("HR",), lr=("LR",)), channels)

    def off(aligned: AlignedPair) -> np.ndarray:
        hr, lr = (p[:].mean((1, 2)) for p in (aligned.pair.hr, aligned.pair.lr))
        return np.asarray(np.abs(hr - lr) * 255)

    assert off(plain).min() > 20
    assert off(each).max() < 1.5
    assert each.gain < 1
    assert "HR was given the brightness of its LR: multiplied by 0." in report([each])


def test_images_of_different_places_are_refused(pairs: Path) -> None:
    other = Image.fromarray(rng.integers(0, 255, (96, 96), dtype="uint8"))
    other.save(pairs / "HR" / "2.png")
    with pytest.raises(ValueError, match=r"2: LR and HR correlate by .* same place\?"):
        loaded(pairs, Source(("HR",), lr=("LR",)))


def test_one_corrupt_file_among_many_is_left_out_by_name(pairs: Path) -> None:
    (pairs / "HR" / "4.png").write_bytes(b"not a picture")
    found, broken = load_pairs(pairs / "LR", pairs / "HR", 4, 1, PLAIN, PixelStore())
    assert [each.name for each in found] == ["0", "1", "2", "3", "5"]
    ((path, why),) = broken
    assert path.name == "4.png"
    assert "cannot be read" in why


def test_lr_on_the_grid_of_hr_is_reduced(tmp_path: Path) -> None:
    hr = np.kron(rng.integers(50, 200, (16, 16)), np.ones((8, 8))).astype("uint8")
    save(tmp_path / "LR" / "a.png", hr)
    save(tmp_path / "HR" / "a.png", hr)
    (each,) = loaded(tmp_path, Source(("HR",), lr=("LR",), lr_grid="hr", harmonise=False))
    assert each.pair.lr.shape == (1, 32, 32)
    assert each.pair.lr[:].mean() == pytest.approx(hr.mean() / 255, abs=0.005)
    save(tmp_path / "LR" / "a.png", hr[:64])
    with pytest.raises(ValueError, match="with lr_grid hr both must have one size"):
        loaded(tmp_path, Source(("HR",), lr=("LR",), lr_grid="hr"))
