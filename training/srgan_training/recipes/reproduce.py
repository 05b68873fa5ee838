"""``srgan-train reproduce``: run all stages of a recipe and resume an interrupted run.

The folder of a stage, ``OUT/RECIPE/STAGE``, contains its model, the run of a fit and
``stage.json``, a record of settings, data and input models.
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
from .recipe import ENDS, Calibration, Stage, settings_of

RECORD = "stage.json"
"""file name of the record of a stage"""
NEUTRAL_SETTINGS = {
    "description",
    "not_for",
    "domains",
    "trained_on",
    "licence",
    "validate",
    "workers",
}
"""settings that do not influence the weights"""


class StageError(ValueError):
    """Error of a stage that failed or does not match its record."""


@dataclass
class Reproduction:
    """Run of the stages of a recipe."""

    stages: Sequence[Stage]
    """stages in the order of their dependencies"""
    data: Path
    """folder of the training data"""
    out: Path
    """folder for the results"""
    log: Callable[[str], None] = print
    """function that prints a message"""
    progress: bool = False
    """whether fits show a progress bar"""
    digests: dict[Path, str] = field(default_factory=dict)
    """cache of the SHA-256 of data files"""

    def __post_init__(self) -> None:
        # Checkpoints record the paths of start and teacher, which must be equal on resumption.
        self.out = self.out.absolute()

    def folder(self, stage: Stage) -> Path:
        """Return the folder of a stage."""
        return self.out / stage.label

    def model(self, stage: Stage) -> Path:
        """Return the model file of a finished stage.

        Raises
        ------
        StageError
            If the file is missing or differs from that in the record.
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
        """Return the record of a stage, which is empty before its first run."""
        path = self.folder(stage) / RECORD
        if not path.is_file():
            return {}
        record = json.loads(path.read_text(encoding="utf-8"))
        return record if isinstance(record, dict) else {}

    def finished(self, stage: Stage) -> bool:
        """Return whether a stage is finished."""
        return "model" in self.record(stage)

    def check(self) -> None:
        """Validate data and records before running.

        Raises
        ------
        ValueError
            If data folders are missing, or if settings or data of a recorded stage have changed.
        """
        if missing := missing_folders(self.stages, self.data):
            raise ValueError(
                f"{self.data} lacks images in {', '.join(missing)}; the recipe reads "
                f"{', '.join(folders_of(self.stages))}, see training/README.md"
            )
        for stage in self.stages:
            self.check_unchanged(
                stage, {"settings": self.settings(stage), "data": self.contents(stage)}
            )

    def check_unchanged(self, stage: Stage, now: dict[str, dict[str, Any]]) -> None:
        """Raise StageError if settings, data or models differ from the record of a stage."""
        saved = self.record(stage)
        differences = [
            f"{name} {format_setting(saved[part].get(name))}, "
            f"now {format_setting(values.get(name))}"
            for part, values in now.items()
            if part in saved
            for name in dict.fromkeys([*saved[part], *values])
            if saved[part].get(name) != values.get(name)
        ]
        if differences:
            raise StageError(
                f"the stage {stage.label} was begun with {'; '.join(differences)}; remove "
                f"{self.folder(stage)} to make it anew, or give another --out"
            )

    def settings(self, stage: Stage) -> dict[str, Any]:
        """Return the settings that influence the weights of a stage, converted to JSON types."""
        kept = {k: v for k, v in settings_of(stage).items() if k not in NEUTRAL_SETTINGS}
        return dict(json.loads(json.dumps(kept)))

    def contents(self, stage: Stage) -> dict[str, str]:
        """Return the number of images and a digest for each folder that a stage reads."""
        digests = {}
        for folder in stage.folders:
            paths = find_images(self.data / folder)
            files = (
                f"{file.relative_to(self.data).as_posix()} {self.digest(file)}"
                for path in paths
                for file in files_of(path)
            )
            text = hashlib.sha256("\n".join(files).encode()).hexdigest()
            digests[folder] = f"{len(paths)} images ({text[:12]})"
        return digests

    def digest(self, file: Path) -> str:
        """Return the SHA-256 of a data file."""
        if file not in self.digests:
            self.digests[file] = sha256_of(file)
        return self.digests[file]

    def run(self) -> list[Path]:
        """Run all unfinished stages; return the files of the finished model.

        Raises
        ------
        ValueError
            If validation (see `check`) or a stage fails.
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
            self.check_unchanged(stage, record)
            if self.finished(stage):
                self.log(f"{place} is finished")
            else:
                self.log(f"{place}, {describe_stage(stage)}")
                self.write(stage, record)
                path = self.run_stage(stage, models)
                self.write(stage, {**record, "model": path.name, "sha256": sha256_of(path)})
            models[stage.label] = self.model(stage)
        last = self.stages[-1].recipe
        ends = [models[f"{last}/{end}"] for end in ENDS if f"{last}/{end}" in models]
        return [copy_atomically(path, self.out / path.name) for path in ends]

    def write(self, stage: Stage, record: dict[str, Any]) -> None:
        """Write the record of a stage."""
        self.folder(stage).mkdir(parents=True, exist_ok=True)
        text = json.dumps(record, indent=1)

        def write_text(temporary: Path) -> None:
            temporary.write_text(text, "utf-8")

        replacing(self.folder(stage) / RECORD, write_text)

    def run_stage(self, stage: Stage, models: dict[str, Path]) -> Path:
        """Run a stage and return its model file."""
        folder, work = self.folder(stage), stage.with_model_files(models)
        try:
            if isinstance(work, Config):
                return fit(work, self.data, folder, progress=self.progress)
            if isinstance(work, Derivation):
                return derive(work, folder)
            return run_calibration(work, self.data, folder)
        except (ValueError, OSError, RuntimeError, MemoryError, ArithmeticError) as error:
            raise StageError(
                f"the stage {stage.label} failed: {error}; what it has is kept in {folder}, and "
                "the same command goes on from there"
            ) from error


def fit(config: Config, data: Path, folder: Path, *, progress: bool = False) -> Path:
    """Train to the last step, resuming from a checkpoint if possible, and write the model file."""
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
    """Return the number of steps of the checkpoint of a run, 0 without a checkpoint."""
    import torch

    from ..phases.checkpoints import LAST

    if not (run / LAST).is_file():
        return 0
    checkpoint = torch.load(run / LAST, map_location="cpu", mmap=True, weights_only=True)
    return int(checkpoint["state_dict"]["done"])


def run_calibration(work: Calibration, data: Path, folder: Path) -> Path:
    """Calibrate a model and write the result to a folder."""
    from napari_srgan.models.file import read_card

    from ..degradations.chain import parse_degradation
    from ..weights.calibrate import calibrate

    start = Path(work.start)
    path = folder / f"{end_name(work.name, read_card(start).end)}{SUFFIX}"
    degradation = None if work.degradation is None else parse_degradation(work.degradation)

    def write(temporary: Path) -> None:
        # Model files are recognised by their suffix, which the temporary file must have.
        file = temporary.with_suffix(SUFFIX)
        try:
            shutil.copyfile(start, file)
            calibrate(file, [data / f for f in work.folders], degradation)
            file.replace(temporary)
        finally:
            file.unlink(missing_ok=True)

    return replacing(path, write)


def copy_atomically(source: Path, path: Path) -> Path:
    """Copy a file atomically."""

    def copy(temporary: Path) -> None:
        shutil.copyfile(source, temporary)

    return replacing(path, copy)


def format_setting(value: object) -> str:
    """Format a value of a record as text."""
    return "not given" if value is None else str(value)


def describe_stage(stage: Stage) -> str:
    """Return a short description of a stage."""
    work, inputs = stage.work, ", ".join(stage.inputs)
    if isinstance(work, Derivation):
        return f"derive from {inputs}"
    if isinstance(work, Calibration):
        return f"calibrate {inputs}"
    phase = "adversarial fit" if work.adversarial or work.projected else "fit"
    of = f" from {inputs}" if inputs else ""
    return f"{phase}{of}, {work.steps} steps of {work.batch} patches"


def folders_of(stages: Iterable[Stage]) -> list[str]:
    """Return all data folders that stages read, sorted."""
    return sorted({folder for stage in stages for folder in stage.folders})


def missing_folders(stages: Iterable[Stage], data: Path) -> list[str]:
    """Return the data folders that contain no image."""

    def has_images(folder: str) -> bool:
        try:
            return bool(find_images(data / folder))
        except FileNotFoundError:
            return False

    return [folder for folder in folders_of(stages) if not has_images(folder)]


def files_of(image: Path) -> list[Path]:
    """Return the files of an image, which may be a folder or a header with a data file."""
    if image.is_dir():
        return sorted(path for path in image.rglob("*") if path.is_file())
    return sorted({image, *image.parent.glob(f"{escape(image.stem)}.img")})


def copy_subset(stages: Iterable[Stage], data: Path, out: Path, number: int) -> Path:
    """Copy a few evenly spaced images of every folder that stages read, for a trial.

    Parameters
    ----------
    number
        Maximum number of images per folder and subfolder.

    Returns
    -------
    Path
        Folder that replaces ``data``.
    """
    target_folder = out / f"images-{number}"
    groups: dict[Path, dict[Path, None]] = {}
    for folder in folders_of(stages):
        for path in find_images(data / folder):
            groups.setdefault(path.parent, {})[path] = None
    for group in groups.values():
        paths = list(group)
        for path in paths[:: -(-len(paths) // number)]:
            for file in files_of(path):
                target = target_folder / file.relative_to(data)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
    return target_folder
