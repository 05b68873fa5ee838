from __future__ import annotations

import math

import pytest
import torch

from srgan_training.phases.nan_guard import NaNGuard


def test_guard_skips_what_is_not_finite_and_counts() -> None:
    guard = NaNGuard()
    assert not guard.skip(1.0, torch.tensor(3.0), step=0)
    assert guard.skip(1.0, torch.tensor(float("nan")), step=1)
    assert guard.skip(float("inf"), step=2)
    assert guard.skip(torch.tensor(float("-inf")), 0.0, step=3)
    assert not guard.skip(1e30, step=4)
    assert guard.skipped == 3


def test_guard_gives_up_at_the_tenth_skip_however_far_apart() -> None:
    guard = NaNGuard(limit=10)
    for step in range(0, 90, 10):
        assert guard.skip(math.nan, step=step)
        assert not guard.skip(0.5, step=step + 1)
    with pytest.raises(FloatingPointError, match=r"10 steps, the last of them step 123;"):
        guard.skip(math.nan, step=123)
    with pytest.raises(ValueError, match="limit is 0"):
        NaNGuard(0)
