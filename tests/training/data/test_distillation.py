from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_srgan.models import load_model, save_model
from srgan_training.config import Adversarial, Config
from srgan_training.data.datasets import load_source, make_sampler
from srgan_training.data.distillation import self_ensemble
from srgan_training.data.patches import PatchDataset, PatchSampler, StoredPair
from srgan_training.images import PixelStore
from srgan_training.phases.fidelity import FidelityModule
from srgan_training.projected_config import Projected
from srgan_training.upscaling import enlarge
from tests.conftest import MakeModel

from ..phases.test_fidelity import CONFIG, trained


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_student_learns_what_its_teacher_does(
    data: Path, tmp_path: Path, make_identity: MakeModel, share: float
) -> None:
    teacher = make_identity(3, 2)
    with torch.no_grad():
        assert teacher.network.tail.bias is not None
        teacher.network.tail.bias += 0.2
    path = save_model(tmp_path / "teacher", teacher.state_dict(), teacher.card)
    config = replace(
        CONFIG,
        name="student",
        upsampling="direct",
        teacher=str(path),
        teacher_share=share,
        steps=80,
        every=80,
        validate=None,
    )
    student = trained(config, data, tmp_path / "runs").average.eval()
    lr = torch.stack([patch[0] for patch in patches(config, data)])
    with torch.no_grad():
        brighter = float((student(lr) - lr.repeat_interleave(2, 2).repeat_interleave(2, 3)).mean())
    assert brighter == pytest.approx(0.2 * share, abs=0.04)


def patches(config: Config, data: Path) -> list[tuple[torch.Tensor, ...]]:
    sampler = make_sampler(config, data)
    return [PatchDataset(sampler)[number] for number in range(10)]


def test_a_self_ensemble_turns_and_flips_with_the_image(make_model: MakeModel) -> None:
    model = make_model(3, 2, features=8, blocks=1)
    lr = np.random.default_rng(0).random((3, 10, 14), np.float32)
    one, ensemble = (self_ensemble(lr, model, transforms) for transforms in (1, 8))
    np.testing.assert_array_equal(one, enlarge(lr, model, eight_bit=False, limited=False))
    assert np.abs(one - ensemble).max() > 1e-3
    # The self-ensemble is equivariant to flips and transposition, which the model is not.
    np.testing.assert_allclose(
        self_ensemble(lr[:, ::-1], model, 8), ensemble[:, ::-1], rtol=0, atol=1e-6
    )
    turned = np.ascontiguousarray(lr.swapaxes(1, 2)[:, ::-1])
    np.testing.assert_allclose(
        self_ensemble(turned, model, 8), ensemble.swapaxes(1, 2)[:, ::-1], rtol=0, atol=1e-6
    )


def test_a_patch_of_a_teacher_lies_where_its_hr_does(data: Path, make_model: MakeModel) -> None:
    # Patches are cropped, flipped and jittered alike: the SR of the teacher is HR itself here.
    sources = [load_source(CONFIG.sources[0], data, CONFIG, PixelStore())]
    pairs = [replace(pair, teacher_sr=pair.hr) for pair in sources[0]]
    sampler = PatchSampler([pairs], [1], scale=CONFIG.scale, patch=8, intensity=0.5)
    _, hr, teacher_sr = sampler.batch(40)
    torch.testing.assert_close(teacher_sr, hr)


def test_a_teacher_of_another_scale_is_refused(
    data: Path, tmp_path: Path, make_model: MakeModel
) -> None:
    teacher = make_model(3, 4, features=8, blocks=1)
    path = save_model(tmp_path / "teacher", teacher.state_dict(), teacher.card)
    with pytest.raises(ValueError, match="is ×4 with 3 channels; tiny is ×2 with 3"):
        trained(replace(CONFIG, teacher=str(path)), data, tmp_path / "runs")


def test_a_source_may_have_a_teacher_of_its_own(
    data: Path, tmp_path: Path, make_model: MakeModel, make_identity: MakeModel
) -> None:
    models = [make_model(3, 2), make_identity(3, 2)]
    paths = [
        str(save_model(tmp_path / f"teacher{i}", model.state_dict(), model.card))
        for i, model in enumerate(models)
    ]
    own = replace(CONFIG.sources[0], teacher=paths[1])
    config = replace(CONFIG, sources=(CONFIG.sources[0], own), teacher=paths[0])
    sampler = make_sampler(config, data)
    for pairs, path in zip(sampler.sources, paths, strict=True):
        pair = pairs[0]
        assert isinstance(pair, StoredPair)
        assert pair.teacher_sr is not None
        expected = enlarge(pair.lr[:], load_model(path), eight_bit=False, limited=False)
        np.testing.assert_allclose(pair.teacher_sr[:], expected, rtol=2e-3, atol=1e-3)


def test_a_source_without_a_teacher_is_learnt_from_hr_alone(
    data: Path, tmp_path: Path, make_model: MakeModel
) -> None:
    model = make_model(3, 2)
    path = str(save_model(tmp_path / "teacher", model.state_dict(), model.card))
    teacher_sr = replace(CONFIG.sources[0], teacher=path)
    config = replace(CONFIG, sources=(CONFIG.sources[0], teacher_sr))
    batch = [part.numpy() for part in make_sampler(config, data).batch(24)]
    as_hr = np.array([np.array_equal(hr, third) for hr, third in zip(*batch[1:], strict=True)])
    assert 0 < as_hr.sum() < len(as_hr)


def test_hr_says_how_much_a_patch_counts_and_the_teacher_what_is_learnt(data: Path) -> None:
    config = replace(CONFIG, loss="mse", patch_weights="psnr")
    module = FidelityModule(config, make_sampler(config, data))
    hr = torch.zeros(2, 3, 16, 16)
    sr = torch.stack([torch.full((3, 16, 16), level) for level in (0.1, 0.3)])
    target = sr + torch.tensor([0.1, 0.2])[:, None, None, None]
    # The second patch is nine times as far from HR, and counts a ninth of the first.
    loss = module.pixel_loss(sr, hr, target)
    assert float(loss) == pytest.approx((0.9 * 0.1**2 + 0.1 * 0.2**2), rel=0.02)
    assert float(loss) != pytest.approx(float(module.pixel_loss(sr, target)), rel=0.1)


def test_the_adversarial_phase_refuses_a_teacher(data: Path) -> None:
    config = replace(CONFIG, teacher="general-x4", adversarial=Adversarial())
    with pytest.raises(ValueError, match="the adversarial phase takes none"):
        make_sampler(config, data)


@pytest.mark.parametrize("of_a_source", [False, True])
def test_the_projected_phase_refuses_a_teacher(data: Path, of_a_source: bool) -> None:
    config = replace(CONFIG, patch=32, projected=Projected())
    source = config.sources[0]
    if of_a_source:
        config = replace(config, sources=(source, replace(source, teacher="general-x4")))
    else:
        config = replace(config, teacher="general-x4")
    with pytest.raises(ValueError, match=r"takes none: leave out 'teacher', or 'projected' to"):
        make_sampler(config, data)


def test_a_teacher_is_refused_before_images_are_read(tmp_path: Path) -> None:
    config = replace(CONFIG, patch=32, teacher="general-x4", projected=Projected())
    with pytest.raises(ValueError, match="tiny: has a teacher"):
        make_sampler(config, tmp_path / "no data")
