from __future__ import annotations

import time
from collections import Counter
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr

import napari_srgan as ns
from napari_srgan.engine import source as source_module
from napari_srgan.engine.forecast import reading_seconds
from napari_srgan.engine.source import ReadOnce, read_once
from napari_srgan.options import Options
from napari_srgan.upscale import plan_stages
from tests.conftest import MakeModel

rng = np.random.default_rng(0)
IMAGE = rng.integers(0, 999, (3, 50, 70), "uint16")


class Counting:
    """An array in chunks that counts how often each is read."""

    shape, dtype, chunks = IMAGE.shape, IMAGE.dtype, (1, 20, 30)

    def __init__(self) -> None:
        self.read: Counter[tuple[int, ...]] = Counter()

    def __getitem__(self, index: Any) -> Any:
        self.read[tuple(each.start for each in index)] += 1
        return IMAGE[index]


@pytest.mark.parametrize("kind", ["dask", "zarr", "counting"])
def test_parts_are_those_of_the_array(kind: str) -> None:
    source: Any = {
        "dask": lambda: da.from_array(IMAGE, chunks=(1, (20, 13, 17), 40)),
        "zarr": lambda: zarr.array(IMAGE, chunks=(2, 20, 30)),
        "counting": Counting,
    }[kind]()
    once = read_once(source)
    assert isinstance(once, ReadOnce)
    for index in (
        (0, slice(None), slice(None)),
        (slice(0, 3), slice(19, 41), slice(69, 70)),
        (2, slice(5, 5), slice(0, 70)),
        (-1, slice(-10, None), 7),
    ):
        assert np.array_equal(once[index], IMAGE[index])


def test_each_chunk_is_read_once() -> None:
    source = Counting()
    once = read_once(source)
    for _ in range(3):
        for plane in range(3):
            assert np.array_equal(once[plane, 5:45, 10:60], IMAGE[plane, 5:45, 10:60])
    assert set(source.read.values()) == {1}
    assert len(source.read) == 3 * 3 * 2
    assert once.seconds_per_chunk is not None


def test_a_run_reads_each_chunk_once(make_model: MakeModel) -> None:
    source = Counting()
    result = ns.super_resolve(source, make_model(), axes="ZYX", tile=16)
    expected = ns.super_resolve(IMAGE, make_model(), axes="ZYX", tile=16)
    assert np.array_equal(np.asarray(result), expected)
    assert set(source.read.values()) == {1}


def test_reading_is_told_and_its_time_foretold(make_model: MakeModel) -> None:
    class Slow(Counting):
        def __getitem__(self, index: Any) -> Any:
            time.sleep(0.05)
            return super().__getitem__(index)

    source = Slow()
    steps = list(plan_stages(read_once(source), make_model(), Options(axes="ZYX")))
    assert steps
    assert all(step.stage == "reading" and 0 < step.done <= 1 for step in steps)
    assert 0.05 * 18 <= reading_seconds(source) < 2 * 0.05 * 18
    assert reading_seconds(IMAGE) == 0


def test_no_more_is_kept_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "MOST_BYTES", 3 * 20 * 30 * 2)
    source = Counting()
    once = read_once(source)
    assert np.array_equal(once[0, :, :], IMAGE[0])
    assert np.array_equal(once[0, :, :], IMAGE[0])
    assert max(source.read.values()) == 2


def test_what_has_no_chunks_is_left_as_it_is() -> None:
    assert read_once(IMAGE) is IMAGE
    unchunked = IMAGE.view()
    assert read_once(unchunked) is unchunked
