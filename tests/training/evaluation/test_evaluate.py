from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from typer.testing import CliRunner

from napari_srgan import ModelCard, ModelError, load_model
from napari_srgan.models import Model, save_model
from napari_srgan.nn.generator import GeneratorConfig
from srgan_training.cli import app
from srgan_training.evaluation.benchmark_images import Reduction, read_bands, read_cases
from srgan_training.evaluation.evaluate import Row, choose_rows, evaluate, run
from srgan_training.evaluation.report import as_json, as_markdown
from srgan_training.evaluation.scores import measure
from srgan_training.evaluation.strips import MAX_SIDE, most_contrast
from srgan_training.images import Array
from tests.conftest import MakeModel, random_network

rng = np.random.default_rng(0)


def save(folder: Path, name: str, model: Model) -> Path:
    return save_model(
        folder / name, model.state_dict(), ModelCard(name, model.network.config, description="")
    )


@pytest.fixture
def model_file(make_identity: MakeModel, tmp_path: Path) -> Path:
    """Return a file with a model that repeats pixels."""
    return save(tmp_path, "repeat", make_identity(3))


@pytest.fixture
def two_ended(own_models: Path) -> str:
    """Return the name of a model with two ends of random weights."""
    config = GeneratorConfig(3, 4, 4, 1)
    for seed, end in enumerate(("fidelity", "adversarial")):
        card = ModelCard("two", config, end=end)  # type: ignore[arg-type]
        save_model(own_models / f"two-{end}", random_network(config, seed).state_dict(), card)
    return "two"


def put(folder: Path, name: str, pixels: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if name.endswith(".tif"):
        tifffile.imwrite(folder / name, pixels)
    else:
        Pillow.fromarray(pixels).save(folder / name)
    return folder


def every_second(image: Array, rng: np.random.Generator, scale: int) -> Array:
    lr = image[:, ::scale, ::scale]
    return lr + rng.normal(0, 0.02, lr.shape).astype(np.float32)


def test_bicubic_stands_beside_every_model(data: Path, model_file: Path) -> None:
    bicubic, repeat = evaluate([str(model_file)], [data / "held"])
    assert (bicubic.model, repeat.model) == ("bicubic", str(model_file))
    assert bicubic.psnr > repeat.psnr
    assert bicubic.ssim > repeat.ssim
    assert bicubic.gmsd < repeat.gmsd
    assert bicubic.sam > 0
    assert (bicubic.images, bicubic.convention) == (1, "Y")


def test_consistency_shows_in_the_lr_psnr(data: Path, model_file: Path) -> None:
    _, without = evaluate([str(model_file)], [data / "held"])
    _, with_steps = evaluate([str(model_file)], [data / "held"], consistency=3)
    assert with_steps.lr_psnr > without.lr_psnr + 5
    assert with_steps.worst_lr_psnr > 45


def test_the_worst_image_of_a_folder_is_told(model_file: Path, tmp_path: Path) -> None:
    for name in "ab":
        pixels = rng.integers(0, 255, (24, 24, 3), "uint8")
        put(tmp_path / "both", f"{name}.png", pixels)
        put(tmp_path / name, "0.png", pixels)
    folders = [tmp_path / name for name in ("both", "a", "b")]
    both, a, b = [s for s in evaluate([str(model_file)], folders) if s.model != "bicubic"]
    assert both.worst_drift == max(a.drift, b.drift) > both.drift
    assert both.worst_lr_psnr == min(a.lr_psnr, b.lr_psnr) < both.lr_psnr


def test_each_scale_has_its_bicubic(
    data: Path, model_file: Path, make_identity: MakeModel, tmp_path: Path
) -> None:
    double = save(tmp_path, "double", make_identity(1, 2))
    scores = list(evaluate([str(model_file), str(double)], [data / "held", data / "train"]))
    assert [s.model for s in scores[:4]] == [
        "bicubic ×2",
        "bicubic ×4",
        str(model_file),
        str(double),
    ]
    assert [s.scale for s in scores[:4]] == [2, 4, 4, 2]
    assert [s.folder for s in scores] == ["held"] * 4 + ["train"] * 4
    assert scores[0].psnr > scores[1].psnr
    assert np.isnan(scores[3].sam)


@pytest.mark.parametrize("eight_bit", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_deep_images_are_measured_by_either_model(
    make_identity: MakeModel, tmp_path: Path, channels: int, eight_bit: bool
) -> None:
    pixels = rng.integers(0, 255 if eight_bit else 9000, (40, 44))
    put(tmp_path / "hr", "a.tif", pixels.astype("uint8" if eight_bit else "uint16"))
    (case,) = read_cases(tmp_path / "hr")
    row = Row("repeat", 4, make_identity(channels))
    sr, pair = run(case, row, Reduction(), 0, 0)
    assert sr.shape == pair.hr.shape == (1, 40, 44)
    values = measure(sr, pair, 4, eight_bit=eight_bit, low=case.low, span=case.span)
    assert 5 < values.psnr < 30
    assert 0 < values.ssim < 1
    assert values.lr_psnr > 10


def test_bands_go_through_a_model_of_one_channel_each_and_are_measured_together(
    make_identity: MakeModel, tmp_path: Path
) -> None:
    smooth = np.cumsum(rng.normal(size=(5, 48, 48)), 1).cumsum(2) * 50 + 9000
    bands = smooth.astype("uint16")
    folder = tmp_path / "hr"
    folder.mkdir()
    for name, pixels, layout in (
        ("separate", bands, "separate"),
        ("together", np.moveaxis(bands, 0, -1), "contig"),
    ):
        tifffile.imwrite(
            folder / f"{name}.tif", pixels, photometric="minisblack", planarconfig=layout
        )
    a, b = read_cases(folder)
    assert np.array_equal(a.image.pixels[:], b.image.pixels[:])
    assert np.allclose(a.image.pixels[:] * a.span + a.low, bands, atol=0.01)
    bicubic, repeat = evaluate([str(save(tmp_path, "m", make_identity(1)))], [folder])
    assert bicubic.psnr > repeat.psnr > 20
    assert 0 < bicubic.sam < repeat.sam < 20
    assert bicubic.convention == "full range"


def test_planes_of_rgb_and_of_stacks_are_told_apart(tmp_path: Path) -> None:
    def shapes(pixels: np.ndarray, **how: Any) -> list[tuple[int, ...]]:
        tifffile.imwrite(tmp_path / "a.tif", pixels, **how)
        return [p.shape for p in read_bands(tmp_path / "a.tif")]

    stack = np.zeros((7, 20, 30), "uint8")
    assert shapes(stack, photometric="minisblack") == [(1, 20, 30)] * 7
    assert shapes(np.zeros((20, 30, 4), "uint8"), photometric="rgb") == [(3, 20, 30)]
    separate: dict[str, Any] = {"photometric": "rgb", "planarconfig": "separate"}
    assert shapes(stack[:3], **separate) == [(3, 20, 30)]


def test_the_range_of_deep_images_may_be_given(tmp_path: Path) -> None:
    folder = put(tmp_path / "hr", "a.tif", rng.integers(0, 1001, (40, 40)).astype("uint16"))
    (own,) = evaluate([], [folder])
    (given,) = evaluate([], [folder], data_range=10_000)
    assert given.psnr == pytest.approx(own.psnr + 20, abs=0.1)
    with pytest.raises(ValueError, match="data_range=0; it must be above 0"):
        next(evaluate([], [folder], data_range=0))


def test_lr_images_are_matched_by_their_names(data: Path, tmp_path: Path) -> None:
    held = Pillow.open(data / "held" / "4.png")
    folder = put(tmp_path / "hr", "b.png", np.asarray(held))
    put(folder, "a.png", np.asarray(held))
    (made,) = evaluate([], [folder])
    small = np.asarray(held.resize((18, 16), Pillow.Resampling.BICUBIC))
    put(tmp_path / "lr", "a.png", small)
    put(tmp_path / "lr", "bx4.png", small)
    (given,) = evaluate([], [folder], lr=[tmp_path / "lr"])
    # Pillow's bicubic is the same kernel, rounded between its two passes.
    assert given.psnr == pytest.approx(made.psnr, abs=0.05)
    assert given.lr == "those of lr"
    put(tmp_path / "lr", "a.png", small // 2)
    (darker,) = evaluate([], [folder], lr=[tmp_path / "lr"])
    assert darker.psnr < given.psnr - 3


def test_deep_lr_images_are_seen_on_the_scale_of_their_hr(tmp_path: Path) -> None:
    lr = np.add.outer(np.arange(12), np.arange(12) ** 2).astype("uint16") * 50
    folder = put(tmp_path / "hr", "a.tif", lr.repeat(4, 0).repeat(4, 1))
    put(tmp_path / "lr", "a.tif", lr)
    (score,) = evaluate([], [folder], lr=[tmp_path / "lr"])
    assert score.lr_psnr > 25
    put(tmp_path / "lr", "a.tif", (lr // 50).astype("uint8"))
    with pytest.raises(ValueError, match=r"is uint8; .* is not of that depth"):
        list(evaluate([], [folder], lr=[tmp_path / "lr"]))


def test_a_degradation_makes_the_lr_the_same_for_all(data: Path, model_file: Path) -> None:
    made, again = (
        list(evaluate([str(model_file)], [data / "held"], degradation=every_second))
        for _ in range(2)
    )
    assert as_json(made) == as_json(again)
    (plain,) = evaluate([], [data / "held"])
    assert made[0].psnr < plain.psnr
    assert made[0].lr == "made by a function"


def test_details_have_rows_of_their_own(data: Path, two_ended: str, model_file: Path) -> None:
    names = [two_ended, str(model_file)]
    scores = list(evaluate(names, [data / "held"], details=(0, 0.5, 1)))
    assert [s.model for s in scores[1:]] == [
        "two, detail 0",
        "two, detail 0.5",
        "two, detail 1",
        str(model_file),
    ]
    assert [s.detail for s in scores] == [None, 0, 0.5, 1, None]
    assert len({s.psnr for s in scores}) == 5
    assert [row.label for row in choose_rows([two_ended])] == ["bicubic", "two"]


def test_details_without_two_ends_are_refused(model_file: Path) -> None:
    with pytest.raises(ValueError, match="detail=0,1, but no model of two ends was given"):
        choose_rows([str(model_file)], (0, 1))


def test_scores_become_tables(tmp_path: Path) -> None:
    flat = put(tmp_path / "flat", "a.tif", np.full((40, 40), 7, "uint16"))
    noisy = put(tmp_path / "noisy", "a.png", rng.integers(0, 256, (40, 40), "uint8"))
    scores = list(evaluate([], [flat, noisy]))
    lines = as_markdown(scores).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[:4]]
    assert {len(row) for row in cells} == {19}
    assert cells[0][7] == "MDSI ↓"
    assert cells[3][7] == f"{scores[1].mdsi:.4f}"
    assert cells[2][:5] == ["bicubic", "flat (1)", "×4", "full range", "–"]
    assert cells[3][:4] == ["bicubic", "noisy (1)", "×4", "Y"]
    assert cells[3][4] == f"{scores[1].psnr:.2f}"
    assert "nan" not in "".join(lines[:4])
    assert "studio range" in "".join(lines[4:])
    first, second = json.loads(as_json(scores))
    assert first["psnr"] is None
    assert second["psnr"] == scores[1].psnr
    assert second["lr"] == "antialiased bicubic"


def test_strips_show_every_result_of_the_square_with_most_contrast(
    data: Path, model_file: Path, make_identity: MakeModel, tmp_path: Path
) -> None:
    double = save(tmp_path, "double", make_identity(1, 2))
    out = tmp_path / "strips"
    list(evaluate([str(model_file), str(double)], [data / "held"], strips=out))
    names = {p.relative_to(out).as_posix() for p in out.rglob("*.png")}
    assert names == {"held/4-x2.png", "held/4-x4.png"}
    with Pillow.open(out / "held" / "4-x4.png") as picture:
        width, height = picture.size
    # LR, bicubic, the model and HR of 16 LR pixels, repeated up to at least 192.
    assert (width, height) == (4 * 192 + 3 * 6, 192 + 36)
    list(evaluate([], [data / "held"], strips=out))
    assert (out / "held" / "4.png").is_file()


def test_the_square_with_most_contrast_is_found() -> None:
    hr = np.zeros((1, 400, 600), np.float32)
    hr[:, 300:308, 500:508] = 1
    top, left, side = most_contrast(hr, 4)
    assert side == MAX_SIDE == 64
    assert top <= 75 < top + side
    assert left <= 125 < left + side
    assert most_contrast(hr[:, :120], 4)[2] == 30


def test_images_that_cannot_be_measured_are_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no image .* below .*none"):
        next(evaluate([], [tmp_path / "none"]))
    with pytest.raises(FileNotFoundError, match=r"no image .* below .*absent"):
        next(evaluate([], [tmp_path / "absent"]))
    small = put(tmp_path / "small", "a.png", np.zeros((18, 90), "uint8"))
    with pytest.raises(ValueError, match=r"a.png: 18 × 90 pixels; at ×4 it takes 19 × 19"):
        next(evaluate([], [small]))
    holes = put(tmp_path / "holes", "a.tif", np.full((40, 40), np.nan, "float32"))
    with pytest.raises(ValueError, match=r"a.tif: has NaN or infinite values"):
        next(evaluate([], [holes]))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.png").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"a.png: cannot be read"):
        next(evaluate([], [broken]))


def test_lr_images_that_do_not_fit_are_named(data: Path, tmp_path: Path) -> None:
    held, lr = data / "held", tmp_path / "lr"
    put(lr, "other.png", np.zeros((16, 18, 3), "uint8"))
    with pytest.raises(ValueError, match=r"4.png: there is no LR image of it in .*: 4 or 4x4"):
        next(evaluate([], [held], lr=[lr]))
    put(lr, "4.png", np.zeros((16, 17, 3), "uint8"))
    with pytest.raises(
        ValueError, match=r"4.png: its LR image is 16 × 17 with 3 bands; .* must be 16 × 18 with 3"
    ):
        next(evaluate([], [held], lr=[lr]))
    with pytest.raises(ValueError, match="1 LR folders for 2 HR folders"):
        next(evaluate([], [held, held], lr=[lr]))
    with pytest.raises(ValueError, match="LR images and a degradation were given"):
        next(evaluate([], [held], lr=[lr], degradation=every_second))
    with pytest.raises(ValueError, match="its LR image is 64 × 72"):
        next(evaluate([], [held], degradation=lambda image, *_: image))


def test_an_unknown_model_is_named_before_anything_is_measured(data: Path) -> None:
    with pytest.raises(ModelError, match="there is no model 'absent'"):
        next(evaluate(["absent"], [data / "held"]))


def test_the_command_prints_the_table_and_writes_the_card(
    data: Path, model_file: Path, tmp_path: Path
) -> None:
    scores = tmp_path / "scores.json"
    arguments = ["evaluate", "--models", str(model_file), "--data", str(data / "held")]
    arguments += ["--json", str(scores), "--into-card", "--consistency", "1"]
    result = CliRunner().invoke(app, [*arguments, "--strips", str(tmp_path / "strips")])
    assert result.exit_code == 0, result.output
    assert "| bicubic |" in result.output
    assert len(json.loads(scores.read_text("utf-8"))) == 2
    card = load_model(model_file).card
    assert card.figures["held"]["psnr"] > 5
    assert card.command == "srgan-train evaluate --models repeat --data held --consistency 1"
    assert (tmp_path / "strips" / "held" / "4.png").is_file()


def test_the_command_takes_details_and_degradations(data: Path, two_ended: str) -> None:
    arguments = ["evaluate", "--data", str(data / "held"), "--models", two_ended]
    arguments += ["--detail", "0,1", "--degradation", "area"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "| two, detail 0 |" in result.output
    assert "| two, detail 1 |" in result.output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--models", "absent"], "there is no model 'absent'"),
        (["--models", "absent", "--into-card"], "--into-card: 'absent' is not a file"),
        (["--lr", "absent"], "no image"),
        (["--range", "-1"], "it must be above 0"),
        (["--detail", "a"], "'a'"),
        (["--detail", "0.5"], "no model of two ends"),
    ],
)
def test_the_command_says_what_is_wrong(data: Path, options: list[str], sentence: str) -> None:
    result = CliRunner().invoke(app, ["evaluate", "--data", str(data / "held"), *options])
    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output
