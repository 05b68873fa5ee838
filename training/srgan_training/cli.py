"""``srgan-train``: train, export and measure models from a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Train and measure the models of napari-srgan.", no_args_is_help=True, add_completion=False
)

Data = Annotated[Path, typer.Option(help="Folder that the configuration's paths are relative to.")]


@app.callback()
def main() -> None:
    """Train and measure the models of napari-srgan."""


@app.command()
def fit(
    config: Annotated[Path, typer.Argument(help="YAML configuration of the run.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of checkpoint and log.")] = Path("runs"),
    steps: Annotated[int | None, typer.Option(help="Instead of the configured number.")] = None,
) -> None:
    """Train the fidelity phase; a run found in OUT goes on where it stopped."""
    from .config import read_config
    from .fidelity import FidelityTraining

    settings = read_config(config, **({} if steps is None else {"steps": steps}))
    training = FidelityTraining(settings, data, out / settings.name)
    for progress in training.run():
        if progress.step % settings.every == 0 or progress.step == settings.steps:
            measured = "" if progress.psnr is None else f"  {progress.psnr:.2f} dB"
            typer.echo(f"step {progress.step}/{settings.steps}  loss {progress.loss:.4f}{measured}")


@app.command()
def export(
    config: Annotated[Path, typer.Argument(help="YAML configuration of the run.")],
    out: Annotated[Path, typer.Option(help="Folder of the run, as given to fit.")] = Path("runs"),
    to: Annotated[Path, typer.Option(help="Folder for the model file.")] = Path("."),
) -> None:
    """Write a run's averaged weights as a model file."""
    from .config import read_config
    from .export import export as write

    settings = read_config(config)
    typer.echo(f"written to {write(settings, out / settings.name, to)}")


@app.command()
def evaluate(
    models: Annotated[str, typer.Option(help="Names or files of models, with commas between.")],
    data: Annotated[str, typer.Option(help="Folders of HR images, with commas between.")],
    consistency: Annotated[int, typer.Option(help="Steps of back-projection.")] = 0,
    json: Annotated[Path | None, typer.Option(help="Also write the scores here.")] = None,
    into_card: Annotated[bool, typer.Option(help="Write the figures into the files.")] = False,
) -> None:
    """Measure ×4 models beside bicubic: PSNR, SSIM (Y, 4 px cut) and LR-PSNR."""
    from .evaluation import as_json, as_markdown
    from .evaluation import evaluate as measure
    from .export import with_figures

    names = models.split(",")
    folders = [Path(folder) for folder in data.split(",")]
    scores = []
    for score in measure(names, folders, consistency=consistency):
        scores.append(score)
        typer.echo(f"{score.folder}: {score.model} {score.psnr:.2f} dB", err=True)
    typer.echo(as_markdown(scores))
    if json:
        json.write_text(as_json(scores), encoding="utf-8")
    if into_card:
        sets = ",".join(folder.name for folder in folders)
        for name in names:
            figures = {
                s.folder: {"psnr": round(s.psnr, 2), "ssim": round(s.ssim, 4)}
                for s in scores
                if s.model == name
            }
            command = f"srgan-train evaluate --models {Path(name).stem} --data {sets}"
            with_figures(Path(name), figures, command)


if __name__ == "__main__":
    app()
