from __future__ import annotations

import pytest
import torch
from torch import nn

from srgan_training.networks.pixel_discriminators import PatchGAN, UNetDiscriminator


def test_pixel_discriminators_give_a_logit_for_each_place() -> None:
    x = torch.rand(2, 4, 45, 93)
    assert PatchGAN(4, 8)(x).shape == (2, 1, 5, 11)
    assert UNetDiscriminator(4, 8)(x).shape == (2, 1, 45, 93)


@pytest.mark.parametrize(("kind", "side"), [(PatchGAN, 54), (UNetDiscriminator, 0)])
def test_a_patchgan_sees_a_patch_of_the_size_that_is_said(kind: type[nn.Module], side: int) -> None:
    network = kind(1, 4)
    x = torch.rand(1, 1, 96, 96, requires_grad=True)
    logits = network(x)
    middle = logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2]
    (gradient,) = torch.autograd.grad(middle, x)
    seen = (gradient[0, 0] != 0).any(0).nonzero()
    width = int(seen.max() - seen.min()) + 1
    assert width == side if side else width > 54
