from __future__ import annotations

import pytest
import torch

from napari_srgan.nn.resample import bicubic_down, bicubic_up


def test_constants_stay_constant() -> None:
    x = torch.full((1, 2, 8, 12), 0.3)
    assert torch.allclose(bicubic_down(x, 4), torch.full((1, 2, 2, 3), 0.3))
    assert torch.allclose(bicubic_up(x, 4), torch.full((1, 2, 32, 48), 0.3))


@pytest.mark.parametrize("factor", [2, 4])
def test_pixel_edges_stay_where_they_are(factor: int) -> None:
    # A ramp along X, sampled at pixel centres, is a ramp again at the finer centres.
    width = 16
    coarse = (torch.arange(width) + 0.5).expand(1, 1, 8, width)
    fine = ((torch.arange(width * factor) + 0.5) / factor).expand(1, 1, 8 * factor, -1)
    inner = slice(3 * factor, -3 * factor)
    assert torch.allclose(bicubic_up(coarse, factor)[..., inner], fine[..., inner], atol=1e-4)
    assert torch.allclose(bicubic_down(fine, factor)[..., 3:-3], coarse[..., 3:-3], atol=1e-4)


def test_kernel_is_keys_with_a_of_minus_one_half() -> None:
    # Weights at distances 1/2 and 3/2 for a = −1/2: 9/16 and −1/16.
    x = torch.zeros(1, 1, 1, 9)
    x[..., 4] = 1
    # ×3 puts a centre on the pixel itself and 1/3 beside it.
    row = bicubic_up(x, 3)[0, 0, 0]
    assert row[13] == pytest.approx(1)
    t = 1 / 3
    assert float(row[14]) == pytest.approx(1.5 * t**3 - 2.5 * t**2 + 1, abs=1e-6)


def test_size_must_be_a_multiple() -> None:
    with pytest.raises(ValueError, match="10 × 8 is not a multiple of 4"):
        bicubic_down(torch.zeros(1, 1, 10, 8), 4)
