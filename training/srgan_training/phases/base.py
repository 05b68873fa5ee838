"""What both phases share: the generator, its average, its optimisers, validation."""

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
from ..data.patches import (
    PatchDataset,
    PatchSampler,
    StepBatchSampler,
    StoredPair,
)
from ..evaluation.metrics import luma, psnr
from ..losses.auxiliary import AUXILIARY
from ..losses.pixel import PIXEL, psnr_weights
from .checkpoints import settings_of
from .muon import Muon
from .nan_guard import NaNGuard

SHOWN = 4
"""validation images that are shown in the log"""


class GeneratorModule(L.LightningModule):
    """A generator in training, with an average of its weights that is what will be shipped.

    An epoch is ``config.every`` steps; a checkpoint is written after each, and a run that was
    killed begins again at the last one, with the same patches.

    Parameters
    ----------
    config
        What to train and how.
    sampler
        Draws the patches.
    validation
        Whole images whose Y PSNR is followed.
    """

    automatic_optimization = False

    def __init__(
        self, config: Config, sampler: PatchSampler, validation: Sequence[StoredPair] = ()
    ) -> None:
        super().__init__()
        self.config, self.sampler, self.validation = config, sampler, list(validation)
        self.network = start(config)
        channels_last_(self.network)
        self.average = deepcopy(self.network).requires_grad_(False)
        self.guard = NaNGuard()
        self.done: Tensor
        self.register_buffer("done", torch.zeros((), dtype=torch.long))

    # -- data -------------------------------------------------------------------------------------

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        """Return the patches of the next epoch."""
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
        """Return the validation images one by one."""
        return DataLoader(_Whole(self.validation), batch_size=None)

    # -- steps ------------------------------------------------------------------------------------

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Adam for every weight, or Muon for the 3×3 convolutions and Adam for the rest."""
        return make_optimisers(self.network, self.config)

    def set_rates(self, optimisers: Sequence[Any]) -> float:
        """Set the learning rates of the next step; return the factor on the highest ones."""
        factor = rate(int(self.done), self.config)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
        return factor

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep how many steps were skipped, and whose the checkpoint is."""
        checkpoint["skipped"] = self.guard.skipped
        checkpoint["settings"] = settings_of(self.config)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting where the run stopped."""
        self.guard.skipped = checkpoint["skipped"]

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Remember the statistics of batch normalisation, which the forward pass moves."""
        self.before = [
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
        """Return the configuration's loss between pixels, all of them ``(N, C, H, W)``.

        Measured against ``target``, what a teacher made, or HR itself where it is None; HR says
        how much each patch counts.
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
        """Take a step with every optimiser of a network, unless a number is not finite.

        ``clip`` is the largest norm of the gradient; 0 does not clip.
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
        """Move the average towards the network and count the step.

        Where it was skipped, the statistics of batch normalisation are put back.
        """
        if self.skipped:
            for buffer, before in self.before:
                buffer.copy_(before)
        # A young average follows fast, so that it forgets the start.
        done = int(self.done)
        update_average(self.average, self.network, min(self.config.ema, (1 + done) / (10 + done)))
        self.done += 1

    def validation_step(self, batch: tuple[Tensor, Tensor], number: int) -> None:
        """Measure the averaged network on one image and show some."""
        lr, hr = batch
        x = lr[None].to(self.device, memory_format=torch.channels_last)
        sr = self.average(x)[0].float().cpu()
        scale = self.config.scale
        measured = psnr(luma(sr.numpy()), luma(hr.cpu().numpy()), border=scale)
        self.log("psnr_y", measured, prog_bar=True, batch_size=1, sync_dist=True)
        if number < SHOWN:
            show_images(self, f"validation {number}", lr.cpu(), sr, hr.cpu())


class _Whole(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, pairs: Sequence[StoredPair]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        pair = self.pairs[number].read()
        return torch.from_numpy(pair.lr.copy()), torch.from_numpy(pair.hr.copy())


def start(config: Config) -> Generator:
    """Return the network that a run begins with.

    Of a model of another scale everything but the last convolution is taken over, as far as both
    networks have it: what lies there works on features of another size.
    """
    network = Generator(config.architecture)
    if config.start is None:
        return interpolate_(network, noise=0.3)
    from napari_srgan.models import load_model
    from napari_srgan.nn.channels import adapt_channels

    model = load_model(config.start)
    state = adapt_channels(model.state_dict(), config.channels)
    if model.scale != config.scale:
        own = network.state_dict()
        state = own | {k: v for k, v in state.items() if k in own and not k.startswith("tail.")}
    network.load_state_dict(state)
    return network


def rate(step: int, config: Config) -> float:
    """Learning rate at ``step`` relative to its highest: warm-up, constant, then a fall."""
    rise = (step + 1) / max(config.warmup, 1)
    fall = (config.steps - step) / max(config.decay * config.steps, 1)
    fall = max(0.0, min(1.0, fall))
    if config.schedule == "cosine":
        fall = 0.5 - 0.5 * float(torch.cos(torch.tensor(torch.pi * fall)))
    elif config.schedule == "step":
        fall = 1.0 if fall == 1 else 0.1
    return min(1.0, rise, fall)


def make_optimisers(network: nn.Module, config: Config) -> list[torch.optim.Optimizer]:
    """Adam for every weight, or Muon for the 3×3 convolutions and Adam for the rest."""

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
    """Move the exponential moving average towards the network (weights and BN statistics)."""
    own, new = average.state_dict(), network.state_dict()
    for name, value in own.items():
        if value.is_floating_point():
            value.lerp_(new[name], 1 - decay)
        else:
            value.copy_(new[name])


def show_images(module: GeneratorModule, title: str, lr: Tensor, sr: Tensor, hr: Tensor) -> None:
    """Log LR (nearest), bicubic, SR and HR side by side where TensorBoard is a logger."""
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
