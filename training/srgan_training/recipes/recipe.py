"""Recipes: stages of the training of shipped models, read from YAML and sorted by dependency.

``training/recipes/NAME/recipe.yaml`` is the recipe of the model NAME. Input models of a stage are
named after the stages that make them: ``trunk`` is an earlier stage of the same recipe,
``general-x4/trunk`` one of another recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass as checked_dataclass

from ..config import CHECKED, Config, checked, read_mapping, read_yaml
from ..weights.merge import Derivation

FILE = "recipe.yaml"
"""file name of a recipe"""
ENDS = ("fidelity", "adversarial")
"""names of the stages whose results are the ends of the finished model"""
TRIAL_STEPS_FRACTION = 0.01
"""fraction of the steps below which a run is a mere trial of the recipe"""
PACKAGE = Path(__file__).parents[1]
RECIPE_FOLDERS = (PACKAGE / "recipe_files", PACKAGE.parent / "recipes")
"""possible folders of the recipes: in an installed package, or beside it in a checkout"""


@checked_dataclass(frozen=True, config=CHECKED)
class Calibration:
    """Correction of the colour bias of a model, see `weights.calibrate`."""

    name: str
    """name of the calibrated model"""
    start: str
    """model to calibrate"""
    folders: tuple[str, ...]
    """folders of HR images, relative to the data folder"""
    degradation: Any = None
    """degradation that makes LR; None is antialiased bicubic"""


@checked_dataclass(frozen=True, config=CHECKED)
class RecipeFile:
    """Contents of ``recipe.yaml``."""

    stages: dict[str, dict[str, Any]]
    """ordered stages by name, each with a ``kind`` and the settings of that kind"""
    include: str | None = None
    """YAML file with default settings of all fits of the recipe, relative to this file"""
    settings: dict[str, Any] = field(default_factory=dict)
    """default settings of all fits of the recipe, which override those of ``include``"""


Work = Config | Derivation | Calibration
"""settings of a stage"""
KINDS: dict[str, type[Work]] = {"fit": Config, "derive": Derivation, "calibrate": Calibration}
"""kinds of stages and the class of their settings"""


@dataclass(frozen=True)
class Stage:
    """Stage of a recipe, which makes one model file."""

    recipe: str
    """name of the recipe"""
    name: str
    """name within the recipe"""
    kind: str
    """kind, one of `KINDS`"""
    work: Work
    """validated settings"""
    raw_settings: dict[str, Any]
    """settings as given in the recipe, including the defaults of all its fits"""

    @property
    def label(self) -> str:
        """Unique name of the stage among all recipes."""
        return f"{self.recipe}/{self.name}"

    @property
    def inputs(self) -> list[str]:
        """Labels of the stages whose models this stage uses, without duplicates."""
        names = (name if "/" in name else f"{self.recipe}/{name}" for name in models_of(self.work))
        return list(dict.fromkeys(names))

    @property
    def folders(self) -> list[str]:
        """Required folders, relative to the data folder."""
        work = self.work
        if isinstance(work, Config):
            names = [f for source in work.sources for f in (*source.folders, *source.lr)]
        else:
            names = list(work.folders) if isinstance(work, Calibration) else []
        return list(dict.fromkeys(names))

    def with_model_files(self, files: Mapping[str, Path]) -> Work:
        """Return the settings with stage names replaced by the model files of these stages."""

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
        """Return the stage with its number of steps multiplied by a factor, for fits only.

        Below `TRIAL_STEPS_FRACTION`, teachers do not use a self-ensemble.
        """
        work = self.work
        if not isinstance(work, Config) or factor == 1:
            return self
        adversarial = work.adversarial and replace(
            work.adversarial, ramp=round(work.adversarial.ramp * factor)
        )
        projected = work.projected and replace(
            work.projected, ramp=round(work.projected.ramp * factor)
        )
        changed = replace(
            work,
            steps=max(1, round(work.steps * factor)),
            every=max(1, round(work.every * factor)),
            warmup=round(work.warmup * factor),
            teacher_ways=1 if factor < TRIAL_STEPS_FRACTION else work.teacher_ways,
            adversarial=adversarial,
            projected=projected,
            not_for=f"Any use: it was trained for {factor:g} of the steps of its recipe.",
        )
        return replace(self, work=changed)


def models_of(work: Work) -> list[str]:
    """Return the names of the input models of a stage, as given in the recipe."""
    if isinstance(work, Calibration):
        return [work.start]
    if isinstance(work, Derivation):
        return [*work.start, *(name for way in work.ways for name in (way.low, way.high))]
    names = [work.start, work.teacher, *(source.teacher for source in work.sources)]
    return [name for name in names if name is not None]


def recipes_folder() -> Path:
    """Return the folder of the recipes of this package.

    Raises
    ------
    FileNotFoundError
        If the package was installed without them.
    """
    for place in RECIPE_FOLDERS:
        if any(place.glob(f"*/{FILE}")):
            return place
    places = " or ".join(map(str, RECIPE_FOLDERS))
    raise FileNotFoundError(f"no recipes in {places}; install napari-srgan anew")


def list_recipes(folder: Path) -> list[str]:
    """Return the names of the recipes in a folder."""
    return sorted(path.parent.name for path in folder.glob(f"*/{FILE}"))


def read_recipe(name: str, folder: Path) -> dict[str, Stage]:
    """Read a recipe.

    Parameters
    ----------
    name
        Name of the model.
    folder
        Folder of the recipes.

    Returns
    -------
    dict of str to Stage
        Stages by name, in order.

    Raises
    ------
    ValueError
        If the recipe does not exist, or a stage, key or value is invalid.
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
        raw_settings = {**shared, **{k: v for k, v in values.items() if k != "kind"}}
        work = checked(KINDS[kind], {"name": name, **raw_settings}, where)
        for model in models_of(work):
            if "/" not in model and model not in stages:
                before = ", ".join(stages) or "none"
                raise ValueError(
                    f"{where}: takes {model!r}, which is no stage above it (there are {before}); "
                    "a stage of another recipe is named RECIPE/STAGE"
                )
        stages[stage] = Stage(name, stage, kind, work, raw_settings)
    if not set(ENDS) & set(stages):
        raise ValueError(f"{file}: no stage is called {' or '.join(ENDS)}, so no model comes out")
    return stages


def plan(name: str, folder: Path) -> list[Stage]:
    """Return all stages that a model depends on in topological order, including other recipes.

    Raises
    ------
    ValueError
        If a recipe is invalid, see `read_recipe`, or a stage depends on an unknown stage or on
        itself.
    """
    recipes: dict[str, dict[str, Stage]] = {name: read_recipe(name, folder)}
    ordered: dict[str, Stage] = {}

    def visit(label: str, above: tuple[str, ...]) -> None:
        if label in ordered:
            return
        if label in above:
            raise ValueError(f"{label} needs its own result: {' → '.join((*above, label))}")
        recipe, _, stage = label.partition("/")
        if recipe not in recipes:
            recipes[recipe] = read_recipe(recipe, folder)
        if stage not in recipes[recipe]:
            available = ", ".join(recipes[recipe])
            raise ValueError(
                f"{above[-1]} takes {label}, but the stages of {recipe} are {available}"
            )
        definition = recipes[recipe][stage]
        for other in definition.inputs:
            visit(other, (*above, label))
        ordered[label] = definition

    for end in ENDS:
        if end in recipes[name]:
            visit(f"{name}/{end}", ())
    return list(ordered.values())


def settings_of(stage: Stage) -> dict[str, Any]:
    """Return the settings of a stage as given in the recipe, with the scaled number of steps."""
    raw_settings = {"kind": stage.kind, **stage.raw_settings}
    names = {f.name for f in fields(stage.work)} & {"steps"}
    return {**raw_settings, **{name: getattr(stage.work, name) for name in names}}
