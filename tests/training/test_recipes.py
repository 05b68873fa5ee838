"""Recipes: those that go with the package, and a run from nothing to a finished file."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

import srgan_training
from napari_srgan import load_model
from napari_srgan.models.registry import SHIPPED, find_models
from srgan_training.cli import app
from srgan_training.config import Config
from srgan_training.projected_config import Projected
from srgan_training.recipes.recipe import (
    RECIPE_FOLDERS,
    Stage,
    list_recipes,
    plan,
    read_recipe,
    recipes_folder,
)
from srgan_training.recipes.reproduce import describe_stage
from srgan_training.weights.merge import Derivation

RECIPES = recipes_folder()
STAGES = [
    pytest.param(stage, id=stage.label)
    for name in list_recipes(RECIPES)
    for stage in read_recipe(name, RECIPES).values()
]
SMALL = """
settings:
  sources: [{folders: [train]}]
  features: 8
  blocks: 1
  steps: 4
  every: 2
  warmup: 2
  batch: 2
  patch: 8
"""
FIRST = f"""{SMALL}
stages:
  trunk: {{kind: fit}}
  fidelity: {{kind: calibrate, start: trunk, folders: [held]}}
  adversary:
    kind: fit
    start: trunk
    adversarial: {{features: 2}}
  adversarial:
    kind: derive
    start: [fidelity]
    ways: [{{low: trunk, high: adversary, share: 0.5}}]
"""
SECOND = f"""{SMALL}
stages:
  grey: {{kind: derive, start: [first/fidelity], channels: 1}}
  taught: {{kind: fit, channels: 1, start: grey, teacher: grey}}
  fidelity: {{kind: derive, start: [grey, taught], channels: 1}}
"""


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    """Return a folder with two recipes of tiny networks, the second of which needs the first."""
    for name, text in (("first", FIRST), ("second", SECOND)):
        (tmp_path / "recipes" / name).mkdir(parents=True)
        (tmp_path / "recipes" / name / "recipe.yaml").write_text(text)
    return tmp_path / "recipes"


def reproduce(recipe: Path | str, data: Path, *options: str) -> Result:
    """Run the command; results are kept in ``out`` beside the data."""
    where = ["--data", str(data), "--out", str(data.parent / "out")]
    return CliRunner().invoke(app, ["reproduce", str(recipe), *where, *options])


def replace_in(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


# -- the recipes that go with the package ---------------------------------------------------------


def test_every_shipped_model_has_a_recipe_of_its_name_that_makes_all_its_ends() -> None:
    shipped = {
        name: set(ends)
        for name, ends in find_models().items()
        if all(path.parent == SHIPPED for path in ends.values())
    }
    assert len(shipped) == 8
    for name, ends in shipped.items():
        assert ends <= set(read_recipe(name, RECIPES)), name
        assert (RECIPES / name / "PROVENANCE.md").is_file()


@pytest.mark.parametrize("name", list_recipes(RECIPES))
def test_every_stage_of_a_recipe_is_needed_and_comes_after_what_it_takes(name: str) -> None:
    stages = plan(name, RECIPES)
    labels = [stage.label for stage in stages]
    assert {f"{name}/{stage}" for stage in read_recipe(name, RECIPES)} <= set(labels)
    for number, stage in enumerate(stages):
        assert set(stage.inputs) <= set(labels[:number])


@pytest.mark.parametrize("stage", STAGES)
def test_stages_of_shipped_recipes_are_what_they_should_be(stage: Stage) -> None:
    work = stage.work
    assert work.name == stage.recipe
    if isinstance(work, Config):
        assert f"x{work.scale}" in stage.recipe
        assert all((work.description, work.domains, work.trained_on, work.licence))
    if isinstance(work, Derivation):
        from_adversarial = any("adversarial" in start for start in work.start)
        assert work.ways or (stage.name == "realistic") == from_adversarial


def test_a_trial_takes_a_share_of_all_numbers_of_steps() -> None:
    stages = {stage.label: stage.scaled(0.005) for stage in plan("general-x4", RECIPES)}
    taught, adversary = (stages[f"general-x4/{name}"].work for name in ("taught", "adversary"))
    assert isinstance(taught, Config)
    assert isinstance(adversary, Config)
    assert (taught.steps, taught.every, taught.warmup, taught.teacher_ways) == (15, 2, 0, 1)
    assert adversary.adversarial is not None
    assert (adversary.steps, adversary.every, adversary.adversarial.ramp) == (6, 1, 1)
    whole = read_recipe("general-x4", RECIPES)["taught"]
    assert whole.scaled(1) == whole
    balanced = replace(adversary, adversarial=None, projected=Projected(ramp=1000))
    projected = replace(whole, work=balanced).scaled(0.005).work
    assert isinstance(projected, Config)
    assert projected.projected is not None
    assert projected.projected.ramp == 5
    assert describe_stage(replace(whole, work=balanced)).startswith("adversarial fit")


def test_a_recipe_ends_in_the_architecture_of_the_shipped_model() -> None:
    for name in ("general-x4", "general-x2", "fast-x4", "fast-x2", "medical-x4", "satellite-x4"):
        shipped = load_model(name).card.config
        own = [s.work for s in read_recipe(name, RECIPES).values() if isinstance(s.work, Config)]
        assert {config.architecture for config in own} == {shipped}


def test_no_recipe_trains_on_benchmarks_or_on_images_without_a_licence() -> None:
    for name in list_recipes(RECIPES):
        for stage in read_recipe(name, RECIPES).values():
            for source in stage.work.sources if isinstance(stage.work, Config) else ():
                if "train_medical" in source.folders:
                    assert "train_medical/microscopy_misc" in source.exclude
                assert not any(folder.startswith("bench") for folder in source.folders)


def test_an_installed_package_has_the_recipes_where_they_are_looked_for() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    place = Path(included["training/recipes"])
    assert RECIPE_FOLDERS[0].parts[-2:] == place.parts
    assert RECIPE_FOLDERS[0].parent == Path(srgan_training.__file__).parent


# -- a run from nothing ---------------------------------------------------------------------------


def test_a_recipe_that_needs_another_runs_both(recipes: Path, data: Path) -> None:
    out = data.parent / "out"
    done = reproduce(recipes / "second" / "recipe.yaml", data)
    assert done.exit_code == 0, done.output
    assert (out / "first" / "trunk" / "first" / "last.ckpt").is_file()
    assert not (out / "first" / "adversary").exists()
    model = load_model(out / "second.safetensors")
    assert (model.card.name, model.channels, model.card.steps) == ("second", 1, 8)
    # The other recipe goes on with what is there.
    done = reproduce(recipes / "first" / "recipe.yaml", data)
    assert done.exit_code == 0, done.output
    assert "1 of 4: first/trunk is finished" in done.output
    ends = [load_model(out / f"first{end}.safetensors") for end in ("", "-adversarial")]
    assert [model.card.end for model in ends] == ["fidelity", "adversarial"]
    assert not torch.equal(*(model.network.body_conv.weight for model in ends))


def test_an_interrupted_recipe_goes_on_from_its_checkpoint(recipes: Path, data: Path) -> None:
    recipe, out = recipes / "first" / "recipe.yaml", data.parent / "out"
    through = data.parent / "through"
    assert reproduce(recipe, data, "--out", str(through)).exit_code == 0
    stop_after_first_checkpoint(recipe, data)
    checkpoint = out / "first" / "adversary" / "first-adversarial" / "last.ckpt"
    assert int(torch.load(checkpoint, weights_only=True)["state_dict"]["done"]) == 2
    trunk = (out / "first" / "trunk" / "first" / "last.ckpt").stat().st_mtime_ns
    done = reproduce(recipe, data)
    assert done.exit_code == 0, done.output
    assert "1 of 4: first/trunk is finished" in done.output
    assert "3 of 4: first/adversary, adversarial fit from first/trunk, 4 steps" in done.output
    assert (out / "first" / "trunk" / "first" / "last.ckpt").stat().st_mtime_ns == trunk
    logs = list((out / "first" / "adversary" / "first-adversarial" / "csv").glob("version_*"))
    assert len(logs) == 2
    for end in ("first", "first-adversarial"):
        made, whole = (load_model(f / f"{end}.safetensors").state_dict() for f in (out, through))
        for name, value in whole.items():
            assert torch.equal(made[name], value), name
    assert "finished" in reproduce(recipe, data, "--dry-run").output


def stop_after_first_checkpoint(recipe: Path, data: Path) -> None:
    """Run a recipe in a process that is killed when the adversarial fit is halfway."""
    out = data.parent / "out"
    code = f"""
import os, pathlib, sys
import srgan_training.phases.base as base
from srgan_training.cli import app

halfway = pathlib.Path({str(out / "first" / "adversary" / "first-adversarial" / "last.ckpt")!r})

class Killed(base.PatchDataset):
    def __getitem__(self, number):
        if halfway.exists():
            os._exit(9)
        return super().__getitem__(number)

base.PatchDataset = Killed
app(sys.argv[1:])
"""
    options = [str(recipe), "--data", str(data), "--out", str(out)]
    command = [sys.executable, "-c", code, "reproduce", *options]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 9


def test_what_was_changed_since_is_refused_by_name(recipes: Path, data: Path) -> None:
    recipe, out = recipes / "first" / "recipe.yaml", data.parent / "out"
    assert reproduce(recipe, data).exit_code == 0
    replace_in(recipe, "trunk: {kind: fit}", "trunk: {kind: fit, lr: 0.002}")
    done = reproduce(recipe, data)
    assert done.exit_code == 1
    assert "the stage first/trunk was begun with lr not given, now 0.002; remove" in done.output
    replace_in(recipe, "fit, lr: 0.002", "fit, description: other words")
    assert reproduce(recipe, data).exit_code == 0
    done = reproduce(recipe, data, "--steps-scale", "0.5")
    assert "the stage first/trunk was begun with steps 4, now 2; remove" in done.output
    # Another folder with the same images is none the worse.
    moved = data.parent / "moved"
    shutil.copytree(data, moved)
    assert reproduce(recipe, moved).exit_code == 0
    (moved / "held" / "4.png").unlink()
    Image.fromarray(np.zeros((64, 64, 3), "uint8")).save(moved / "held" / "5.png")
    done = reproduce(recipe, moved)
    assert "the stage first/fidelity was begun with held 1 images (" in done.output
    # A stage that is made anew is another start for those after it.
    shutil.rmtree(out / "first" / "trunk")
    replace_in(recipe, "trunk: {kind: fit", "trunk: {kind: fit, seed: 1")
    done = reproduce(recipe, data)
    assert "the stage first/fidelity was begun with first/trunk " in done.output
    (out / "first" / "trunk" / "first.safetensors").write_bytes(b"")
    done = reproduce(recipe, data)
    assert "first.safetensors is not what the stage first/trunk left there; remove" in done.output


def test_what_cannot_be_run_is_said_before_anything_is(recipes: Path, data: Path) -> None:
    done = reproduce("general-x5", data)
    assert done.exit_code == 1
    assert "there is no recipe of 'general-x5'; there are fast-x2, fast-x4, gen" in done.output
    done = reproduce("medical-x4", data, "--dry-run")
    assert "1. general-x4/trunk: fit, 12000 steps of 16 patches, about " in done.output
    assert "train_medical/ct_tcga_luad (missing)" in done.output
    done = reproduce("medical-x4", data)
    assert done.exit_code == 1
    assert "lacks images in train_medical, train_medical/ct_tcga_luad, train_med" in done.output
    assert not (data.parent / "out").exists()
    recipe = recipes / "first" / "recipe.yaml"
    assert "must be above 0" in reproduce(recipe, data, "--steps-scale", "0").output
    assert "at least 1 is needed" in reproduce(recipe, data, "--images", "0").output


def test_a_stage_that_fails_is_named(recipes: Path, data: Path) -> None:
    recipe = recipes / "first" / "recipe.yaml"
    replace_in(recipe, "adversary:\n    kind: fit", "adversary:\n    kind: fit\n    patch: 99")
    done = reproduce(recipe, data)
    assert done.exit_code == 1
    assert "the stage first/adversary failed: a source has no image of at least" in done.output
    assert "the same command goes on from there" in done.output
    assert not (data.parent / "out" / "first.safetensors").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: calibrate", "kind: shift", "stage fidelity: kind is 'shift'; allowed are fit, der"),
        ("start: trunk", "start: stem", "stage fidelity: takes 'stem', which is no stage above it"),
        ("folders: [held]", "folder: held", "stage fidelity: folders: is missing; folder: there"),
        ("[fidelity]", "[second/grey]", "needs its own result: first/adversarial → second/grey →"),
        ("low: trunk", "low: second/trunk", "takes second/trunk, but the stages of second are gr"),
        ("  fidelity:", "  fid:", "takes 'fidelity', which is no stage above it (there are trunk"),
        ("{kind: fit}", "{kind: fit, wait: 1}", "stage trunk: wait: there is no such setting; all"),
    ],
)
def test_wrong_recipes_are_explained(
    recipes: Path, data: Path, old: str, new: str, message: str
) -> None:
    recipe = recipes / "first" / "recipe.yaml"
    replace_in(recipe, old, new)
    if "second/grey" in new:
        replace_in(recipes / "second" / "recipe.yaml", "first/fidelity", "first/adversarial")
    done = reproduce(recipe, data, "--dry-run")
    assert done.exit_code == 1
    assert message in done.output


@pytest.mark.slow
def test_shipped_recipes_run_whole_with_few_steps_and_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for folder, size in (("natural/CID22", 3), ("satellite/UCMerced", 3), ("medical/nuclei", 1)):
        path = tmp_path / "data" / f"train_{folder}"
        path.mkdir(parents=True)
        for i in range(2):
            pixels = rng.integers(0, 255, (160, 160, size), np.uint8).squeeze()
            Image.fromarray(pixels).save(path / f"{i}.png")
    medical = tmp_path / "data" / "train_medical"
    for name in ("nuclei_dsb2018", "mri_studyforrest_t1", "xray_hannover"):
        shutil.copytree(medical / "nuclei", medical / name)
    few = ("--steps-scale", "1e-5", "--images", "1")
    done = reproduce("gray-x4", tmp_path / "data", *few)
    assert done.exit_code == 0, done.output
    for end in ("fidelity", "adversarial"):
        name = "gray-x4" if end == "fidelity" else "gray-x4-adversarial"
        card = load_model(tmp_path / "out" / f"{name}.safetensors").card
        shipped = load_model("gray-x4", detail=float(end == "adversarial")).card
        assert (card.name, card.end, card.config) == ("gray-x4", end, shipped.config)
        assert card.description == shipped.description
        assert shipped.trained_on.startswith(card.trained_on)
        assert card.not_for.startswith("Any use: it was trained for 1e-05 of the steps")
    assert len(list((tmp_path / "out" / "images-1" / "train_natural" / "CID22").iterdir())) == 1
