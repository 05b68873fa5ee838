"""Super-resolve files one after the other: ``napari-srgan upscale``."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from .batch_paths import Failure, Job
from .engine.axes import parse_axes
from .engine.plan import Plan
from .engine.run import Run
from .engine.source import read_once
from .io import ImageFile, check_writable, ending, finest_plane, kind, named, read, write
from .io.finer_image import finer_image
from .io.labels import is_labels
from .models.blend import check_detail
from .models.registry import shared_model
from .options import Options
from .result_storage import make_room
from .upscale import drive, plan_for, plan_stages

Existing = Literal["keep", "skip", "overwrite"]
"""treatment of an existing target: ``keep`` is an error, ``skip`` goes on with the next image,
``overwrite`` replaces the file"""


class ExistingFileError(OSError):
    """The target file exists and must not be replaced."""


@dataclass
class Batch:
    """A sequence of independent jobs; the failure of one does not stop the others."""

    model: str
    options: Options
    existing: Existing = "keep"
    bar: bool = False
    """whether to show a progress bar"""
    failures: list[Failure] = field(default_factory=list)
    """failures so far"""
    written: dict[tuple[int, int], Path] = field(default_factory=dict)
    """source image of each result, by device and inode number of the result"""

    def run(self, jobs: Sequence[Job]) -> Iterator[str]:
        """Run all jobs and yield a line of text for each image.

        Raises
        ------
        ValueError, TypeError, ModelError
            If an option is invalid; raised before any image is read.
        """
        check_options(self.model, self.options)
        for job in jobs:
            try:
                yield from self.do(job)
            except Exception as error:
                if len(jobs) == 1 and not isinstance(error, USER_ERRORS):
                    raise
                self.failures.append(Failure(str(job.source), error_text(error)))

    def do(self, job: Job) -> Iterator[str]:
        """Super-resolve all images of a file and yield a line of text for each.

        If there are several, their names or numbers are appended to the target's name.
        """
        path, target = job.source, job.target
        if self.existing != "overwrite" and target.exists():
            yield self.keep(job)
            return
        images = read([path, *job.others] if job.others else path)
        if len(images) == 1:
            yield self.upscale(images[0], job)
            return
        end = ending(target)
        names = [re.sub(r"[^\w.+-]+", "_", image.name).strip("._") for image in images]
        for number, (image, name) in enumerate(zip(images, names, strict=True), 1):
            own = name if name and names.count(name) == 1 else str(number)
            place = target.with_name(f"{target.name[: -len(end)]}-{own}{end}")
            try:
                yield self.upscale(image, replace(job, target=place))
            except USER_ERRORS as error:
                self.failures.append(Failure(f"{path} ({own})", error_text(error)))

    def keep(self, job: Job) -> str:
        """Skip an existing file, or refuse to replace it."""
        if self.existing == "skip":
            return f"{job.source}: skipped, since {job.target} is there"
        forgotten = ". If it is an image to be done too, name a folder last" * job.named
        raise ExistingFileError(
            f"{job.target}: is there already and is kept; --overwrite replaces it, "
            f"--skip-existing passes over it{forgotten}"
        )

    def upscale(self, image: ImageFile, job: Job) -> str:
        """Super-resolve one image, write the result and return a line of text about it."""
        path, target = job.source, job.target
        if self.existing != "overwrite" and target.exists():
            return self.keep(job)
        options = self.options
        if is_labels(image):
            raise ValueError(
                f"{path}: holds labels, whose numbers stand for objects; they are not "
                "super-resolved. Name the image that they belong to"
            )
        if image.labels:
            names = ", ".join(label.name for label in image.labels)
            warnings.warn(f"{path}: its labels ({names}) are not in the result", stacklevel=2)
        plane_note = ""
        if options.axes is None:
            options = replace(options, axes=finest_plane(image) or image.axes)
            # In a volume, the finest plane may differ from the Y and X of the file.
            plane_note = ", its finest plane" if options.axes != image.axes else ""
        if options.nodata == "auto" and image.nodata is not None:
            options = replace(options, nodata=image.nodata)
        since = time.perf_counter()
        source = read_once(image.data)
        stages = plan_stages(source, self.model, options, missing=image.missing)
        plan = drive(stages, bar=self.bar)
        axes = plan.layout.axes
        if image.axes is not None:
            named(image, axes)  # raises for invalid axes before the computation
        check_writable(target, plan.shape, plan.dtype, axes)
        self.check_replaced(job, plan)
        target.parent.mkdir(parents=True, exist_ok=True)
        out = make_room(plan)
        run = Run(plan, source)
        drive(run.into(out), bar=self.bar)
        seconds = time.perf_counter() - since
        note = f"super-resolved ×{plan.scale} by napari-srgan, model {plan.model.card.name}"
        result = finer_image(image, out, axes, plan.scale)
        # The writer renames the file to its final name when it is complete.
        write(target, result, note)
        stat = target.stat()
        self.written[stat.st_dev, stat.st_ino] = path
        guessed = plane_note if options.axes else " (guessed)"
        known = {a: result.pixel_size[a] for a in "ZYX" if a in result.pixel_size}
        size = ", ".join(f"{a} {length:.6g} {result.unit}" for a, length in known.items())
        return (
            f"{path} → {target}: {plan.model.card.name}, axes {axes}{guessed}, {out.shape} "
            f"{out.dtype}, pixel size {size or 'unknown'}, {seconds:.1f} s on "
            f"{plan.compute.device} in {plan.compute.precision}"
            + "".join(f", {remark}" for remark in run.remarks)
        )

    def check_replaced(self, job: Job, plan: Plan) -> None:
        """Refuse to replace a file that is not an earlier result of the image.

        If OUT is an image whose size is not a multiple of that of IN, the user probably forgot OUT.
        """
        target = job.target
        if not target.exists():
            return
        stat = target.stat()
        if other := self.written.get((stat.st_dev, stat.st_ino)):
            raise ExistingFileError(f"{target}: is the result of {other}; give it another name")
        if target.is_dir() and kind(target) != "OME-Zarr":
            raise ExistingFileError(f"{target}: is a folder, but no OME-Zarr; it is kept")
        sides = plan.layout.plane
        empty = target.is_file() and not stat.st_size
        if job.named and not empty and not any(is_finer(i, sides) for i in _read_images(target)):
            raise ExistingFileError(
                f"{target}: is kept even with --overwrite, since it is no finer image of "
                f"{sides[1]} × {sides[0]} pixels; if OUT was forgotten, name it last, else remove "
                "the file first"
            )


USER_ERRORS = (ValueError, TypeError, OSError, MemoryError)
"""errors that the user can correct"""


def is_finer(image: ImageFile, sides: tuple[int, int]) -> bool:
    """Whether an image may be an earlier result of an image with these sides."""
    axes = image.axes or "?" * (image.data.ndim - 2) + "YX"
    found = image.data.shape[axes.index("Y")], image.data.shape[axes.index("X")]
    factor = found[0] // sides[0]
    return factor > 1 and found == (factor * sides[0], factor * sides[1])


def _read_images(path: Path) -> list[ImageFile]:
    try:
        return read(path)
    except (*USER_ERRORS, RuntimeError):
        return []


def error_text(error: Exception) -> str:
    """Return the message of an error in one line, with its type if it is not a user error."""
    text = " ".join(str(error).split())
    if isinstance(error, USER_ERRORS) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def check_options(model: str, options: Options) -> None:
    """Refuse options that are invalid for every image, before any is read.

    Raises
    ------
    ValueError, TypeError, ModelError
        The message gives the value and the allowed ones.
    """
    if options.detail is not None:
        check_detail(options.detail)
    if options.axes is not None:
        letters = options.axes.upper().replace(" ", "")
        parse_axes(options.axes, [3 if letter == "S" else 8 for letter in letters])
    named = None if model == "auto" else shared_model(model, detail=options.detail)
    blank = np.zeros((1 if named is None else named.channels, 8, 8), "uint8")
    general = replace(options, axes="CYX", detail=None)
    plan_for(blank, "auto" if named is None else named, general)
