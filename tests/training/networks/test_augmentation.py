from __future__ import annotations

import pytest
import torch

from srgan_training.networks.augmentation import KINDS, draw


@pytest.mark.parametrize("kind", KINDS)
def test_augmentation_is_the_same_for_the_same_seed_and_lets_gradients_through(kind: str) -> None:
    x = torch.rand(4, 3, 24, 32, requires_grad=True)
    change = draw([kind], x.shape, (0, 5))  # type: ignore[list-item]
    y = change(x)
    assert y.shape == x.shape
    assert not torch.equal(x, y)
    assert torch.equal(y, draw([kind], x.shape, (0, 5))(x))  # type: ignore[list-item]
    assert not torch.equal(y, draw([kind], x.shape, (0, 6))(x))  # type: ignore[list-item]
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    assert float(gradient.abs().sum()) > 0
    assert torch.equal(draw([], x.shape, (0, 5))(x), x)


def test_augmentation_does_what_its_name_says() -> None:
    x = torch.rand(8, 3, 32, 32) + 1
    shift = draw(["translation"], x.shape, (1,))
    assert shift.shifts is not None
    for image, moved, (dy, dx) in zip(x, shift(x), shift.shifts.tolist(), strict=True):
        assert max(abs(dy), abs(dx)) <= 4
        there = image[:, max(0, -dy) : 32 - max(0, dy), max(0, -dx) : 32 - max(0, dx)]
        here = moved[:, max(0, dy) : 32 - max(0, -dy), max(0, dx) : 32 - max(0, -dx)]
        assert torch.equal(here, there)
    cut = draw(["cutout"], x.shape, (1,))(x)
    holes = (cut == 0).all(1).sum((1, 2))
    assert int(holes.min()) >= 8 * 8
    assert int(holes.max()) <= 16 * 16
    assert torch.equal(cut[cut > 0], x[cut > 0])
    grey = torch.full((8, 3, 8, 8), 0.5)
    flat = draw(["colour"], grey.shape, (1,))(grey)
    assert torch.allclose(flat, flat.mean((1, 2, 3), keepdim=True).expand_as(flat))
    assert 0 <= float(flat.min()) < float(flat.max()) <= 1
