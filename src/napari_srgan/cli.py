"""Command line interface ``napari-srgan``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .io import WRITABLE

if TYPE_CHECKING:
    from .batch import Existing
    from .batch_paths import Failure

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
    """Print user errors as one line and exit with code 1; print warnings as lines.

    Equal warnings are printed once.
    """
    shown: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in shown:
            shown.add(str(message))
            typer.echo(f"note: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        try:
            yield
        except BrokenPipeError:
            raise  # nobody reads on, as after `| head`; typer ends without a word
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
    given: Annotated[
        list[str],
        typer.Argument(metavar="IN", help="Images, folders or patterns, in which ** descends."),
    ],
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help=f"A file ({', '.join(WRITABLE)}) or a folder; a / at the end means a folder.",
        ),
    ],
    model: ModelOption = "auto",
    axes: Annotated[str | None, typer.Option(help="A letter per axis, e.g. TCYX.")] = None,
    detail: Annotated[float | None, typer.Option(help="0 faithful … 1 realistic.")] = None,
    consistency: Annotated[int, typer.Option(help="Steps of back-projection.")] = 0,
    normalise: Annotated[str, typer.Option(help="auto, none or LOW,HIGH.")] = "auto",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    tile: Annotated[str, typer.Option(help="auto or pixels.")] = "auto",
    nodata: Annotated[
        str, typer.Option(help="Value that stands for missing data, auto or none.")
    ] = "auto",
    progress: Annotated[bool, typer.Option(help="Show a progress bar.")] = True,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Pass over images whose result is there.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results that are there.")
    ] = False,
) -> None:
    """Super-resolve image files into files that keep their pixel size and place.

    IN may be TIFF (OME, ImageJ, GeoTIFF), PNG, JPEG, NIfTI, DICOM (a file or a folder), OME-Zarr or
    a Zarr array. A file that is there already is kept. An image that cannot be done does not stop
    the others: what failed is listed at the end, and the exit code is 1.
    """
    from .options import Options

    with plain_errors():
        if skip_existing and overwrite:
            raise ValueError("--skip-existing and --overwrite exclude each other; give one")
        options = Options(
            axes=axes,
            detail=detail,
            consistency=consistency,
            normalise=parse_normalise(normalise),
            device=device,
            precision=precision,
            tile=parse_tile(tile),
            nodata=parse_nodata(nodata),
        )
        from .batch import Batch
        from .batch_paths import find_jobs

        jobs, failures = find_jobs(given, out)
        total = len(jobs) + len(failures)
        existing: Existing = "skip" if skip_existing else "overwrite" if overwrite else "keep"
        batch = Batch(model, options, existing, progress, failures)
        try:
            for line in batch.run(jobs):
                typer.echo(line)
        finally:
            report_failures(batch.failures, total)
    if batch.failures:
        raise typer.Exit(1)


def report_failures(failures: list[Failure], total: int) -> None:
    """List failures on stderr; a single failure of a single image takes one line."""
    lines = [
        failure.reason
        if failure.source in failure.reason
        else f"{failure.source}: {failure.reason}"
        for failure in failures
    ]
    if total == 1 == len(lines):
        typer.echo(f"napari-srgan: {lines[0]}", err=True)
    elif lines:
        typer.echo(f"napari-srgan: {len(lines)} of {total} failed:", err=True)
        for line in lines:
            typer.echo(f"  {line}", err=True)


def parse_normalise(text: str) -> Any:
    """Parse the option ``normalise``: a word or a pair of numbers.

    Other texts are returned unchanged; the engine refuses them with the allowed values.
    """
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        return text
    return low, high


def parse_tile(text: str) -> int | str:
    """Parse the option ``tile``: a number, or a word returned unchanged."""
    try:
        return int(text)
    except ValueError:
        return text


def parse_nodata(text: str) -> Any:
    """Parse the option ``nodata``: auto, none or a number.

    Other texts are returned unchanged; the engine refuses them with the allowed values.
    """
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError:
        return text


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
