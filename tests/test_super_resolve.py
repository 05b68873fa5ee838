from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr

import napari_srgan as ns
from napari_srgan import result_storage as results
from napari_srgan.models import save_model
from tests.conftest import MakeModel

rng = np.random.default_rng(0)


def test_an_array_comes_out_finer_with_its_own_dtype(make_identity: MakeModel) -> None:
    image = rng.integers(0, 4095, (2, 20, 30), "uint16")
    result = ns.super_resolve(image, make_identity(), axes="ZYX", precision="float32")
    assert isinstance(result, np.ndarray)
    assert np.array_equal(result, image.repeat(4, 1).repeat(4, 2))


def test_lists_are_taken_as_arrays(make_identity: MakeModel) -> None:
    result = ns.super_resolve([[1.0, 2.0], [3.0, 4.0]], make_identity(scale=2), precision="float32")
    assert result.tolist()[0] == [1, 1, 2, 2]


@pytest.mark.parametrize("kind", ["dask", "zarr"])
def test_lazy_in_lazy_out(make_model: MakeModel, kind: str) -> None:
    image = rng.integers(0, 255, (2, 2, 50, 60), "uint8")
    source: Any = da.from_array(image, chunks=(1, 1, 25, 20))
    if kind == "zarr":
        source = zarr.array(image, chunks=(1, 1, 25, 20))
    model = make_model()
    result = ns.super_resolve(source, model, axes="TCYX", tile=24)
    assert isinstance(result, da.Array)
    assert result.shape == (2, 2, 200, 240)
    assert result.dtype == np.uint8
    assert len(result.chunks[2]) > 1
    expected = ns.super_resolve(image, model, axes="TCYX")
    assert np.abs(result.compute().astype(int) - expected).max() <= 1
    part = result[1, 0, 40:90, 7:33].compute()
    assert np.array_equal(part, result.compute()[1, 0, 40:90, 7:33])


def test_lazy_colour_with_alpha(make_model: MakeModel) -> None:
    image = rng.integers(0, 255, (40, 45, 4), "uint8")
    model = make_model(3)
    lazy = ns.super_resolve(da.from_array(image, chunks=(16, 16, 4)), model, tile=20)
    expected = ns.super_resolve(image, model)
    assert np.abs(lazy.compute().astype(int) - expected).max() <= 1


def test_auto_takes_the_model_for_the_channels(own_models: Path, make_identity: MakeModel) -> None:
    own_models.mkdir()
    for channels, name in ((1, "gray-x4"), (3, "general-x4")):
        model = make_identity(channels)
        card = ns.ModelCard(name, model.network.config)
        save_model(own_models / name, model.state_dict(), card)
    from napari_srgan.options import Options
    from napari_srgan.upscale import plan_for

    grey, colour = np.zeros((9, 9), "uint8"), np.zeros((9, 9, 3), "uint8")
    assert plan_for(grey, "auto", Options()).model.card.name == "gray-x4"
    assert plan_for(colour, "auto", Options()).model.card.name == "general-x4"
    assert plan_for(colour, "auto", Options(axes="ZYX")).model.card.name == "gray-x4"


@pytest.mark.parametrize(
    ("image", "options", "error", "message"),
    [
        (np.zeros((9, 9), bool), {}, TypeError, "bool; allowed are integers and floats"),
        (np.zeros((9, 9), complex), {}, TypeError, "complex128; allowed"),
        (np.array([["a"]]), {}, TypeError, "allowed are integers and floats"),
        (np.zeros(9), {}, ValueError, "needs two axes or more"),
        (np.zeros((0, 9)), {}, ValueError, "empty: Y=0"),
        (np.zeros((9, 9)), {"axes": "ZYX"}, ValueError, "names 3 axes, but the image has 2"),
        (np.zeros((9, 9)), {"tile": 0}, ValueError, "tile=0; allowed"),
        (np.zeros((9, 9)), {"device": "cuda:7"}, ValueError, "is not there"),
        (np.zeros((9, 9)), {"normalise": "max"}, ValueError, "normalise='max'; allowed"),
        (np.zeros((9, 9)), {"volume": "cubes"}, ValueError, "volume='cubes'; allowed"),
        (np.zeros((9, 9)), {"consistency": -1}, ValueError, "consistency=-1"),
        (np.zeros((9, 9)), {"detail": 0.5}, ValueError, "detail=0.5 with a loaded model"),
    ],
)
def test_bad_input_is_named(
    make_model: MakeModel,
    image: Any,
    options: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    before = image.copy()
    with pytest.raises(error, match=message):
        ns.super_resolve(image, make_model(), **options)
    assert np.array_equal(image, before)


@pytest.mark.parametrize(
    ("axes", "shape"), [("CYX", (2, 9, 9)), ("CYX", (5, 9, 9)), ("YX", (9, 9))]
)
def test_a_colour_model_takes_other_channels_one_by_one(
    make_model: MakeModel, axes: str, shape: tuple[int, ...]
) -> None:
    image = rng.random(shape, dtype="float32")
    model = make_model(3)
    # All colours within what a pixel may become.
    model.network.tail.weight *= 0.1
    result = ns.super_resolve(image, model, axes=axes, normalise="none", precision="float32")
    planes = zip(image.reshape(-1, 9, 9), result.reshape(-1, 36, 36), strict=True)
    for plane, finer in planes:
        grey = np.stack([plane] * 3, -1)
        colours = ns.super_resolve(grey, model, axes="YXS", normalise="none", precision="float32")
        assert np.ptp(colours, -1).max() > 1e-3
        assert np.abs(colours.mean(-1) - finer).max() <= 1e-5


def test_channels_that_do_not_fit_are_named(make_model: MakeModel) -> None:
    with pytest.raises(ValueError, match="the model takes 5 channels at once"):
        ns.super_resolve(np.zeros((9, 9)), make_model(5))


@pytest.mark.parametrize("channels", [2, 5])
def test_bands_go_through_a_one_channel_model_one_by_one(
    make_model: MakeModel, channels: int
) -> None:
    bands = rng.integers(0, 60000, (channels, 20, 24), "uint16")
    model = make_model()
    result = ns.super_resolve(bands, model, axes="CYX")
    for band, finer in zip(bands, result, strict=True):
        alone = ns.super_resolve(band, model).astype(int)
        assert np.abs(alone - finer).max() <= 1


def test_a_result_that_memory_does_not_hold_is_refused_before_the_run(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "free_ram", lambda: 300 << 20)
    with pytest.raises(MemoryError, match=r"result has shape \(8000, 8000\).*0.3 GiB of memory"):
        ns.super_resolve(np.zeros((2000, 2000), "uint16"), make_model())


def test_progress_is_shown_when_asked_for(
    make_identity: MakeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    image = rng.integers(0, 255, (20, 20), "uint8")
    ns.super_resolve(image, make_identity())
    assert capsys.readouterr().out == ""
    ns.super_resolve(image, make_identity(), progress=True)
