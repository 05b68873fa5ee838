"""A training that meets trouble: numbers that are not finite, full disks, too little memory."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from srgan_training.config import Adversarial, Config
from srgan_training.data.datasets import make_sampler
from srgan_training.phases.adversarial import AdversarialModule
from srgan_training.phases.batch_size import TooLargeError
from srgan_training.phases.checkpoints import AtomicCheckpoints
from srgan_training.phases.fidelity import FidelityModule
from srgan_training.phases.throughput import Speed
from srgan_training.trainer import run, train
from tests.conftest import a_disk_with_room_for
from tests.training.phases.test_fidelity import CONFIG


class Poisoned:
    """Makes the patches of some steps infinite."""

    bad: tuple[int, ...] = ()

    def training_step(self, batch: tuple[Tensor, ...], number: int) -> None:
        lr, hr = batch
        if int(self.done) in self.bad:  # type: ignore[attr-defined]
            lr = torch.full_like(lr, float("inf"))
        super().training_step((lr, hr), number)  # type: ignore[misc]


class PoisonedFidelity(Poisoned, FidelityModule):
    pass


class PoisonedAdversarial(Poisoned, AdversarialModule):
    pass


PHASES = [
    (PoisonedFidelity, CONFIG),
    (PoisonedAdversarial, replace(CONFIG, adversarial=Adversarial(features=4))),
]


@pytest.mark.parametrize(("kind", "config"), PHASES)
def test_a_step_that_is_not_finite_leaves_the_network_as_it_was(
    kind: Any, config: Config, data: Path, tmp_path: Path
) -> None:
    module = kind(replace(config, steps=4, every=4), make_sampler(config, data))
    module.bad = (0, 1, 2, 3)
    before = {k: v.clone() for k, v in module.state_dict().items() if k != "done"}
    run(module, tmp_path, accelerator="cpu", devices=1)
    assert int(module.done) == 4
    assert module.guard.skipped >= 4
    for name, value in before.items():
        assert torch.equal(value, module.state_dict()[name]), name


def test_the_tenth_such_step_ends_the_run(data: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, steps=20, every=20)
    module = PoisonedFidelity(config, make_sampler(config, data))
    module.bad = tuple(range(2, 20))
    with pytest.raises(
        FloatingPointError, match="not finite in 10 steps, the last of them step 11"
    ):
        run(module, tmp_path, accelerator="cpu", devices=1)


class Small(FidelityModule):
    """Stands on an accelerator with memory for three patches."""

    def training_step(self, batch: tuple[Tensor, ...], number: int) -> None:
        if len(batch[0]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        super().training_step(batch, number)


class Tiny(Small):
    """Has memory for none."""

    def training_step(self, batch: tuple[Tensor, ...], number: int) -> None:
        super().training_step(tuple(torch.cat([p] * 4) for p in batch), number)


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (Small, "a batch of 2 does: --set batch=2"),
        (Tiny, "not even one does: take smaller patches"),
    ],
)
def test_the_batch_that_fits_is_named(kind: Any, advice: str, data: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, batch=8)
    module = kind(config, make_sampler(config, data))
    with pytest.raises(TooLargeError, match=advice) as caught:
        run(module, tmp_path, accelerator="cpu", devices=1)
    assert "8 patches of 8 × 8 do not fit" in str(caught.value)


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    write = AtomicCheckpoints().save_checkpoint
    write({"step": torch.tensor(1)}, str(path))
    with a_disk_with_room_for(20_000), pytest.raises(OSError) as caught:
        write({"step": torch.zeros(100_000)}, str(path))
    assert caught.value.errno == errno.EFBIG
    assert (
        f"a checkpoint could not be written (File too large); the one before, {path}, is whole"
        in str(caught.value)
    )
    assert int(torch.load(path, weights_only=True)["step"]) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_checkpoints_are_written_by_what_keeps_the_last_one(data: Path, tmp_path: Path) -> None:
    module = train(replace(CONFIG, steps=4), data, tmp_path, accelerator="cpu", devices=1)
    (plugin,) = [module.trainer.strategy.checkpoint_io]
    assert isinstance(plugin, AtomicCheckpoints)


def test_the_speed_is_told(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(replace(CONFIG, steps=4), data, tmp_path, accelerator="cpu", devices=1, progress=True)
    text = capsys.readouterr().out
    assert "steps/s; the network waited for patches in" in text
    starving = Speed()
    starving.steps, starving.waiting, starving.working = 10, 4.0, 1.0
    assert starving.summary.startswith("2.00 steps/s; the network waited for patches in 80.0%")
    assert "--set workers=4" in starving.summary
