"""``napari-srgan``: super-resolution from a terminal."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Super-resolution of scientific images with the SRGAN generator.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ModelOption = Annotated[str, typer.Option(help="Name of a model, a model file, or auto.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
PrecisionOption = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")]


@contextmanager
def plain_errors(program: str = "napari-srgan") -> Iterator[None]:
    """Turn errors that a person can mend into one line and exit code 1; warnings into lines."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        typer.echo(f"note: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        try:
            yield
        except (ValueError, TypeError, OSError, MemoryError) as error:
            typer.echo(f"{program}: {error}", err=True)
            raise typer.Exit(1) from error


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("napari-srgan-demo"),
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Super-resolve two real images on this machine and compare with bicubic."""
    from .demo import run_demo

    with plain_errors():
        for line in run_demo(out, device=device, precision=precision):
            typer.echo(line)


@app.command()
def upscale(
    source: Annotated[str, typer.Argument(metavar="IN", help="An image, a folder or a pattern.")],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A file (.tif, .nii.gz, .zarr, .png) or a folder.")
    ],
    model: ModelOption = "auto",
    axes: Annotated[str | None, typer.Option(help="A letter per axis, e.g. TCYX.")] = None,
    detail: Annotated[float | None, typer.Option(help="0 faithful … 1 realistic.")] = None,
    consistency: Annotated[int, typer.Option(help="Steps of back-projection.")] = 0,
    normalise: Annotated[str, typer.Option(help="auto, none or LOW,HIGH.")] = "auto",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    tile: Annotated[str, typer.Option(help="auto or pixels.")] = "auto",
    nodata: Annotated[float | None, typer.Option(help="Value of pixels without one.")] = None,
    progress: Annotated[bool, typer.Option(help="Show a progress bar.")] = True,
) -> None:
    """Super-resolve image files into files that keep their pixel size and place.

    IN may be TIFF (OME, ImageJ, GeoTIFF), PNG, JPEG, NIfTI, DICOM (a file or a folder) or OME-Zarr.
    """
    from .options import Options

    with plain_errors():
        options = Options(
            axes=axes,
            detail=detail,
            consistency=consistency,
            normalise=parse_normalise(normalise),
            device=device,
            precision=precision,
            tile=parse_tile(tile),
            nodata=nodata,
        )
        for path, target in targets(source, out):
            for line in upscale_file(path, target, model, options, progress):
                typer.echo(line)


def parse_normalise(text: str) -> Any:
    """Return what ``normalise`` means on the command line: a word or a pair of numbers.

    What is neither is returned as it is, for the engine to say what is allowed.
    """
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        return text
    return low, high


def parse_tile(text: str) -> int | str:
    """Return what ``tile`` means on the command line: a number, or a word as it is."""
    try:
        return int(text)
    except ValueError:
        return text


def targets(source: str, out: Path) -> list[tuple[Path, Path]]:
    """Pair what is read with what is written.

    Raises
    ------
    FileNotFoundError
        If nothing matches ``source``.
    ValueError
        If several images are to go into one file, or an image would be overwritten by its result.

    Notes
    -----
    Nothing is created here, so that an error in an option leaves nothing behind.
    """
    from .io import READABLE, WRITABLE

    paths = sources(source)
    if not paths:
        raise FileNotFoundError(f"{source}: no image there ({', '.join(READABLE)})")
    if out.name.lower().endswith(WRITABLE) and not (out.is_dir() and out.suffix != ".zarr"):
        if len(paths) > 1:
            raise ValueError(f"{source}: {len(paths)} images cannot go into the one file {out}")
        pairs = [(paths[0], out)]
    elif out.suffix and not out.is_dir():
        raise ValueError(f"{out}: cannot be written; allowed are {', '.join(WRITABLE)} or a folder")
    elif out.exists() and not out.is_dir():
        raise ValueError(f"{out}: is a file without a suffix, not a folder")
    else:
        pairs = [(p, out / result_name(p)) for p in paths]
        names = [t.name for _, t in pairs]
        if twice := [(p, t) for p, t in pairs if names.count(t.name) > 1]:
            raise ValueError(
                f"{twice[0][0]} and {twice[1][0]} would go into the one file {twice[0][1]}; "
                "give them different names"
            )
    if same := [p for p, t in pairs if t.exists() and t.samefile(p)]:
        raise ValueError(f"{same[0]}: the result would overwrite the image; choose another folder")
    return pairs


def sources(source: str) -> list[Path]:
    """Return the images that a path or a pattern stands for, sorted."""
    from .io import READABLE, kind

    def readable(paths: Iterable[Path]) -> list[Path]:
        named = sorted(p for p in paths if p.name.lower().endswith(READABLE))
        # Of a pair of header and pixels, the header stands for both.
        return [p for p in named if p.suffix != ".img" or p.with_suffix(".hdr") not in named]

    path = Path(source)
    if path.is_dir():
        # A folder may be one image itself.
        return [path] if kind(path) in ("OME-Zarr", "DICOM") else readable(path.iterdir())
    return [path] if path.is_file() else readable(map(Path, glob(source)))


def result_name(path: Path) -> str:
    """Return the name of an image's result, whose format keeps what the image's says."""
    from .io import kind, stem

    end = {"NIfTI": ".nii.gz", "DICOM": ".nii.gz", "OME-Zarr": ".zarr"}.get(kind(path), ".tif")
    return f"{stem(path)}{end}"


def upscale_file(
    path: Path, target: Path, model: str, options: Any, progress: bool
) -> Iterator[str]:
    """Super-resolve the images of a file and say what was done with each.

    Several images go into files with their names, or else numbers, added.
    """
    from .io import ending, read

    images = read(path)
    if len(images) == 1:
        yield upscale_image(path, images[0], target, model, options, progress)
        return
    end = ending(target)
    names = [re.sub(r"[^\w.+-]+", "_", image.name).strip("._") for image in images]
    for number, (image, name) in enumerate(zip(images, names, strict=True), 1):
        own = name if name and names.count(name) == 1 else str(number)
        place = target.with_name(f"{target.name[: -len(end)]}-{own}{end}")
        yield upscale_image(path, image, place, model, options, progress)


def upscale_image(
    path: Path, image: Any, target: Path, model: str, options: Any, progress: bool
) -> str:
    """Super-resolve one image into a file and say what was done."""
    import time
    from dataclasses import replace

    from .engine.run import Run
    from .io import check_writable, finest_plane, named, write
    from .results import make_room
    from .upscale import drive, plan_for

    if target.exists() and target.samefile(path):
        raise ValueError(f"{path}: the result would overwrite the image; choose another folder")
    if image.labels:
        names = ", ".join(label.name for label in image.labels)
        warnings.warn(f"{path}: its labels ({names}) are not in the result", stacklevel=2)
    said = ""
    if options.axes is None:
        options = replace(options, axes=finest_plane(image) or image.axes)
        # What the file calls Y and X is not the plane of its finest pixels.
        said = ", its finest plane" if options.axes != image.axes else ""
    if options.nodata is None:
        options = replace(options, nodata=image.nodata)
    since = time.perf_counter()
    plan = plan_for(image.data, model, options)
    axes = plan.layout.axes
    if image.axes is not None:
        named(image, axes)  # refuses what cannot be, before the work
    check_writable(target, plan.shape, plan.dtype, axes)
    target.parent.mkdir(parents=True, exist_ok=True)
    out = make_room(plan)
    drive(Run(plan, image.data).into(out), bar=progress)
    seconds = time.perf_counter() - since
    note = f"super-resolved ×{plan.scale} by napari-srgan, model {plan.model.card.name}"
    result = image.finer(out, axes, plan.scale)
    write(target, result, note)
    guessed = said if options.axes else " (guessed)"
    known = {a: result.pixel_size[a] for a in "ZYX" if a in result.pixel_size}
    size = ", ".join(f"{a} {length:.6g} {result.unit}" for a, length in known.items())
    return (
        f"{path} → {target}: {plan.model.card.name}, axes {axes}{guessed}, {out.shape} "
        f"{out.dtype}, pixel size {size or 'unknown'}, {seconds:.1f} s on {plan.compute.device} "
        f"in {plan.compute.precision}"
    )


@app.command()
def models() -> None:
    """List the models that are installed."""
    from .models import list_models, user_folder

    with plain_errors():
        for card in list_models():
            ends = "fidelity and adversarial" if card.both_ends else card.end
            typer.echo(f"{card.name:16} ×{card.scale}  {card.channels} ch  {ends}")
            typer.echo(f"{'':16} {card.description}")
            for name, figures in card.figures.items():
                values = ", ".join(f"{k} {v:g}" for k, v in figures.items())
                typer.echo(f"{'':16} {name}: {values}")
        typer.echo(f"your own models go into {user_folder()}")


@app.command()
def doctor() -> None:
    """Say what this machine has: paste it into a bug report."""
    from .doctor import report

    with plain_errors():
        for name, value in report():
            typer.echo(f"{name:14} {value}")


if __name__ == "__main__":
    app()
