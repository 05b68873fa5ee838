"""A training from its configuration to its last step, by Lightning."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from napari_srgan.engine.device import has_bfloat16_units

from .config import Config, Source
from .data.datasets import load_source, make_sampler
from .images import PixelStore
from .phases.base import GeneratorModule, start
from .phases.batch_size import TooLargeError, largest_batch
from .phases.checkpoints import LAST, WholeCheckpoints, find_last
from .phases.fidelity import FidelityModule
from .phases.throughput import Speed

SILENT: dict[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "limit_val_batches": 0,
}
"""options of a Trainer that leaves nothing behind"""

Module = TypeVar("Module", bound=GeneratorModule)


def train(config: Config, data: Path, folder: Path, **options: Any) -> GeneratorModule:
    """Train a configuration to its last step.

    Parameters
    ----------
    config
        What to train and how.
    data
        Folder that the configuration's paths are relative to.
    folder, options
        As in `run`.
    """
    # Before the data are read, which may take long.
    find_last(folder, config)
    start(config)
    L.seed_everything(config.seed, verbose=False)
    return run(make_module(config, data), folder, **options)


def run(
    module: Module,
    folder: Path,
    *,
    devices: int | str = "auto",
    nodes: int = 1,
    accelerator: str = "auto",
    progress: bool = False,
) -> Module:
    """Train a module to its last step; a checkpoint found in ``folder`` is resumed.

    Parameters
    ----------
    module
        What is trained, with its data.
    folder
        Where checkpoint, log and figures are kept.
    devices, nodes, accelerator
        As in Lightning's Trainer. Several processes train one model on batches as many times
        larger.
    progress
        Whether to show a bar, and to print the speed at the end.

    Raises
    ------
    TooLargeError
        If the accelerator runs out of memory, saying which size of batch fits.
    ValueError
        If the checkpoint is of a run with other settings.
    FloatingPointError
        If ten steps were not finite.
    OSError
        If a checkpoint cannot be written; the one before is untouched.
    """
    config = module.config
    folder.mkdir(parents=True, exist_ok=True)
    last = find_last(folder, config)
    bfloat16 = torch.cuda.is_available() or has_bfloat16_units()
    make: Callable[..., L.Trainer] = partial(
        L.Trainer,
        accelerator=accelerator,
        precision="bf16-mixed" if bfloat16 else "32-true",
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
    )
    trainer = make(
        devices=devices,
        num_nodes=nodes,
        strategy=strategy(devices, nodes, accelerator),
        max_epochs=-(-config.steps // config.every),
        reload_dataloaders_every_n_epochs=1,
        logger=loggers(folder),
        log_every_n_steps=min(50, config.every, config.steps),
        callbacks=[
            ModelCheckpoint(
                folder,
                filename=Path(LAST).stem,
                save_on_train_epoch_end=True,
                enable_version_counter=False,
            ),
            Speed(tell=progress),
        ],
        plugins=[WholeCheckpoints()],
        enable_progress_bar=progress,
        # Without images to validate on Lightning would warn of an empty loader.
        limit_val_batches=1.0 if module.validation else 0,
    )
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Lightning's own use of PyTorch.
        warnings.filterwarnings("ignore", message=".*treespec, LeafSpec")
        warnings.filterwarnings("ignore", message=".*smaller than the logging interval")
        # One process draws patches fast enough for a CPU, see `Speed`.
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not")
        try:
            trainer.fit(module, ckpt_path=last, weights_only=True)
            return module
        except torch.OutOfMemoryError as error:
            # Without its traceback, whose frames hold on to the memory.
            trouble = error.with_traceback(None)
        fits = None
        if trainer.world_size == 1:
            fits = largest_batch(
                module, lambda trial: make(devices=1, max_epochs=1, **SILENT).fit(trial)
            )
        raise TooLargeError(config, fits) from trouble


def make_module(config: Config, data: Path) -> GeneratorModule:
    """Return the module of the configuration's phase, with its data."""
    sampler = make_sampler(config, data)
    watched = Source((config.validate,)) if config.validate else None
    validation = load_source(watched, data, config, PixelStore()) if watched else []
    if config.projected is not None:
        from .phases.projected import ProjectedModule

        return ProjectedModule(config, sampler, validation)
    if config.adversarial is None:
        return FidelityModule(config, sampler, validation)
    from .phases.adversarial import AdversarialModule

    return AdversarialModule(config, sampler, validation)


def strategy(devices: int | str, nodes: int, accelerator: str) -> str:
    """Return Lightning's strategy: DDP where there are several processes."""
    several = nodes > 1 or (isinstance(devices, int) and devices > 1)
    if not several and devices == "auto" and accelerator in ("auto", "gpu", "cuda"):
        several = torch.cuda.device_count() > 1
    return "ddp_find_unused_parameters_true" if several else "auto"


def loggers(folder: Path) -> list[Logger]:
    """Return TensorBoard and CSV, and Weights & Biases where it is installed and set up."""
    found: list[Logger] = [
        TensorBoardLogger(folder, name="tensorboard", version=""),
        # Every start of a run has a file of its own, since the logger writes none anew.
        CSVLogger(folder, name="csv"),
    ]
    if find_spec("wandb") is not None:
        from lightning.pytorch.loggers import WandbLogger

        found.append(WandbLogger(save_dir=folder, name=folder.name, project="srgan-training"))
    return found
