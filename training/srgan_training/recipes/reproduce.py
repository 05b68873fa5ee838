"""``srgan-train reproduce``: runs a recipe, stage after stage, and goes on where it stopped.

A stage has a folder of its own, ``OUT/RECIPE/STAGE``, in which lie its model, the run of a fit and
``stage.json``, a record of what it was made of.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from glob import escape
from pathlib import Path
from typing import Any

from napari_srgan.io.guard import replacing
from napari_srgan.models.file import SUFFIX, sha256_of

from ..config import Config, end_name
from ..images import find_images
from ..weights.merge import Derivation, derive
from .recipe import (
    ENDS,
    Calibration,
    Stage,
    settings_of,
)

RECORD = "stage.json"
FREE = {"description", "not_for", "domains", "trained_on", "licence", "validate", "workers"}
"""settings without influence on the weights"""


class StageError(ValueError):
    """A stage could not be run to its end."""


@dataclass
class Reproduction:
    """The stages of a model, the data that they read and the folder that they write to."""

    stages: Sequence[Stage]
    data: Path
    out: Path
    say: Callable[[str], None] = print
    progress: bool = False
    """whether trainings show a bar"""
    digests: dict[Path, str] = field(default_factory=dict)
    """of the files of the data, which are read once"""

    def __post_init__(self) -> None:
        # A run that goes on must find its start and its teacher under the same names.
        self.out = self.out.absolute()

    def folder(self, stage: Stage) -> Path:
        """Return the folder of a stage."""
        return self.out / stage.label

    def model(self, stage: Stage) -> Path:
        """Return the model file of a stage that is finished.

        Raises
        ------
        StageError
            If it is gone or another than when the stage was finished.
        """
        record = self.record(stage)
        path = self.folder(stage) / str(record["model"])
        if not path.is_file() or sha256_of(path) != record["sha256"]:
            raise StageError(
                f"{path} is not what the stage {stage.label} left there; remove "
                f"{self.folder(stage)} to make it anew"
            )
        return path

    def record(self, stage: Stage) -> dict[str, Any]:
        """Return the record of a stage, empty where it was not begun."""
        path = self.folder(stage) / RECORD
        if not path.is_file():
            return {}
        record = json.loads(path.read_text(encoding="utf-8"))
        return record if isinstance(record, dict) else {}

    def finished(self, stage: Stage) -> bool:
        """Whether a stage has its model."""
        return "model" in self.record(stage)

    def check(self) -> None:
        """Refuse what cannot end well, before anything is run.

        Raises
        ------
        ValueError
            If folders of the data are missing, or if a stage that was begun is now of other
            settings or data.
        """
        if missing := missing_folders(self.stages, self.data):
            raise ValueError(
                f"{self.data} lacks images in {', '.join(missing)}; the recipe reads "
                f"{', '.join(folders_of(self.stages))}, see training/README.md"
            )
        for stage in self.stages:
            self.compare(stage, {"settings": self.settings(stage), "data": self.contents(stage)})

    def compare(self, stage: Stage, now: dict[str, dict[str, Any]]) -> None:
        """Refuse a stage that was begun with other settings, data or models, naming them."""
        before = self.record(stage)
        apart = [
            f"{name} {said(before[part].get(name))}, now {said(values.get(name))}"
            for part, values in now.items()
            if part in before
            for name in dict.fromkeys([*before[part], *values])
            if before[part].get(name) != values.get(name)
        ]
        if apart:
            raise StageError(
                f"the stage {stage.label} was begun with {'; '.join(apart)}; remove "
                f"{self.folder(stage)} to make it anew, or give another --out"
            )

    def settings(self, stage: Stage) -> dict[str, Any]:
        """Return what decides about the weights of a stage, as JSON keeps it."""
        kept = {k: v for k, v in settings_of(stage).items() if k not in FREE}
        return dict(json.loads(json.dumps(kept)))

    def contents(self, stage: Stage) -> dict[str, str]:
        """Return, for each folder that a stage reads, how many images it holds and a digest."""
        found = {}
        for folder in stage.folders:
            paths = find_images(self.data / folder)
            files = (
                f"{file.relative_to(self.data).as_posix()} {self.digest(file)}"
                for path in paths
                for file in files_of(path)
            )
            text = hashlib.sha256("\n".join(files).encode()).hexdigest()
            found[folder] = f"{len(paths)} images ({text[:12]})"
        return found

    def digest(self, file: Path) -> str:
        """Return the SHA-256 of a file of the data."""
        if file not in self.digests:
            self.digests[file] = sha256_of(file)
        return self.digests[file]

    def run(self) -> list[Path]:
        """Run all stages that are not finished; return the files of the finished model.

        Raises
        ------
        ValueError
            As `check`, or if a stage fails.
        """
        self.check()
        models: dict[str, Path] = {}
        for number, stage in enumerate(self.stages, 1):
            place = f"{number} of {len(self.stages)}: {stage.label}"
            inputs = {label: sha256_of(models[label])[:12] for label in stage.inputs}
            record = {
                "settings": self.settings(stage),
                "data": self.contents(stage),
                "models": inputs,
            }
            self.compare(stage, record)
            if self.finished(stage):
                self.say(f"{place} is finished")
            else:
                self.say(f"{place}, {described(stage)}")
                self.write(stage, record)
                path = self.make(stage, models)
                self.write(stage, {**record, "model": path.name, "sha256": sha256_of(path)})
            models[stage.label] = self.model(stage)
        last = self.stages[-1].recipe
        ends = [models[f"{last}/{end}"] for end in ENDS if f"{last}/{end}" in models]
        return [copied(path, self.out / path.name) for path in ends]

    def write(self, stage: Stage, record: dict[str, Any]) -> None:
        """Write the record of a stage."""
        self.folder(stage).mkdir(parents=True, exist_ok=True)
        text = json.dumps(record, indent=1)
        replacing(self.folder(stage) / RECORD, lambda p: void(p.write_text(text, "utf-8")))

    def make(self, stage: Stage, models: dict[str, Path]) -> Path:
        """Run a stage and return its model file."""
        folder, work = self.folder(stage), stage.bound(models)
        try:
            if isinstance(work, Config):
                return fit(work, self.data, folder, progress=self.progress)
            if isinstance(work, Derivation):
                return derive(work, folder)
            return calibrated(work, self.data, folder)
        except (ValueError, OSError, RuntimeError, MemoryError, ArithmeticError) as error:
            raise StageError(
                f"the stage {stage.label} failed: {error}; what it has is kept in {folder}, and "
                "the same command goes on from there"
            ) from error


def fit(config: Config, data: Path, folder: Path, *, progress: bool = False) -> Path:
    """Train to the last step, from a checkpoint where there is one, and write the model file."""
    from ..trainer import train
    from ..weights.export import export

    run = folder / config.end_name
    if config.validate and not (data / config.validate).is_dir():
        config = replace(config, validate=None)
    if steps_done(run) < config.steps:
        train(config, data, run, devices=1, progress=progress)
    if (done := steps_done(run)) < config.steps:
        raise ValueError(f"it stopped at step {done} of {config.steps}")
    return export(config, run, folder)


def steps_done(run: Path) -> int:
    """Return how many steps the checkpoint of a run has behind it, 0 where there is none."""
    import torch

    from ..phases.checkpoints import LAST

    if not (run / LAST).is_file():
        return 0
    checkpoint = torch.load(run / LAST, map_location="cpu", mmap=True, weights_only=True)
    return int(checkpoint["state_dict"]["done"])


def calibrated(work: Calibration, data: Path, folder: Path) -> Path:
    """Write a model file that keeps brightness and colour of some images."""
    from napari_srgan.models.file import read_card

    from ..degradations.chain import parse_degradation
    from ..weights.calibrate import calibrate

    start = Path(work.start)
    path = folder / f"{end_name(work.name, read_card(start).end)}{SUFFIX}"
    made = None if work.degradation is None else parse_degradation(work.degradation)

    def write(beside: Path) -> None:
        # A model file is known by its suffix.
        file = beside.with_suffix(SUFFIX)
        try:
            shutil.copyfile(start, file)
            calibrate(file, [data / f for f in work.folders], made)
            file.replace(beside)
        finally:
            file.unlink(missing_ok=True)

    return replacing(path, write)


def copied(source: Path, path: Path) -> Path:
    """Copy a file to a place where no half one is ever seen."""
    return replacing(path, lambda beside: void(shutil.copyfile(source, beside)))


def void(_: object) -> None:
    """Drop a result that nobody wants."""


def said(value: object) -> str:
    """Return a value of a record as text."""
    return "not given" if value is None else str(value)


def described(stage: Stage) -> str:
    """Say in a few words what a stage does."""
    work, takes = stage.work, ", ".join(stage.inputs)
    if isinstance(work, Derivation):
        return f"derive from {takes}"
    if isinstance(work, Calibration):
        return f"calibrate {takes}"
    phase = "adversarial fit" if work.adversarial else "fit"
    of = f" from {takes}" if takes else ""
    return f"{phase}{of}, {work.steps} steps of {work.batch} patches"


def folders_of(stages: Iterable[Stage]) -> list[str]:
    """Return all folders of the data that stages read, sorted."""
    return sorted({folder for stage in stages for folder in stage.folders})


def missing_folders(stages: Iterable[Stage], data: Path) -> list[str]:
    """Return those folders in which there is no image."""

    def has_images(folder: str) -> bool:
        try:
            return bool(find_images(data / folder))
        except FileNotFoundError:
            return False

    return [folder for folder in folders_of(stages) if not has_images(folder)]


def files_of(image: Path) -> list[Path]:
    """Return the files of an image, which may be a folder or two files of one name."""
    if image.is_dir():
        return sorted(path for path in image.rglob("*") if path.is_file())
    return sorted({image, *image.parent.glob(f"{escape(image.stem)}.img")})


def few_images(stages: Iterable[Stage], data: Path, out: Path, number: int) -> Path:
    """Copy a few images, evenly spread, of every folder that stages read; for a trial.

    Parameters
    ----------
    number
        Images of each folder, and of each of those in it.

    Returns
    -------
    Path
        Folder that takes the place of ``data``.
    """
    to = out / f"images-{number}"
    groups: dict[Path, dict[Path, None]] = {}
    for folder in folders_of(stages):
        for path in find_images(data / folder):
            groups.setdefault(path.parent, {})[path] = None
    for group in groups.values():
        paths = list(group)
        for path in paths[:: -(-len(paths) // number)]:
            for file in files_of(path):
                target = to / file.relative_to(data)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
    return to
