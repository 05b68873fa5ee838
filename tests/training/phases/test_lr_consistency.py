from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from srgan_training.config import Source
from srgan_training.degradations.chain import parse_degradation
from srgan_training.phases.lr_consistency import differentiable_reduction
from tests.training.phases.test_fidelity import CONFIG


@pytest.mark.parametrize(
    "spec",
    [
        "bicubic",
        "area",
        {"kind": "gaussian_psf", "mtf": 0.3},
        {"kind": "gaussian_psf", "sigma_y": 0.4, "sigma_x": 0.9},
        [{"kind": "gaussian_psf", "sigma": 0.5, "decimate": False}, "area"],
    ],
)
def test_the_reduction_is_that_of_the_degradation(spec: Any) -> None:
    config = replace(CONFIG, scale=4, degradation=spec)
    image = np.random.default_rng(0).random((3, 24, 32), np.float32)
    expected = parse_degradation(spec)(image, np.random.default_rng(0), 4)
    x = torch.from_numpy(image[None]).requires_grad_()
    found = differentiable_reduction(config)(x)
    assert np.allclose(found[0].detach().numpy(), expected, atol=1e-6)
    (gradient,) = torch.autograd.grad(found.sum(), x)
    assert float(gradient.abs().min()) > 0


def test_noise_and_rounding_are_left_out() -> None:
    noisy = ["area", {"kind": "poisson_gaussian", "read": 0.1}, "round8"]
    x = torch.rand(1, 3, 8, 8)
    plain = differentiable_reduction(replace(CONFIG, degradation="area"))
    assert torch.equal(differentiable_reduction(replace(CONFIG, degradation=noisy))(x), plain(x))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"degradation": "real_esrgan"}, "the second-order degradation .* is no fixed weighting"),
        ({"degradation": {"kind": "gaussian_psf", "sigma": (0.3, 0.6)}}, "is no fixed weighting"),
        ({"sources": (Source(("HR",), lr=("LR",)),)}, "LR images that are read came about"),
        (
            {"sources": (Source(("a",)), Source(("b",), degradation="area"))},
            "different degradations",
        ),
    ],
)
def test_what_cannot_be_reduced_alike_is_said(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"{message}.*; set consistency_weight to 0"):
        differentiable_reduction(replace(CONFIG, **changes))
