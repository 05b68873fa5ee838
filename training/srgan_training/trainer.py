"""A training from its configuration to its last step, by Lightning."""

from __future__ import annotations

import logging
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from napari_srgan.engine.device import has_bfloat16_units

from .config import Config, Source
from .data import load_source, make_sampler
from .fidelity import FidelityModule
from .module import GeneratorModule

LAST = "last.ckpt"


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
        Whether to show a bar.
    """
    config = module.config
    folder.mkdir(parents=True, exist_ok=True)
    last = folder / LAST
    trainer = L.Trainer(
        accelerator=accelerator,
        devices=devices,
        num_nodes=nodes,
        strategy=strategy(devices, nodes, accelerator),
        precision="bf16-mixed" if torch.cuda.is_available() or has_bfloat16_units() else "32-true",
        max_epochs=-(-config.steps // config.every),
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        logger=loggers(folder),
        log_every_n_steps=min(50, config.every, config.steps),
        callbacks=[
            ModelCheckpoint(
                folder,
                filename=Path(LAST).stem,
                save_on_train_epoch_end=True,
                enable_version_counter=False,
            ),
            Speed(),
        ],
        enable_progress_bar=progress,
        enable_model_summary=False,
    )
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Lightning's own use of PyTorch.
        warnings.filterwarnings("ignore", message=".*treespec, LeafSpec")
        warnings.filterwarnings("ignore", message=".*smaller than the logging interval")
        # One process draws patches fast enough for a CPU, see `Speed`.
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not")
        trainer.fit(module, ckpt_path=last if last.exists() else None, weights_only=True)
    return module


def make_module(config: Config, data: Path) -> GeneratorModule:
    """Return the module of the configuration's phase, with its data."""
    sampler = make_sampler(config, data)
    validation = load_source(Source((config.validate,)), data, config) if config.validate else []
    if config.adversarial is None:
        return FidelityModule(config, sampler, validation)
    from .adversarial import AdversarialModule

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


class Speed(Callback):
    """Measures steps per second and how much of the time the network waits for patches."""

    def __init__(self) -> None:
        self.steps = 0
        self.waiting = self.working = 0.0
        self._since = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Begin to wait for the first batch."""
        self._since = time.perf_counter()

    def on_train_batch_start(
        self, trainer: L.Trainer, module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Take the time since the last step as waiting."""
        now = time.perf_counter()
        self.waiting += now - self._since
        self._since = now

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count a step."""
        now = time.perf_counter()
        self.working += now - self._since
        self.steps += 1
        self._since = now

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Log the figures."""
        module.log("steps_per_second", self.steps_per_second)
        module.log("waiting", self.share_of_waiting)

    @property
    def steps_per_second(self) -> float:
        """Steps a second, waiting included."""
        return self.steps / max(self.waiting + self.working, 1e-9)

    @property
    def share_of_waiting(self) -> float:
        """Part of the time in which the network waited for patches."""
        return self.waiting / max(self.waiting + self.working, 1e-9)
