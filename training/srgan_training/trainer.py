"""Training of a configuration with Lightning."""

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
from .phases.base import GeneratorModule, initial_network
from .phases.batch_size import TooLargeError, largest_batch
from .phases.checkpoints import LAST, AtomicCheckpoints, find_last
from .phases.fidelity import FidelityModule
from .phases.throughput import Speed

SILENT: dict[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "limit_val_batches": 0,
}
"""options of a Trainer that writes no files and shows no progress"""

Module = TypeVar("Module", bound=GeneratorModule)


def train(config: Config, data: Path, folder: Path, **options: Any) -> GeneratorModule:
    """Train a configuration to its last step.

    Parameters
    ----------
    config
        Configuration of the run.
    data
        Folder that the configuration's paths are relative to.
    folder, options
        Arguments of `run`.
    """
    # Errors are raised before the data are read, which may take long.
    find_last(folder, config)
    initial_network(config)
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
    """Train a module to its last step, resuming from a checkpoint in ``folder`` if there is one.

    Parameters
    ----------
    module
        Module with its data.
    folder
        Folder for checkpoint and logs.
    devices, nodes, accelerator
        Arguments of Lightning's Trainer. The effective batch size is multiplied by the number of
        processes.
    progress
        Whether to show a progress bar, and to print the throughput at the end.

    Raises
    ------
    TooLargeError
        If the accelerator runs out of memory; the message suggests a batch size.
    ValueError
        If the checkpoint belongs to a run with different settings.
    FloatingPointError
        If the loss or gradient was not finite in ten steps.
    OSError
        If a checkpoint cannot be written; the previous one is kept.
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
            Speed(verbose=progress),
        ],
        plugins=[AtomicCheckpoints()],
        enable_progress_bar=progress,
        # Lightning warns of an empty loader without validation images.
        limit_val_batches=1.0 if module.validation else 0,
    )
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Lightning itself uses a deprecated function of PyTorch.
        warnings.filterwarnings("ignore", message=".*treespec, LeafSpec")
        warnings.filterwarnings("ignore", message=".*smaller than the logging interval")
        # One process usually draws patches fast enough; `Speed` reports when it does not.
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not")
        try:
            trainer.fit(module, ckpt_path=last, weights_only=True)
            return module
        except torch.OutOfMemoryError as error:
            # The frames of the traceback keep references to tensors and so to their memory.
            out_of_memory = error.with_traceback(None)
        fits = None
        if trainer.world_size == 1:
            fits = largest_batch(
                module, lambda trial: make(devices=1, max_epochs=1, **SILENT).fit(trial)
            )
        raise TooLargeError(config, fits) from out_of_memory


def make_module(config: Config, data: Path) -> GeneratorModule:
    """Return the module for the phase of a configuration, with its data."""
    sampler = make_sampler(config, data)
    validation_source = Source((config.validate,)) if config.validate else None
    validation = (
        load_source(validation_source, data, config, PixelStore()) if validation_source else []
    )
    if config.projected is not None:
        from .phases.projected import ProjectedModule

        return ProjectedModule(config, sampler, validation)
    if config.adversarial is None:
        return FidelityModule(config, sampler, validation)
    from .phases.adversarial import AdversarialModule

    return AdversarialModule(config, sampler, validation)


def strategy(devices: int | str, nodes: int, accelerator: str) -> str:
    """Return the Lightning strategy: DDP for several processes, otherwise ``auto``."""
    several = nodes > 1 or (isinstance(devices, int) and devices > 1)
    if not several and devices == "auto" and accelerator in ("auto", "gpu", "cuda"):
        several = torch.cuda.device_count() > 1
    return "ddp_find_unused_parameters_true" if several else "auto"


def loggers(folder: Path) -> list[Logger]:
    """Return loggers for TensorBoard, CSV and, if it is installed, Weights & Biases."""
    active: list[Logger] = [
        TensorBoardLogger(folder, name="tensorboard", version=""),
        # The logger cannot append, so that each start of a run has a separate file.
        CSVLogger(folder, name="csv"),
    ]
    if find_spec("wandb") is not None:
        from lightning.pytorch.loggers import WandbLogger

        active.append(WandbLogger(save_dir=folder, name=folder.name, project="srgan-training"))
    return active
