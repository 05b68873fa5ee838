"""Float32 is not rounded to TF32 while a network computes, and torch is left as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest
import torch

from napari_srgan import super_resolve
from napari_srgan.engine.exact import exactly, whole_float32
from napari_srgan.nn.inference import InferenceGenerator


def allowed() -> bool:
    return bool(torch.backends.cudnn.allow_tf32)


@pytest.fixture(params=[True, False], autouse=True)
def before(request: Any) -> Iterator[bool]:
    own = allowed()
    torch.backends.cudnn.allow_tf32 = request.param
    yield request.param
    torch.backends.cudnn.allow_tf32 = own


def test_a_network_computes_without_tf32(
    before: bool, make_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    pixels = InferenceGenerator.pixels

    def spy(self: Any, *arguments: Any) -> Any:
        seen.append(allowed())
        return pixels(self, *arguments)

    monkeypatch.setattr(InferenceGenerator, "pixels", spy)
    for precision in ("float32", "bfloat16"):
        super_resolve(np.zeros((20, 20), "uint16"), make_model(1, 2), precision=precision)
    assert seen
    assert not any(seen)
    assert allowed() == before


def test_between_stages_it_is_as_it_was(before: bool) -> None:
    def stages() -> Any:
        assert not allowed()
        yield 0.5
        assert not allowed()
        return torch.ones(1)

    going = exactly(stages())
    assert next(going) == 0.5
    assert allowed() == before
    with pytest.raises(StopIteration):
        next(going)
    assert allowed() == before


def test_an_error_puts_it_back(before: bool) -> None:
    with pytest.raises(ZeroDivisionError), whole_float32():
        raise ZeroDivisionError
    assert allowed() == before


def test_two_threads_do_not_disturb_each_other(before: bool) -> None:
    both_in, first_out = Barrier(2, timeout=10), Barrier(2, timeout=10)
    seen = []

    def early() -> None:
        with whole_float32():
            both_in.wait()
        first_out.wait()

    def late() -> None:
        with whole_float32():
            both_in.wait()
            first_out.wait()
            seen.append(allowed())

    threads = [Thread(target=work) for work in (early, late)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [False]
    assert allowed() == before
