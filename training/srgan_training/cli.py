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


if __name__ == "__main__":
    app()
