"""Recipes: the stages that lead from nothing to a shipped model, read from YAML and put in order.

``training/recipes/NAME/recipe.yaml`` is the recipe of the model NAME. Where a stage takes a model,
it is named by the stage that makes it: ``trunk`` is a stage above, ``general-x4/trunk`` one of
another recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass as checked_dataclass

from ..config import (
    CHECKED,
    Config,
    checked,
    read_mapping,
    read_yaml,
)
from ..weights.merge import Derivation

FILE = "recipe.yaml"
ENDS = ("fidelity", "adversarial")
"""names of the stages whose results are the ends of the finished model"""
TRIAL = 0.01
"""share of the steps below which a run only tries whether a recipe works"""
PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE / "recipe_files", PACKAGE.parent / "recipes")
"""folders of recipes: in the package where it is installed, beside it in a checkout"""


@checked_dataclass(frozen=True, config=CHECKED)
class Calibration:
    """Takes out what a model changes in brightness and colour, see `weights.calibrate`."""

    name: str
    """of the model that comes out"""
    start: str
    """model that is changed"""
    folders: tuple[str, ...]
    """of HR images, relative to the data folder"""
    degradation: Any = None
    """how LR is made of them; None is antialiased bicubic"""


@checked_dataclass(frozen=True, config=CHECKED)
class RecipeFile:
    """What ``recipe.yaml`` holds."""

    stages: dict[str, dict[str, Any]]
    """by name and in order; each has a ``kind`` and the settings of that kind"""
    include: str | None = None
    """YAML file, relative to this one, of settings that all fits of the recipe begin with"""
    settings: dict[str, Any] = field(default_factory=dict)
    """settings that all fits of the recipe begin with, over those of ``include``"""


Work = Config | Derivation | Calibration
KINDS: dict[str, type[Work]] = {"fit": Config, "derive": Derivation, "calibrate": Calibration}


@dataclass(frozen=True)
class Stage:
    """One step of a recipe, from which one model file comes."""

    recipe: str
    name: str
    kind: str
    work: Work
    given: dict[str, Any]
    """settings as they stand in the recipe, those that all its fits begin with among them"""

    @property
    def label(self) -> str:
        """Name by which the stages of all recipes refer to it."""
        return f"{self.recipe}/{self.name}"

    @property
    def inputs(self) -> list[str]:
        """Labels of the stages whose models it takes, each once."""
        names = (name if "/" in name else f"{self.recipe}/{name}" for name in models_of(self.work))
        return list(dict.fromkeys(names))

    @property
    def folders(self) -> list[str]:
        """Folders below the data folder that it cannot do without."""
        work = self.work
        if isinstance(work, Config):
            found = [f for source in work.sources for f in (*source.folders, *source.lr)]
        else:
            found = list(work.folders) if isinstance(work, Calibration) else []
        return list(dict.fromkeys(found))

    def bound(self, files: Mapping[str, Path]) -> Work:
        """Return the work with the files of its models in place of the stages that make them."""

        def file(name: str) -> str:
            return str(files[name if "/" in name else f"{self.recipe}/{name}"])

        def maybe(name: str | None) -> str | None:
            return None if name is None else file(name)

        work = self.work
        if isinstance(work, Calibration):
            return replace(work, start=file(work.start))
        if isinstance(work, Derivation):
            ways = tuple(replace(w, low=file(w.low), high=file(w.high)) for w in work.ways)
            return replace(work, start=tuple(map(file, work.start)), ways=ways)
        sources = tuple(replace(s, teacher=maybe(s.teacher)) for s in work.sources)
        teacher = maybe(work.teacher)
        return replace(work, start=maybe(work.start), teacher=teacher, sources=sources)

    def scaled(self, factor: float) -> Stage:
        """Return the stage with so many times as many steps, at least one; fits alone have any.

        Below `TRIAL` teachers see each image in one way.
        """
        work = self.work
        if not isinstance(work, Config) or factor == 1:
            return self
        adversarial = work.adversarial and replace(
            work.adversarial, ramp=round(work.adversarial.ramp * factor)
        )
        changed = replace(
            work,
            steps=max(1, round(work.steps * factor)),
            every=max(1, round(work.every * factor)),
            warmup=round(work.warmup * factor),
            teacher_ways=1 if factor < TRIAL else work.teacher_ways,
            adversarial=adversarial,
            not_for=f"Any use: it was trained for {factor:g} of the steps of its recipe.",
        )
        return replace(self, work=changed)


def models_of(work: Work) -> list[str]:
    """Return the names of the models that a stage takes, as the recipe names them."""
    if isinstance(work, Calibration):
        return [work.start]
    if isinstance(work, Derivation):
        return [*work.start, *(name for way in work.ways for name in (way.low, way.high))]
    names = [work.start, work.teacher, *(source.teacher for source in work.sources)]
    return [name for name in names if name is not None]


def recipes_folder() -> Path:
    """Return the folder of the recipes that go with the package.

    Raises
    ------
    FileNotFoundError
        If the package was installed without them.
    """
    for place in PLACES:
        if any(place.glob(f"*/{FILE}")):
            return place
    places = " or ".join(map(str, PLACES))
    raise FileNotFoundError(f"no recipes in {places}; install napari-srgan anew")


def list_recipes(folder: Path) -> list[str]:
    """Return the names of the recipes in a folder."""
    return sorted(path.parent.name for path in folder.glob(f"*/{FILE}"))


def read_recipe(name: str, folder: Path) -> dict[str, Stage]:
    """Read a recipe.

    Parameters
    ----------
    name
        Of the model.
    folder
        Of the recipes.

    Returns
    -------
    dict of str to Stage
        By name, in order.

    Raises
    ------
    ValueError
        If there is none of that name, naming those there are, or if something in it is wrong:
        each stage, key and value is named, with what is allowed.
    """
    file = folder / name / FILE
    if not file.is_file():
        known = ", ".join(list_recipes(folder)) or "none"
        raise ValueError(f"there is no recipe of {name!r}; there are {known}")
    recipe = read_yaml(RecipeFile, file)
    included = read_mapping(file.parent / recipe.include) if recipe.include else {}
    stages: dict[str, Stage] = {}
    for stage, values in recipe.stages.items():
        where = f"{file}: stage {stage}"
        kind = values.get("kind")
        if kind not in KINDS:
            raise ValueError(f"{where}: kind is {kind!r}; allowed are {', '.join(KINDS)}")
        shared = {**included, **recipe.settings} if kind == "fit" else {}
        given = {**shared, **{k: v for k, v in values.items() if k != "kind"}}
        work = checked(KINDS[kind], {"name": name, **given}, where)
        for model in models_of(work):
            if "/" not in model and model not in stages:
                before = ", ".join(stages) or "none"
                raise ValueError(
                    f"{where}: takes {model!r}, which is no stage above it (there are {before}); "
                    "a stage of another recipe is named RECIPE/STAGE"
                )
        stages[stage] = Stage(name, stage, kind, work, given)
    if not set(ENDS) & set(stages):
        raise ValueError(f"{file}: no stage is called {' or '.join(ENDS)}, so no model comes out")
    return stages


def plan(name: str, folder: Path) -> list[Stage]:
    """Return all stages that a model needs, of other recipes too, each after what it takes.

    Raises
    ------
    ValueError
        As `read_recipe`, or if a stage takes one that there is not, or its own result.
    """
    recipes: dict[str, dict[str, Stage]] = {name: read_recipe(name, folder)}
    done: dict[str, Stage] = {}

    def visit(label: str, above: tuple[str, ...]) -> None:
        if label in done:
            return
        if label in above:
            raise ValueError(f"{label} needs its own result: {' → '.join((*above, label))}")
        recipe, _, stage = label.partition("/")
        if recipe not in recipes:
            recipes[recipe] = read_recipe(recipe, folder)
        if stage not in recipes[recipe]:
            there = ", ".join(recipes[recipe])
            raise ValueError(f"{above[-1]} takes {label}, but the stages of {recipe} are {there}")
        found = recipes[recipe][stage]
        for other in found.inputs:
            visit(other, (*above, label))
        done[label] = found

    for end in ENDS:
        if end in recipes[name]:
            visit(f"{name}/{end}", ())
    return list(done.values())


def settings_of(stage: Stage) -> dict[str, Any]:
    """Return what a stage of a recipe says, with the number of steps that are really taken."""
    given = {"kind": stage.kind, **stage.given}
    names = {f.name for f in fields(stage.work)} & {"steps"}
    return {**given, **{name: getattr(stage.work, name) for name in names}}
