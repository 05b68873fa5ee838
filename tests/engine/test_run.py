from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
import torch
import zarr
from scipy import ndimage

from napari_srgan.engine.consistency import back_project
from napari_srgan.engine.plan import Plan
from napari_srgan.engine.planning import make_plan
from napari_srgan.engine.run import Run
from napari_srgan.engine.run import run as run_plan
from napari_srgan.engine.runner import Runner
from napari_srgan.models import Model
from napari_srgan.nn.resample import bicubic_down
from tests.conftest import MakeModel

exact_plan = partial(make_plan, precision="float32")

Array = npt.NDArray[Any]
rng = np.random.default_rng(0)


def carry_out(plan: Plan, source: Any) -> Array:
    out = np.zeros(plan.shape, plan.dtype)
    for _ in run_plan(plan, source, out):
        pass
    return out


def whole(model: Model, image: Array) -> Array:
    """Return what the network makes of the whole (Y, X) or (Y, X, S) image, within its limits."""
    planes = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
    with torch.inference_mode():
        alone = model.network(torch.from_numpy(planes[None].copy()))[0].numpy()
    low, high = (
        np.stack([each.repeat(model.scale, 0).repeat(model.scale, 1) for each in limit])
        for limit in zip(*(limits(plane) for plane in planes), strict=True)
    )
    result = alone.clip(low, high)
    assert (result == alone).mean() > 0.6 or image.size < 100
    return np.asarray(result[0] if image.ndim == 2 else np.moveaxis(result, 0, -1))


def limits(plane: Array) -> tuple[Array, Array]:
    """Return the least and greatest value that may be made of each pixel of a plane."""

    def greatest(plane: Array, size: int) -> Array:
        return np.asarray(ndimage.maximum_filter(plane, size, mode="nearest"))

    def opened(plane: Array) -> Array:
        return greatest(ndimage.minimum_filter(plane, 3, mode="nearest"), 3)

    def many_valued(plane: Array) -> Array:
        squares = np.lib.stride_tricks.sliding_window_view(np.pad(plane, 1, mode="edge"), (3, 3))
        squares = squares.reshape(*plane.shape, 9)
        low, high = squares.min(-1), squares.max(-1)
        ends = np.minimum(squares - low[..., None], high[..., None] - squares).max(-1)
        share = ends / np.maximum(high - low, np.float32(1e-38))
        return np.asarray(((share - 0.05) / 0.05).clip(0, 1))

    def lines(plane: Array) -> Array:
        found, around = np.zeros_like(plane), np.pad(plane, 2, constant_values=-np.inf)
        upright, level = np.ones((5, 1), bool), np.ones((1, 5), bool)
        rising, falling = np.eye(5, dtype=bool)[::-1], np.eye(5, dtype=bool)
        for step, line in (
            ((0, 1), upright),
            ((1, 0), level),
            ((1, 1), rising),
            ((1, -1), falling),
        ):
            for before, after in ((-1, 1), (-1, 2), (-2, 1)):
                sides = [
                    np.roll(around, (-n * step[0], -n * step[1]), (0, 1))[2:-2, 2:-2]
                    for n in (before, after)
                ]
                stands_out = plane - np.maximum(*sides)
                least = ndimage.minimum_filter(
                    stands_out, footprint=line, mode="constant", cval=np.inf
                )
                most = ndimage.maximum_filter(least, footprint=line, mode="constant", cval=-np.inf)
                found = np.maximum(found, most)
        return found

    def beyond(plane: Array, end: float) -> Array:
        top, bottom = greatest(opened(plane), 5), -greatest(opened(-plane), 5)
        plateaus = top + 0.15 * (top - bottom)
        top, bottom = greatest(plane, 3), -greatest(-plane, 3)
        height = (top - greatest(opened(plane), 3)).clip(min=0) * many_valued(plane)
        least = top + 0.15 * (top - bottom)
        flanked = (height - 2 * greatest(lines(plane), 3)).clip(min=0)
        fine = np.minimum(least + 2 * height, np.maximum(least + 0.5 * flanked, end + 0.15))
        return np.asarray(np.maximum(plateaus, fine))

    return -beyond(-plane, 0), beyond(plane, 1)


def assert_equal_to(result: Array, expected: Array) -> None:
    assert result.shape == expected.shape
    error = np.abs(result.astype(np.float64) - expected).max()
    assert error <= 1e-5 * max(float(np.ptp(expected)), 1e-3)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2), (13, 17), (64, 64), (61, 90)])
@pytest.mark.parametrize("tile", [1, 7, 16, 33, 1000, "auto"])
def test_tiled_equals_whole(
    make_model: MakeModel, scale: int, shape: tuple[int, int], tile: int | str
) -> None:
    if tile == 1 and shape[0] * shape[1] > 300:
        tile = 5
    model = make_model(scale=scale)
    image = rng.random(shape, np.float32)
    plan = make_plan(image, model, tile=tile, normalise="none", precision="float32")
    assert_equal_to(carry_out(plan, image), whole(model, image))


@pytest.mark.parametrize("scale", [2, 4])
def test_tiled_equals_whole_in_colour(make_model: MakeModel, scale: int) -> None:
    model = make_model(3, scale)
    image = rng.random((45, 38, 3), np.float32)
    plan = exact_plan(image, model, tile=16, normalise="none")
    assert_equal_to(carry_out(plan, image), whole(model, image))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_consistency_is_exact_in_tiles(make_model: MakeModel, steps: int) -> None:
    image = rng.random((60, 70), np.float32)
    one, many = (
        carry_out(
            exact_plan(image, make_model(), tile=tile, consistency=steps, normalise="none"),
            image,
        )
        for tile in (1000, 9)
    )
    assert_equal_to(many, one)


def test_consistency_brings_the_result_back_to_its_source(make_identity: MakeModel) -> None:
    y, x = np.mgrid[:40, :40] / 40
    image = (np.sin(20 * x * y) + np.cos(9 * x - 14 * y)).astype(np.float32)

    def error(steps: int) -> float:
        plan = exact_plan(image, make_identity(), consistency=steps, normalise="none")
        sr = carry_out(plan, image)
        reduced = bicubic_down(torch.from_numpy(sr)[None, None], 4)[0, 0].numpy()
        return float(np.sqrt(np.mean((reduced - image) ** 2)))

    assert error(1) < error(0) / 3
    assert error(3) < error(0) / 12


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_consistency_makes_up_for_what_a_dtype_cannot_hold(
    make_identity: MakeModel, dtype: str
) -> None:
    top = np.iinfo(dtype).max
    y, x = np.mgrid[:160, :160] / 40
    roofs = (0.7 + np.sin(9 * x) + np.cos(7 * y + x)).clip(0.1, 1)
    source = bicubic_down(torch.from_numpy(roofs)[None, None], 4)[0, 0].numpy()
    image = np.rint(source.clip(0, 1) * top).astype(dtype)

    def apart(dtype: str) -> float:
        """Return the error of three steps, in a dtype and clipped to the range of integers."""
        given = image.astype(dtype)
        plan = exact_plan(given, make_identity(), consistency=3, normalise=(0, top))
        sr = carry_out(plan, given).clip(0, top)
        reduced = bicubic_down(torch.from_numpy(sr.astype(np.float64))[None, None], 4)[0, 0].numpy()
        return float(np.sqrt(np.mean((reduced - image) ** 2))) / top

    assert apart(dtype) < 0.8 * apart("float32")


def test_consistency_hides_no_overflow() -> None:
    sr = torch.zeros(1, 1, 32, 32)
    sr[..., 20, 20] = torch.inf
    result = back_project(sr, torch.zeros(1, 1, 8, 8), 4, 1, (0, 1))
    assert not bool(torch.isfinite(result).all())


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int16", "int8", "int32", "float32", "float64"]
)
@pytest.mark.parametrize("range_of", ["auto", "more than all", "less than all"])
def test_an_identity_network_returns_every_value(
    make_identity: MakeModel, dtype: str, range_of: str
) -> None:
    if dtype.startswith("float"):
        image = (rng.normal(300, 1e3, (37, 41))).astype(dtype)
    else:
        info = np.iinfo(dtype)
        image = rng.integers(info.min, info.max, (37, 41), dtype, endpoint=True)
    low, high = float(image.min()), float(image.max())
    length = (high - low) * {"auto": 0, "more than all": 0.37, "less than all": -0.15}[range_of]
    normalise: Any = (low - length, high + length) if length else "auto"
    plan = make_plan(image, make_identity(), tile=16, normalise=normalise, precision="float32")
    assert np.array_equal(carry_out(plan, image), image.repeat(4, 0).repeat(4, 1))


@pytest.mark.parametrize(
    ("axes", "shape"),
    [("TCZYX", (2, 2, 3, 9, 8)), ("YXC", (9, 8, 2)), ("XY", (9, 8)), ("ZYXS", (2, 9, 8, 3))],
)
def test_every_plane_lands_in_its_place(
    make_identity: MakeModel, axes: str, shape: tuple[int, ...]
) -> None:
    image = rng.integers(0, 65535, shape, "uint16")
    result = carry_out(exact_plan(image, make_identity(), axes=axes), image)
    expected = image.repeat(4, axes.index("Y")).repeat(4, axes.index("X"))
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_is_resampled_and_not_super_resolved(make_model: MakeModel, channels: int) -> None:
    image = rng.integers(0, 255, (40, 50, 4), "uint8")
    image[..., 3] = 255
    image[:20, :, 3] = 0
    model = make_model(channels)
    result = carry_out(exact_plan(image, model, tile=16), image)
    assert (result[:64, :, 3] == 0).all()
    assert (result[96:, :, 3] == 255).all()
    in_one = carry_out(exact_plan(image, model, tile=1000), image)
    assert np.array_equal(result[..., 3], in_one[..., 3])
    image[..., 3] = rng.integers(1, 256, image.shape[:2])
    result = carry_out(exact_plan(image, model, tile=16), image)
    rgb = np.ascontiguousarray(image[..., :3])
    without = carry_out(exact_plan(rgb, model, tile=16), rgb)
    assert np.array_equal(result[..., :3], without)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_colour_under_alpha_0_does_not_reach_the_network(
    make_model: MakeModel, channels: int
) -> None:
    image = rng.integers(0, 255, (40, 44, 4), "uint8")
    image[..., 3] = 255
    image[10:25, 12:30, 3] = 0
    black, white = image.copy(), image.copy()
    black[10:25, 12:30, :3] = 0
    white[10:25, 12:30, :3] = 255
    model = make_model(channels)
    results = [carry_out(exact_plan(each, model, tile=16), each) for each in (black, white)]
    clear = np.zeros((160, 176), bool)
    clear[40:100, 48:120] = True
    unseen = results[0][..., 3] == 0
    assert (clear & ~unseen).any()
    for result, value in zip(results, (0, 255), strict=True):
        assert (result[clear & unseen][:, :3] == value).all()
    shown = ~(clear & unseen)
    assert np.array_equal(results[0][shown], results[1][shown])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("hidden", [0.0, np.nan])
def test_what_alpha_shows_has_the_colours_of_visible_pixels(
    make_identity: MakeModel, channels: int, hidden: float
) -> None:
    image = np.full((30, 40, 4), [0.7, 0.5, 0.3, 1.0], np.float32)
    image[8:20, 10:30, :3] = hidden
    image[8:20, 10:30, 3] = 0
    image[3, 5] = [np.nan, 0.5, 0.3, 1.0]
    result = carry_out(exact_plan(image, make_identity(channels), normalise="none"), image)
    shown = result[..., 3] > 0
    shown[12:16, 20:24] = False
    assert shown[32:80, 40:120].any()
    assert np.abs(result[shown][:, :3] - [0.7, 0.5, 0.3]).max() < 1e-6
    assert np.isnan(result[12:16, 20:24, 0]).all()
    # What a mask hides comes back as it was, whatever alpha says.
    mask = np.zeros((30, 40), bool)
    mask[8, 10:30] = True
    plan = exact_plan(image, make_identity(channels), normalise="none", missing=mask)
    masked = carry_out(plan, image)[32:36, 40:120, :3]
    assert np.array_equal(masked, np.full_like(masked, hidden), equal_nan=True)


@pytest.mark.parametrize("kind", [np.nan, np.inf, -np.inf])
def test_invalid_pixels_stay_where_they_are(make_model: MakeModel, kind: float) -> None:
    image = rng.random((50, 60), np.float32)
    image[10:14, 20:30] = kind
    image[-1, -1] = kind
    model = make_model()
    whole_plane = carry_out(exact_plan(image, model), image)
    same = np.isnan(whole_plane) if np.isnan(kind) else whole_plane == kind
    expected = np.zeros((200, 240), bool)
    expected[40:56, 80:120] = True
    expected[-4:, -4:] = True
    assert np.array_equal(same, expected)
    assert np.isfinite(whole_plane[~expected]).all()
    tiled = carry_out(exact_plan(image, model, tile=11), image)
    assert_equal_to(tiled[~expected], whole_plane[~expected])


def test_nodata_stays_and_does_not_bleed(make_model: MakeModel) -> None:
    image = rng.integers(1000, 2000, (40, 40)).astype("int16")
    image[:10] = -9999
    result = carry_out(exact_plan(image, make_model(), nodata=-9999, tile=16), image)
    assert (result[:40] == -9999).all()
    assert (result[40:] > -5000).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("nodata", [0, 255, 100])
def test_valid_results_are_clear_of_nodata(
    make_identity: MakeModel, dtype: str, nodata: float
) -> None:
    image = rng.integers(0, 255, (40, 40)).astype(dtype)
    image[:9] = nodata
    # Results that would be the value that stands for none: those beside it in float64.
    near = np.nextafter(np.float32(nodata), np.float32(1e3))
    image[20:30] = near if dtype == "float32" else nodata + (1 if nodata < 255 else -1)
    image[image == nodata] = image[25, 25]
    image[:9] = nodata
    model = make_identity()
    with torch.no_grad():
        assert model.network.tail.bias is not None
        model.network.tail.bias -= 0.7 / 255
    result = carry_out(exact_plan(image, model, nodata=nodata, normalise=(0, 255)), image)
    assert (result[:36] == nodata).all()
    assert not (result[36:] == nodata).any()


def test_a_mask_of_rows_and_columns_holds_for_all_planes(make_model: MakeModel) -> None:
    mask = np.zeros((30, 34), bool)
    mask[10:20, 5:25] = True
    fine = mask.repeat(4, 0).repeat(4, 1)
    for axes, channels in (("CYX", 1), ("CYX", 3), ("YXS", 3), ("YXC", 1)):
        image = rng.integers(1, 999, (3, 30, 34)).astype("uint16")
        image = image if axes == "CYX" else np.moveaxis(image, 0, -1).copy()
        other = image.copy()
        index: Any = (..., *np.nonzero(mask)) if axes == "CYX" else np.nonzero(mask)
        other[index] = 65535
        plans = [
            exact_plan(each, make_model(channels), axes=axes, missing=mask, tile=16)
            for each in (image, other)
        ]
        one, two = (carry_out(p, s) for p, s in zip(plans, (image, other), strict=True))
        kept: Any = (..., *np.nonzero(~fine)) if axes == "CYX" else np.nonzero(~fine)
        hidden: Any = (..., *np.nonzero(fine)) if axes == "CYX" else np.nonzero(fine)
        assert np.array_equal(one[kept], two[kept])
        assert (two[hidden] == 65535).all()


def test_a_mask_of_another_shape_is_refused(make_model: MakeModel) -> None:
    with pytest.raises(ValueError, match=r"mask of missing values has shape \(3, 4\); allowed is"):
        exact_plan(np.zeros((9, 9), "uint16"), make_model(), missing=np.zeros((3, 4), bool))


def coloured(axes: str, samples: int, dtype: str) -> Array:
    """Return an image in which 255 is a hole in one place and single colours in others."""
    image = rng.integers(1, 250, (40, 44, samples)).astype(dtype)
    image[8:14, 5:20, :3] = 255
    image[25:32, 5:20, 0] = 255
    image[25:32, 30:40, 1:] = 255
    return image if axes == "YXS" else np.ascontiguousarray(image.swapaxes(0, 1))


@pytest.mark.parametrize("axes", ["YXS", "XYS"])
@pytest.mark.parametrize("samples", [3, 4])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_colour_is_no_data_only_where_r_g_and_b_all_are(
    make_model: MakeModel, axes: str, samples: int, channels: int, dtype: str
) -> None:
    image = coloured(axes, samples, dtype)
    model = make_model(channels)
    options: Any = {"axes": axes, "nodata": 255, "normalise": (0.0, 255.0)}
    in_one = carry_out(exact_plan(image, model, **options), image)
    tiled = carry_out(exact_plan(image, model, **options, tile=11), image)
    assert np.abs(tiled.astype(float) - in_one).max() <= (1 if dtype == "uint8" else 1e-2)
    upright = in_one if axes == "YXS" else in_one.swapaxes(0, 1)
    assert (upright[32:56, 20:80, :3] == 255).all()
    # A single colour is computed, too, and not left as it was.
    for where, colours in ((np.s_[100:128, 20:80], [0]), (np.s_[100:128, 120:160], [1, 2])):
        assert (upright[where][..., colours] != 255).any((0, 1)).all()

    # The hole does not reach the network: filled with other values, the rest stays the same.
    other = np.where((image[..., :3] == 255).all(-1, keepdims=True), 7, image).astype(dtype)
    other[..., 3:] = image[..., 3:]
    again = carry_out(exact_plan(other, model, **(options | {"nodata": 7})), other)
    # Results of neither have its value for missing data.
    free = ~np.isin(in_one, (7, 255)) & ~np.isin(again, (7, 255))
    assert free.mean() > 0.8
    assert np.array_equal(again[free], in_one[free])


def test_a_single_colour_that_is_nan_stays_so(make_model: MakeModel) -> None:
    image = coloured("YXS", 3, "float32")
    image[2, 3, 1] = np.nan
    for channels in (1, 3):
        result = carry_out(exact_plan(image, make_model(channels), nodata=255), image)
        expected = np.isnan(image).repeat(4, 0).repeat(4, 1)
        assert np.array_equal(np.isnan(result), expected)
        assert (result[32:56, 20:80] == 255).all()


def test_intensities_of_saturated_colours_count(make_model: MakeModel) -> None:
    image = rng.integers(100, 200, (30, 30, 3)).astype("uint16")
    image[:10, :10] = 5000
    image[20:, :, 0] = 5000
    for channels in (1, 3):
        plan = exact_plan(image, make_model(channels), axes="YXS", nodata=5000)
        assert plan.intensity.high == (5000,)
        image[20:, :, 0] = 0
        plan = exact_plan(image, make_model(channels), axes="YXS", nodata=5000)
        assert plan.intensity.high[0] < 200
        image[20:, :, 0] = 5000


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 5.5, -1e30])
def test_an_image_of_one_value_is_no_trouble(make_model: MakeModel, value: float) -> None:
    image = np.full((20, 20), value, np.float32)
    result = carry_out(exact_plan(image, make_model()), image)
    assert np.array_equal(np.isfinite(result), np.isfinite(image.repeat(4, 0).repeat(4, 1)))


class CountingRunner(Runner):
    """Counts the windows that reach the network."""

    windows = 0

    def start(self, windows: Any) -> Any:
        self.windows += len(windows)
        return super().start(windows)


def test_constant_tiles_are_computed_once(make_model: MakeModel) -> None:
    model = make_model()
    image = np.zeros((300, 300), np.uint16)
    image[:40, :40] = rng.integers(0, 999, (40, 40))
    plan = exact_plan(image, model, tile=30)
    runner = CountingRunner(model.network, plan.compute)
    out = np.zeros(plan.shape, plan.dtype)
    for _ in Run(plan, image, runner).into(out):
        pass
    assert len(plan.tiles) > 60
    assert runner.windows <= 10
    expected = carry_out(exact_plan(image, model, tile=1000), image)
    assert np.array_equal(out, expected)


def test_source_is_read_tile_by_tile(make_identity: MakeModel) -> None:
    class Source:
        shape, dtype = (400, 300), np.dtype("uint8")
        largest = 0

        def __getitem__(self, index: Any) -> Array:
            part = np.zeros(self.shape, self.dtype)[index]
            self.largest = max(self.largest, part.size)
            return np.asarray(part)

    source = Source()
    carry_out(exact_plan(source, make_identity(), tile=32), source)
    halo = make_identity().halo
    assert 0 < source.largest <= (32 + 2 * halo) ** 2


@pytest.mark.parametrize("kind", ["dask", "zarr"])
def test_lazy_sources_give_the_same_numbers(make_model: MakeModel, kind: str) -> None:
    image = rng.integers(0, 4095, (3, 70, 80), "uint16")
    source = (
        da.from_array(image, chunks=(1, 32, 32))
        if kind == "dask"
        else zarr.array(image, chunks=(1, 32, 32))
    )
    model = make_model()
    expected = carry_out(exact_plan(image, model, tile=20), image)
    result = carry_out(exact_plan(source, model, tile=20), source)
    assert np.abs(result.astype(int) - expected).max() <= 1


def test_progress_rises_to_one_and_counts_tiles(make_model: MakeModel) -> None:
    image = rng.random((2, 40, 40), np.float32)
    plan = exact_plan(image, make_model(), axes="ZYX", tile=16)
    steps = list(run_plan(plan, image, np.zeros(plan.shape, plan.dtype)))
    parts = [step.done for step in steps]
    assert parts == sorted(parts)
    assert parts[-1] == 1
    assert steps[-1].tiles == steps[-1].total == 2 * len(plan.tiles)
    assert len(steps) > steps[-1].total / plan.batch


def test_stopping_takes_hold_at_once(make_model: MakeModel) -> None:
    image = rng.random((64, 64), np.float32) + 1
    plan = replace(exact_plan(image, make_model(), tile=16, normalise="none"), batch=1)
    out = np.zeros(plan.shape, plan.dtype)
    steps = run_plan(plan, image, out)
    while next(steps).tiles < 1:
        pass
    steps.close()
    assert 0 < np.count_nonzero(out) < out.size


class TightRunner(Runner):
    """Has memory for windows up to a size only."""

    most = 0

    def start(self, windows: Any) -> Any:
        if sum(window.seen[0].size for window in windows) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().start(windows)


def test_running_out_of_memory_halves_the_tiles_and_says_so(make_model: MakeModel) -> None:
    image = rng.random((150, 170), np.float32)
    model = make_model()
    plan = exact_plan(image, model, tile=100, normalise="none")
    runner = TightRunner(model.network, plan.compute)
    runner.most = 64 * 64
    out = np.zeros(plan.shape, plan.dtype)
    steps = list(Run(plan, image, runner).into(out))
    notes = [step.note for step in steps if step.note]
    assert all("out of memory; going on with tiles of at most" in note for note in notes)
    assert notes
    assert_equal_to(out, whole(model, image))
    assert steps[-1].total > len(plan.tiles)
    assert steps[-1].done == 1


def test_finished_tiles_are_kept_when_memory_runs_out(make_model: MakeModel) -> None:
    class Later(Runner):
        done: int = 0

        def start(self, windows: Any) -> Any:
            self.done += 1
            if self.done == 3:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().start(windows)

    image = rng.random((90, 90), np.float32)
    model = make_model()
    plan = replace(exact_plan(image, model, tile=40, normalise="none"), batch=1)
    runner = Later(model.network, plan.compute)
    out = np.zeros(plan.shape, plan.dtype)
    tiles = [step.tiles for step in Run(plan, image, runner).into(out)]
    assert tiles == sorted(tiles)
    assert_equal_to(out, whole(model, image))


def test_memory_that_runs_out_on_the_way_back_is_no_loss(make_model: MakeModel) -> None:
    class Returning(Runner):
        fetched = 0

        def start(self, windows: Any) -> Any:
            fetch = yield from super().start(windows)

            def finish() -> Any:
                self.fetched += 1
                if self.fetched == 2:
                    raise torch.OutOfMemoryError("CUDA out of memory")
                return fetch()

            return finish

    image = rng.random((90, 90), np.float32)
    model = make_model()
    plan = replace(exact_plan(image, model, tile=40, normalise="none"), batch=1)
    out = np.zeros(plan.shape, plan.dtype)
    steps = list(Run(plan, image, Returning(model.network, plan.compute)).into(out))
    assert_equal_to(out, whole(model, image))
    assert steps[-1].done == 1
    assert steps[-1].tiles == steps[-1].total


def test_a_device_without_memory_hands_over_to_the_cpu(make_model: MakeModel) -> None:
    image = rng.random((64, 64), np.float32)
    model = make_model()
    plan = exact_plan(image, model, tile=40, normalise="none")
    runner = TightRunner(model.network, plan.compute)
    elsewhere = replace(plan, compute=replace(plan.compute, device=torch.device("mps")))
    out = np.zeros(plan.shape, plan.dtype)
    run = Run(elsewhere, image, runner)
    steps = list(run.into(out))
    assert [s.note for s in steps if s.note][-1].endswith("going on with the CPU")
    assert run.plan.compute.device.type == "cpu"
    assert steps[-1].done == 1
    assert_equal_to(out, whole(model, image))


def test_a_gpu_that_fails_hands_over_to_the_cpu(make_model: MakeModel) -> None:
    class Unplugged(Runner):
        def start(self, windows: Any) -> Any:
            yield 0.5
            raise RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might")

    image = rng.random((64, 64), np.float32)
    model = make_model()
    plan = exact_plan(image, model, tile=40, normalise="none")
    elsewhere = replace(plan, compute=replace(plan.compute, device=torch.device("cuda:0")))
    runner = Unplugged(model.network, plan.compute)
    out = np.zeros(plan.shape, plan.dtype)
    steps = list(Run(elsewhere, image, runner).into(out))
    (note,) = {step.note for step in steps if step.note}
    assert note == ("cuda:0 failed (CUDA error: unspecified launch failure); going on with the CPU")
    assert_equal_to(out, whole(model, image))


def test_a_part_equals_that_part_of_the_whole(make_model: MakeModel) -> None:
    stack = rng.integers(0, 60_000, (2, 5, 50, 70), "uint16")
    plan = exact_plan(stack, make_model(), axes="TZYX", tile=16)
    expected = carry_out(plan, stack)
    part = plan.part([(1, 2), (2, 4), (7, 8), (30, 65)])
    assert part.shape == (1, 2, 4, 140)
    assert part.nbytes == 2 * 4 * 140 * 2
    assert np.array_equal(carry_out(part, stack), expected[1:, 2:4, 28:32, 120:260])
    again = exact_plan(stack, make_model(), axes="TZYX", spans=part.spans)
    # Of the same model and the same intensities, in tiles of another size.
    assert np.abs(carry_out(again, stack).astype(int) - carry_out(part, stack)).max() <= 1


def test_a_part_of_an_rgba_image_has_its_alpha(make_model: MakeModel) -> None:
    image = rng.integers(0, 255, (30, 40, 4), "uint8")
    plan = exact_plan(image, make_model(3))
    expected = carry_out(plan, image)
    part = carry_out(plan.part([(3, 20), (5, 40), (0, 4)]), image)
    assert np.abs(part.astype(int) - expected[12:80, 20:]).max() <= 1


def test_a_part_has_all_channels_that_belong_together(make_model: MakeModel) -> None:
    plan = exact_plan(np.zeros((3, 30, 40), "uint8"), make_model(3), axes="CYX")
    assert plan.part([(1, 2), (0, 5), (0, 5)]).shape == (3, 20, 20)


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0, 9), (0, 9)], "does not lie in an image of shape"),
        ([(0, 31), (0, 40), (0, 3)], "does not lie in"),
        ([(5, 5), (0, 40), (0, 3)], "does not lie in"),
        ([(-1, 5), (0, 40), (0, 3)], "does not lie in"),
    ],
)
def test_a_part_must_be_one(make_model: MakeModel, spans: Any, message: str) -> None:
    plan = exact_plan(np.zeros((30, 40, 3), "uint8"), make_model(3))
    with pytest.raises(ValueError, match=message):
        plan.part(spans)


def test_no_memory_at_all_is_said_plainly(make_model: MakeModel) -> None:
    image = rng.random((64, 64), np.float32)
    model = make_model()
    plan = exact_plan(image, model)
    runner = TightRunner(model.network, plan.compute)
    with pytest.raises(MemoryError, match="not enough memory for a tile of 16"):
        list(Run(plan, image, runner).into(np.zeros(plan.shape, plan.dtype)))


def test_half_precision_is_close(make_model: MakeModel) -> None:
    image = rng.integers(0, 255, (40, 40), "uint8")
    full, half = (
        carry_out(make_plan(image, make_model(), precision=p), image).astype(int)
        for p in ("float32", "bfloat16")
    )
    assert np.abs(full - half).mean() < 2


@pytest.mark.parametrize("tile", [0, -4, 1.5, "big", True])
def test_wrong_tile_is_named(make_model: MakeModel, tile: Any) -> None:
    with pytest.raises(ValueError, match="allowed are 'auto' or a number of pixels"):
        exact_plan(np.zeros((9, 9), np.uint8), make_model(), tile=tile)


@pytest.mark.parametrize("device", ["cuda:99", "tpu", ""])
def test_a_device_that_is_not_there_is_named(make_model: MakeModel, device: str) -> None:
    with pytest.raises(ValueError, match=r"is not there; this machine has .*cpu"):
        exact_plan(np.zeros((9, 9), np.uint8), make_model(), device=device)


def test_wrong_precision_and_consistency_are_named(make_model: MakeModel) -> None:
    image = np.zeros((9, 9), np.uint8)
    with pytest.raises(ValueError, match="allowed are auto, float32"):
        make_plan(image, make_model(), precision="double")
    with pytest.raises(ValueError, match="float16' is for GPUs"):
        make_plan(image, make_model(), device="cpu", precision="float16")
    with pytest.raises(ValueError, match="number of steps from 0 up"):
        exact_plan(image, make_model(), consistency=-1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("precision", ["auto", "float32", "float16", "bfloat16"])
def test_gpu_equals_cpu(make_model: MakeModel, precision: str) -> None:
    image = rng.integers(0, 255, (130, 150), "uint8")
    model = make_model(blocks=16, features=64)
    on_cpu = carry_out(make_plan(image, model, device="cpu", precision="float32"), image)
    plan = make_plan(image, model, device="cuda", precision=precision, tile=32)
    assert np.abs(carry_out(plan, image).astype(int) - on_cpu).mean() < 1
