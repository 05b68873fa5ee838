"""Base module of all phases: generator, exponential moving average, optimisers, validation."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from napari_srgan.nn.generator import Generator, channels_last_, interpolate_

from ..config import Config
from ..data.patches import PatchDataset, PatchSampler, StepBatchSampler, StoredPair
from ..evaluation.metrics import luma, psnr
from ..losses.auxiliary import AUXILIARY
from ..losses.pixel import PIXEL, psnr_weights
from .checkpoints import settings_of
from .muon import Muon
from .nan_guard import NaNGuard

MAX_LOGGED_IMAGES = 4
"""number of validation images that are logged"""


class GeneratorModule(L.LightningModule):
    """A generator in training and the exponential moving average (EMA) of its weights.

    The averaged weights are those that are exported. An epoch has ``config.every`` steps and ends
    with a checkpoint. An interrupted run resumes from the last checkpoint with the same patches.

    Parameters
    ----------
    config
        Configuration of the run.
    sampler
        Sampler of training patches.
    validation
        Whole images for the validation, which measures PSNR of Y.
    """

    automatic_optimization = False

    def __init__(
        self, config: Config, sampler: PatchSampler, validation: Sequence[StoredPair] = ()
    ) -> None:
        super().__init__()
        self.config, self.sampler, self.validation = config, sampler, list(validation)
        self.network = initial_network(config)
        channels_last_(self.network)
        self.average = deepcopy(self.network).requires_grad_(False)
        self.guard = NaNGuard()
        self.done: Tensor
        self.register_buffer("done", torch.zeros((), dtype=torch.long))

    # -- data -------------------------------------------------------------------------------------

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        """Return a loader of the patches of the next epoch."""
        config, first = self.config, int(self.done)
        steps = StepBatchSampler(
            first,
            min(first + config.every, config.steps),
            config.batch,
            self.global_rank,
            self.trainer.world_size,
        )
        return DataLoader(
            PatchDataset(self.sampler),
            batch_sampler=steps,
            num_workers=config.workers,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Return a loader of single validation images."""
        return DataLoader(_ValidationImages(self.validation), batch_size=None)

    # -- steps ------------------------------------------------------------------------------------

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the optimisers of the generator, see `make_optimisers`."""
        return make_optimisers(self.network, self.config)

    def set_learning_rates(self, optimisers: Sequence[Any]) -> float:
        """Set the learning rates of the next step; return their factor relative to the maximum."""
        factor = lr_factor(int(self.done), self.config)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
        return factor

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the number of skipped steps and the settings of the run to a checkpoint."""
        checkpoint["skipped"] = self.guard.skipped
        checkpoint["settings"] = settings_of(self.config)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the number of skipped steps."""
        self.guard.skipped = checkpoint["skipped"]

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Save the batch normalisation statistics, which the forward pass changes."""
        self.saved_buffers = [
            (buffer, buffer.clone())
            for name, buffer in self.named_buffers()
            if not name.startswith("average.")
        ]
        self.skipped = False
        if self.config.statistics == "kept":
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def pixel_loss(self, sr: Tensor, hr: Tensor, target: Tensor | None = None) -> Tensor:
        """Return the pixel loss with all auxiliary losses, for images ``(N, C, H, W)``.

        ``target`` is the SR image of a teacher; None is HR. The weights of patches depend on HR in
        both cases.
        """
        config, target = self.config, hr if target is None else target
        difference = PIXEL[config.loss]
        if config.patch_weights == "equal":
            loss = difference(sr, target)
        else:
            each = difference(sr, target, reduction="none").mean((1, 2, 3))
            loss = (each * psnr_weights(sr, hr)).mean()
        for name, added in AUXILIARY.items():
            if weight := getattr(config, name):
                loss = loss + weight * added(sr, target, config.scale)
        return loss

    def take_step(
        self, loss: Tensor, optimisers: Sequence[Any], network: nn.Module, clip: float = 0
    ) -> None:
        """Step all optimisers of a network, unless the loss or the gradient is not finite.

        ``clip`` is the maximum norm of the gradient; 0 disables clipping.
        """
        for optimiser in optimisers:
            optimiser.zero_grad()
        self.manual_backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), clip or float("inf"))
        if self.guard.skip(loss.detach(), norm, step=int(self.done)):
            self.skipped = True
            return
        for optimiser in optimisers:
            optimiser.step()

    def finish_step(self) -> None:
        """Update the exponential moving average and count the step.

        After a skipped step the batch normalisation statistics are restored.
        """
        if self.skipped:
            for buffer, saved in self.saved_buffers:
                buffer.copy_(saved)
        # The decay is smaller in early steps, so that the initial weights lose influence quickly.
        done = int(self.done)
        update_average(self.average, self.network, min(self.config.ema, (1 + done) / (10 + done)))
        self.done += 1

    def validation_step(self, batch: tuple[Tensor, Tensor], number: int) -> None:
        """Measure PSNR of the averaged network on an image, and log the first images."""
        lr, hr = batch
        x = lr[None].to(self.device, memory_format=torch.channels_last)
        sr = self.average(x)[0].float().cpu()
        scale = self.config.scale
        measured = psnr(luma(sr.numpy()), luma(hr.cpu().numpy()), border=scale)
        self.log("psnr_y", measured, prog_bar=True, batch_size=1, sync_dist=True)
        if number < MAX_LOGGED_IMAGES:
            show_images(self, f"validation {number}", lr.cpu(), sr, hr.cpu())


class _ValidationImages(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, pairs: Sequence[StoredPair]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        pair = self.pairs[number].read()
        return torch.from_numpy(pair.lr.copy()), torch.from_numpy(pair.hr.copy())


def initial_network(config: Config) -> Generator:
    """Return the generator that a run starts from.

    From a model of another scale all parameters that both networks have are copied, except those of
    the last convolution, which operates at another resolution.
    """
    network = Generator(config.architecture)
    if config.start is None:
        return interpolate_(network, noise=0.3)
    from napari_srgan.models import load_model
    from napari_srgan.nn.channels import adapt_channels

    model = load_model(config.start)
    state = adapt_channels(model.state_dict(), config.channels)
    if model.scale != config.scale:
        old = network.state_dict()
        state = old | {k: v for k, v in state.items() if k in old and not k.startswith("tail.")}
    network.load_state_dict(state)
    return network


def lr_factor(step: int, config: Config) -> float:
    """Return the learning rate factor at ``step``: warm-up, constant phase, decay."""
    rise = (step + 1) / max(config.warmup, 1)
    fall = (config.steps - step) / max(config.decay * config.steps, 1)
    fall = max(0.0, min(1.0, fall))
    if config.schedule == "cosine":
        fall = 0.5 - 0.5 * float(torch.cos(torch.tensor(torch.pi * fall)))
    elif config.schedule == "step":
        fall = 1.0 if fall == 1 else 0.1
    return min(1.0, rise, fall)


def make_optimisers(network: nn.Module, config: Config) -> list[torch.optim.Optimizer]:
    """Return Adam for all weights, or Muon for 3×3 convolutions and Adam for the others."""

    def hidden(weight: Tensor) -> bool:
        return weight.ndim == 4 and weight.shape[-1] == 3 and config.optimiser == "muon"

    weights = list(network.parameters())
    rest = [w for w in weights if not hidden(w)]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.Adam(rest, lr=config.lr, betas=(0.9, 0.99))
    ]
    if len(rest) < len(weights):
        optimisers.append(Muon([w for w in weights if hidden(w)], lr=config.muon_lr))
    return optimisers


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Update an exponential moving average of the weights and batch normalisation statistics."""
    old, new = average.state_dict(), network.state_dict()
    for name, value in old.items():
        if value.is_floating_point():
            value.lerp_(new[name], 1 - decay)
        else:
            value.copy_(new[name])


def show_images(module: GeneratorModule, title: str, lr: Tensor, sr: Tensor, hr: Tensor) -> None:
    """Log LR (nearest neighbour), bicubic, SR and HR side by side to TensorBoard, if it is used."""
    from lightning.pytorch.loggers import TensorBoardLogger

    from napari_srgan.nn.resample import bicubic_up

    loggers = [each for each in module.loggers if isinstance(each, TensorBoardLogger)]
    if not loggers:
        return
    scale = hr.shape[-1] // lr.shape[-1]
    nearest = lr.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    bicubic = bicubic_up(lr[None], scale)[0]
    strip = torch.cat([nearest, bicubic, sr, hr], dim=-1).clamp(0, 1)
    for logger in loggers:
        logger.experiment.add_image(title, strip.expand(3, -1, -1), int(module.done))
