"""``srgan-train``: train, export and measure models from a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from .evaluation.benchmark_images import Degradation

app = typer.Typer(
    help="Train and measure the models of napari-srgan.", no_args_is_help=True, add_completion=False
)

Data = Annotated[Path, typer.Option(help="Folder that the configuration's paths are relative to.")]


@app.callback()
def main() -> None:
    """Train and measure the models of napari-srgan."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Convert expected errors to one line on stderr and exit code 1."""
    from napari_srgan.cli import plain_errors as plain

    try:
        with plain("srgan-train"):
            yield
    except FloatingPointError as error:
        typer.echo(f"srgan-train: {error}", err=True)
        raise typer.Exit(1) from error


@app.command()
def fit(
    config: Annotated[
        str, typer.Argument(help="YAML configuration of the run, or the name of a preset.")
    ],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of checkpoint and log.")] = Path("runs"),
    steps: Annotated[int | None, typer.Option(help="Instead of the configured number.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE instead of the configured one, e.g. lr=2e-4."),
    ] = None,
    devices: Annotated[int, typer.Option(help="Processes or GPUs to train on.")] = 1,
    nodes: Annotated[int, typer.Option(help="Machines to train on.")] = 1,
    threads: Annotated[
        int | None, typer.Option(help="Processor cores of each process; else all.", min=1)
    ] = None,
) -> None:
    """Train one phase; a run found in OUT goes on where it stopped."""
    import yaml

    from .config import read_config
    from .trainer import train

    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    changes: dict[str, Any] = {} if steps is None else {"steps": steps}
    for text in set_ or []:
        name, separator, value = text.partition("=")
        if not separator:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
        changes[name] = yaml.safe_load(value)
    with plain_errors():
        settings = read_config(config, **changes)
        folder = out / settings.end_name
        train(settings, data, folder, devices=devices, nodes=nodes, progress=True)


@app.command()
def schema() -> None:
    """Print the JSON schema of a configuration, for editors that check YAML."""
    import json

    from .config import schema as describe

    typer.echo(json.dumps(describe(), indent=2))


@app.command()
def finetune(
    data: Annotated[
        Path, typer.Option(help="Folder with subfolders LR and HR, or of HR images only.")
    ],
    name: Annotated[str, typer.Option(help="Name of the model that comes out.")],
    start: Annotated[str, typer.Option("--from", help="Model to start from, or auto.")] = "auto",
    scale: Annotated[int, typer.Option(help="How many times finer HR is than LR.")] = 4,
    degradation: Annotated[
        str, typer.Option(help="How LR is made of HR images only, as YAML.")
    ] = "bicubic",
    interpolated: Annotated[
        bool, typer.Option("--interpolated", help="LR images have the size of HR; reduce them.")
    ] = False,
    harmonise: Annotated[
        bool, typer.Option(help="Give real HR images the brightness of their LR.")
    ] = True,
    steps: Annotated[int | None, typer.Option(help="Instead of what the data suggest.")] = None,
    batch: Annotated[int, typer.Option(help="Patches of a step.")] = 16,
    out: Annotated[Path, typer.Option(help="Folder of checkpoint and log.")] = Path("runs"),
    keep: Annotated[bool, typer.Option(help="Install it even where nothing was gained.")] = False,
) -> None:
    """Make a model for your own images; napari-srgan finds it by its name."""
    import yaml

    from .finetune import finetune as tuning
    from .finetune.dataset import load_dataset
    from .trainer import run

    with plain_errors():
        dataset = load_dataset(
            data,
            scale,
            yaml.safe_load(degradation),
            interpolated=interpolated,
            harmonise=harmonise,
        )
        typer.echo(dataset.note)
        origin = tuning.start_name(start, dataset.channels, scale)
        model = tuning.load_start(origin, dataset.channels)
        config = tuning.choose_settings(
            dataset, model, name, origin=origin, steps=steps, batch=batch
        )
        module = tuning.make_module(dataset, config)
        minutes = tuning.estimate(module) / 60
        typer.echo(
            f"{len(dataset.train)} images to train on, {len(dataset.held_out)} held out; "
            f"{dataset.channels} channels, LR by {dataset.degradation}; {config.steps} steps of "
            f"{config.batch} patches of {config.patch} × {config.patch}, about {minutes:.0f} min"
        )
        run(module, out / name, progress=True)
        outcome = tuning.compare(module, model, dataset)
        typer.echo(
            f"held out: bicubic {outcome.bicubic:.2f} dB, {model.card.name} {outcome.before:.2f} "
            f"dB, {name} {outcome.after:.2f} dB"
        )
        if not outcome.sound:
            typer.echo(
                f"{name} changes the brightness of some place by "
                f"{outcome.brightness_error:.0%} of the range: it fails where an image "
                "is unlike those it was trained on; train on more images, or for fewer steps"
            )
        if outcome.better or keep:
            typer.echo(f"installed: {tuning.install(module, model, config, dataset, outcome)}")
        else:
            typer.echo(f"{name} is not better than what there was, so it is not installed")


@app.command()
def export(
    config: Annotated[
        str, typer.Argument(help="YAML configuration of the run, or the name of a preset.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run, as given to fit.")] = Path("runs"),
    to: Annotated[Path, typer.Option(help="Folder for the model file.")] = Path("."),
) -> None:
    """Write a run's averaged weights as a model file."""
    from .config import read_config
    from .weights.export import export as write

    with plain_errors():
        settings = read_config(config)
        typer.echo(f"written to {write(settings, out / settings.end_name, to)}")


@app.command()
def derive(
    config: Annotated[Path, typer.Argument(help="YAML file that says what is made of which.")],
    to: Annotated[Path, typer.Option(help="Folder for the model file.")] = Path("."),
) -> None:
    """Make a model of others without training: of other channels, or an adversarial end."""
    from .weights.merge import derive as write
    from .weights.merge import read_derivation

    with plain_errors():
        typer.echo(f"written to {write(read_derivation(config), to)}")


@app.command()
def reproduce(
    model: Annotated[
        str, typer.Argument(help="Name of a shipped model, or a recipe.yaml of your own.")
    ],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of the stages and of the finished model.")] = (
        Path("reproduced")
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list the stages and how long they will take.")
    ] = False,
    steps_scale: Annotated[
        float, typer.Option(help="Factor on all numbers of steps; 0.001 tries a recipe whole.")
    ] = 1.0,
    images: Annotated[
        int | None, typer.Option(help="At most so many images of each folder, for a trial.")
    ] = None,
) -> None:
    """Make a shipped model from nothing, by its recipe; a run found in OUT goes on."""
    from .recipes.durations import durations, format_duration
    from .recipes.recipe import FILE, plan, recipes_folder
    from .recipes.reproduce import (
        Reproduction,
        copy_subset,
        describe_stage,
        folders_of,
        missing_folders,
    )

    with plain_errors():
        if steps_scale <= 0:
            raise ValueError(f"--steps-scale is {steps_scale:g}; it must be above 0")
        if images is not None and images < 1:
            raise ValueError(f"--images is {images}; at least 1 is needed")
        own = Path(model)
        if own.name == FILE:
            stages = plan(own.absolute().parent.name, own.absolute().parents[1])
        else:
            stages = plan(model, recipes_folder())
        stages = [stage.scaled(steps_scale) for stage in stages]
        job = Reproduction(stages, data, out, typer.echo, progress=True)
        took = durations(stage for stage in stages if not job.finished(stage))
        for number, stage in enumerate(stages, 1):
            note = f", about {format_duration(took[stage.label])}" if stage.label in took else ""
            note = " (finished)" if job.finished(stage) else note
            typer.echo(f"{number:3}. {stage.label}: {describe_stage(stage)}{note}")
        missing = missing_folders(stages, data)
        for folder in folders_of(stages):
            typer.echo(f"     reads {data / folder}{' (missing)' if folder in missing else ''}")
        total = format_duration(sum(took.values()))
        typer.echo(f"about {total} of training here, besides what teachers need to see all images")
        if images is not None and not missing and not dry_run:
            job.data = copy_subset(stages, data, job.out, images)
        if dry_run:
            return
        for path in job.run():
            typer.echo(f"written to {path}")


@app.command()
def calibrate(
    model: Annotated[Path, typer.Argument(help="Model file; it is written anew.")],
    data: Annotated[str, typer.Option(help="Folders of HR images, with commas between.")],
    degradation: Annotated[str, typer.Option(help="Makes LR of HR images, as YAML.")] = "",
) -> None:
    """Change a model's last convolution so that it keeps brightness and colour of images."""
    from .weights.calibrate import calibrate as shift

    with plain_errors():
        folders = [Path(folder) for folder in data.split(",")]
        most = shift(model, folders, degradation_of(degradation))
        typer.echo(f"{model}: channels shifted by up to {most:.3f} % of the range")


@app.command()
def evaluate(
    data: Annotated[str, typer.Option(help="Folders of HR images, with commas between.")],
    models: Annotated[
        str, typer.Option(help="Names or files of models, with commas between; none: bicubic ×4.")
    ] = "",
    detail: Annotated[
        str, typer.Option(help="Of models with two ends, e.g. 0,0.5,1: a row for each.")
    ] = "",
    consistency: Annotated[int, typer.Option(help="Steps of back-projection.")] = 0,
    lr: Annotated[str, typer.Option(help="Folders of LR images, one for each of --data.")] = "",
    degradation: Annotated[
        str, typer.Option(help="How LR is made instead of by bicubic: a kind, or YAML.")
    ] = "",
    data_range: Annotated[
        float | None, typer.Option("--range", help="Of images deeper than 8 bits; None: the HR's.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the scores here.")] = None,
    strips: Annotated[Path | None, typer.Option(help="Folder for pictures side by side.")] = None,
    into_card: Annotated[bool, typer.Option(help="Write the figures into the files.")] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw KID over PSNR here, as .png, .svg or .pdf.")
    ] = None,
    realism: Annotated[
        bool, typer.Option(help="Compute KID and feature distances, which takes longer.")
    ] = True,
) -> None:
    """Measure models beside bicubic and print a table of quality, with what each column means."""
    from .evaluation.evaluate import evaluate as measure
    from .evaluation.report import as_json, as_markdown
    from .weights.export import write_figures

    names = [name for name in models.split(",") if name]
    folders = [Path(folder) for folder in data.split(",")]
    sources = [Path(folder) for folder in lr.split(",") if folder]
    with plain_errors():
        if into_card and (absent := [name for name in names if not Path(name).is_file()]):
            raise ValueError(f"--into-card: {absent[0]!r} is not a file; give the path of a model")
        if plot and not realism:
            raise ValueError("--plot draws KID; leave out --no-realism")
        scores = []
        for score in measure(
            names,
            folders,
            consistency=consistency,
            details=[float(text) for text in detail.split(",") if text],
            lr=sources,
            degradation=degradation_of(degradation),
            data_range=data_range,
            strips=strips,
            realism=realism,
        ):
            scores.append(score)
            typer.echo(f"{score.folder}: {score.model} {score.psnr:.2f} dB", err=True)
        typer.echo(as_markdown(scores))
        if json:
            json.write_text(as_json(scores), encoding="utf-8")
        if plot:
            from .evaluation.perception_distortion import plot_tradeoff

            typer.echo(f"plot: {plot_tradeoff(scores, plot)}", err=True)
        if not into_card:
            return
        options = {
            "--data": ",".join(folder.name for folder in folders),
            "--consistency": consistency or "",
            "--lr": ",".join(folder.name for folder in sources),
            "--degradation": f"'{degradation}'" if degradation else "",
            "--range": "" if data_range is None else f"{data_range:g}",
        }
        arguments = " ".join(f"{key} {value}" for key, value in options.items() if value)
        for name in names:
            figures = {
                s.folder: {"psnr": round(s.psnr, 2), "ssim": round(s.ssim, 4)}
                for s in scores
                if s.model == name
            }
            command = f"srgan-train evaluate --models {Path(name).stem} {arguments}"
            write_figures(Path(name), figures, command)


def degradation_of(text: str) -> Degradation | None:
    """Return the degradation given as YAML; None, which is bicubic, for an empty text."""
    import yaml

    from .degradations.chain import parse_degradation

    return parse_degradation(yaml.safe_load(text)) if text else None


if __name__ == "__main__":
    app()
