from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points
from skimage.registration import phase_cross_correlation

import napari_srgan as ns
from napari_srgan import result_storage as results
from napari_srgan.nn.generator import Generator, GeneratorConfig, interpolate_
from tests.conftest import MakeModel

rng = np.random.default_rng(0)


def corners(layer: Image) -> npt.NDArray[np.float64]:
    """Return the world positions of the corners of a layer's pixel edges."""
    shape = layer.data.shape[: layer.ndim]
    edges = np.meshgrid(*[(-0.5, n - 0.5) for n in shape], indexing="ij")
    points = np.stack([e.ravel() for e in edges], 1)
    return np.array([layer.data_to_world(p) for p in points])


def assert_covers(finer: Image, source: Image) -> None:
    """The corners agree to 1e-6 of the smallest pixel; planes are resampled along Y and X only."""
    data = np.asarray(source.scale)
    moved = np.abs(corners(finer) - corners(source)).max(initial=0)
    assert moved <= 1e-6 * max(float(np.abs(data).max()), 1.0)


def identity(scale: int) -> ns.Model:
    network = interpolate_(Generator(GeneratorConfig(1, scale, 2, 0))).eval()
    return ns.Model(network, ns.ModelCard("identity", network.config))


number = st.floats(-50, 50).filter(lambda x: abs(x) > 1e-3)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing is being requested")
@given(st.integers(2, 5), st.sampled_from([2, 4, 8]), st.data())
def test_layer_lands_on_its_source(ndim: int, factor: int, data: st.DataObject) -> None:
    shape = (2, 2, 2, 3, 4)[-ndim:]
    draw = data.draw
    turn = draw(st.floats(-180, 180))
    linear = np.eye(ndim) + 0.3 * np.array(
        draw(st.lists(st.floats(-1, 1), min_size=ndim**2, max_size=ndim**2))
    ).reshape(ndim, ndim)
    affine = np.eye(ndim + 1)
    affine[:-1, :-1] = linear + 0.7 * np.eye(ndim)
    affine[:-1, -1] = draw(st.lists(number, min_size=ndim, max_size=ndim))
    rotate: Any = turn
    if ndim == 3:
        rotate = (turn, turn / 2, 10.0)
    elif ndim > 3:
        q, _ = np.linalg.qr(rng.normal(size=(ndim, ndim)))
        rotate = q * np.sign(np.linalg.det(q))
    source = Image(
        np.zeros(shape, "uint8"),
        scale=[abs(x) for x in draw(st.lists(number, min_size=ndim, max_size=ndim))],
        translate=draw(st.lists(number, min_size=ndim, max_size=ndim)),
        rotate=rotate,
        shear=draw(
            st.lists(
                st.floats(-1, 1), min_size=ndim * (ndim - 1) // 2, max_size=ndim * (ndim - 1) // 2
            )
        ),
        affine=affine,
    )
    axes = "TCZYX"[-ndim:]
    finer = ns.super_resolve_layer(source, identity(factor), axes=axes)
    assert finer.data.shape[-2:] == (shape[-2] * factor, shape[-1] * factor)
    scale = np.abs(linear_part(source)).max()
    assert np.abs(corners(finer) - corners(source)).max() <= 1e-6 * max(scale, 1)


def linear_part(layer: Image) -> npt.NDArray[np.float64]:
    """Return the matrix from pixels to the world."""
    origin = np.array(layer.data_to_world(np.zeros(layer.ndim)))
    return np.asarray([layer.data_to_world(e) - origin for e in np.eye(layer.ndim)])


def test_rgb_layer_lands_on_its_source(make_model: MakeModel) -> None:
    source = Image(
        rng.integers(0, 255, (9, 8, 3), "uint8"),
        scale=(2, 3),
        translate=(7, -5),
        rotate=30,
        rgb=True,
    )
    finer = ns.super_resolve_layer(source, make_model(3))
    assert finer.rgb
    assert finer.data.shape == (36, 32, 3)
    assert_covers(finer, source)


def test_a_structure_stays_where_it_was() -> None:
    y, x = np.mgrid[:32, :32] - 15.5
    blob = (2000 * np.exp(-((y - 3.3) ** 2 + (x + 4.1) ** 2) / 30)).astype("uint16")
    source = Image(blob, scale=(0.5, 0.5), translate=(10, 20))
    finer = ns.super_resolve_layer(source, identity(4), precision="float32")

    def centre(layer: Image) -> npt.NDArray[np.float64]:
        weights = layer.data / layer.data.sum()
        place = [(weights * g).sum() for g in np.indices(layer.data.shape)]
        return np.array(layer.data_to_world(place))

    assert np.abs(centre(finer) - centre(source)).max() < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("moon", "gray-x4"),
        ("coins", "gray-x4"),
        ("immunohistochemistry", "general-x4"),
        ("astronaut", "general-x4"),
    ],
)
def test_shipped_models_do_not_shift(name: str, model: str) -> None:
    import skimage.data
    import torch

    from napari_srgan.nn.resample import bicubic_down

    hr = getattr(skimage.data, name)()[:256, :256]
    planes = np.atleast_3d(hr).transpose(2, 0, 1)[None].astype(np.float32)
    lr = bicubic_down(torch.from_numpy(planes), 4)[0].numpy().transpose(1, 2, 0)
    lr = np.clip(np.rint(lr), 0, 255).astype("uint8").reshape(64, 64, *hr.shape[2:])
    sr = ns.super_resolve(lr, model)
    grey = [np.atleast_3d(a).mean(-1) for a in (hr, sr)]
    # Not whitened: that would weigh most the frequencies which the source does not hold.
    shift, *_ = phase_cross_correlation(*grey, upsample_factor=100, normalization=None)
    assert np.abs(shift).max() < 0.05


def test_what_one_sees_is_carried_over(make_model: MakeModel) -> None:
    source = Image(
        rng.integers(0, 4095, (3, 10, 12), "uint16"),
        name="cells",
        colormap="magma",
        gamma=0.7,
        contrast_limits=(100, 3000),
        blending="additive",
        opacity=0.6,
        units=("um", "um", "um"),
        axis_labels=("z", "y", "x"),
        metadata={"stain": "DAPI"},
    )
    finer = ns.super_resolve_layer(source, make_model())
    assert finer.name == "cells ×4"
    assert finer.data.dtype == np.uint16
    assert finer.colormap.name == "magma"
    assert finer.contrast_limits == [100, 3000]
    assert (finer.gamma, finer.blending, finer.opacity) == (0.7, "additive", 0.6)
    assert finer.units == source.units
    assert finer.axis_labels == ("z", "y", "x")
    assert finer.metadata["stain"] == "DAPI"
    made = finer.metadata["napari_srgan"]
    assert (made["model"], made["axes"], made["scale"]) == ("random-1", "ZYX", 4)


def test_axis_labels_say_what_the_axes_are(make_identity: MakeModel) -> None:
    data = rng.integers(0, 255, (6, 5, 3), "uint8")
    source = Image(data, rgb=False, axis_labels=("x", "y", "z"), scale=(1, 2, 3))
    finer = ns.super_resolve_layer(source, make_identity())
    assert np.array_equal(finer.data, data.repeat(4, 0).repeat(4, 1))
    assert_covers(finer, source)


def test_of_a_pyramid_the_finest_level_is_taken(make_identity: MakeModel) -> None:
    level = rng.integers(0, 255, (40, 44), "uint8")
    source = Image([level, level[::2, ::2]], multiscale=True, scale=(3, 3))
    finer = ns.super_resolve_layer(source, make_identity())
    assert not finer.multiscale
    assert np.array_equal(finer.data, level.repeat(4, 0).repeat(4, 1))
    edges = np.array([[-1.125], [1.125]])
    assert np.allclose(finer.extent.world, source.extent.world + edges)


def test_lazy_layers_are_computed(make_identity: MakeModel) -> None:
    data = rng.integers(0, 255, (2, 20, 20), "uint8")
    source = Image(da.from_array(data, chunks=(1, 10, 10)), axis_labels=("z", "y", "x"))
    finer = ns.super_resolve_layer(source, make_identity())
    assert isinstance(finer.data, np.ndarray)
    assert np.array_equal(finer.data, data.repeat(4, 1).repeat(4, 2))


def test_what_memory_does_not_hold_goes_to_disk(
    make_identity: MakeModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(results, "free_ram", lambda: 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = rng.integers(0, 255, (20, 20), "uint8")
    finer = ns.super_resolve_layer(Image(data), make_identity())
    assert not isinstance(finer.data, np.ndarray)
    assert np.array_equal(np.asarray(finer.data), data.repeat(4, 0).repeat(4, 1))


def test_a_full_disk_is_said_before_the_run(
    make_identity: MakeModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(results, "free_ram", lambda: 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10, 10, 100))
    with pytest.raises(OSError, match=r"memory has .* free and the disk of"):
        ns.super_resolve_layer(Image(np.zeros((20, 20), "uint8")), make_identity())
    assert list(tmp_path.glob("napari-srgan-*")) == []


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Labels(np.zeros((9, 9), int), name="cells"), "'cells' is a labels layer; only image"),
        (Points(np.zeros((3, 2)), name="spots"), "'spots' is a points layer; only image"),
        (np.zeros((9, 9)), "only image layers"),
    ],
)
def test_other_layers_are_refused(make_model: MakeModel, layer: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        ns.super_resolve_layer(layer, make_model())


def test_the_source_and_the_viewer_stay_as_they_were(make_model: MakeModel) -> None:
    viewer = ViewerModel()
    data = rng.integers(0, 255, (20, 20), "uint8")
    layer = viewer.add_image(data.copy(), name="a")
    with pytest.raises(ValueError, match="model takes 5 channels"):
        ns.super_resolve_layer(layer, make_model(5))
    assert [item.name for item in viewer.layers] == ["a"]
    viewer.add_layer(ns.super_resolve_layer(layer, make_model()))
    assert [item.name for item in viewer.layers] == ["a", "a ×4"]
    assert np.array_equal(layer.data, data)
