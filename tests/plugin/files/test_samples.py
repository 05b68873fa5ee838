"""Sample data: each opens as LR with its HR beside, both where they belong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from npe2 import PluginManifest

from napari_srgan.plugin.files import samples

MANIFEST: PluginManifest = PluginManifest.from_distribution("napari-srgan")
KEYS = [sample.key for sample in MANIFEST.contributions.sample_data or []]


def edges(layer: Image) -> Any:
    """Return the outer edges of the first and the last pixel."""
    ends = np.array([(-0.5, -0.5), np.array(layer.data.shape[:2]) - 0.5])
    return [tuple(layer.data_to_world(end)) for end in ends]


def test_every_kind_of_image_is_there() -> None:
    assert set(KEYS) == {"cell", "tissue", "fundus", "moon", "hubble"}


@pytest.mark.parametrize("key", KEYS)
def test_a_sample_is_a_pair_that_lies_side_by_side(key: str) -> None:
    hr, lr = (Image(data, **options) for data, options, _ in getattr(samples, key)())
    assert [n * 4 for n in lr.data.shape[:2]] == list(hr.data.shape[:2])
    assert lr.data.shape[2:] == hr.data.shape[2:]
    assert (hr.name[-4:], lr.name[-4:]) == ("(HR)", "(LR)")
    (top, left), (bottom, right) = edges(lr)
    (hr_top, hr_left), (hr_bottom, hr_right) = edges(hr)
    assert (top, bottom) == (hr_top, hr_bottom)
    assert right < hr_left
    assert right - left == hr_right - hr_left
    # The same picture, less sharp.
    height, width = lr.data.shape[:2]
    means = hr.data.reshape(height, 4, width, 4, -1).mean((1, 3)).reshape(lr.data.shape)
    assert np.abs(means - lr.data).mean() < 3


def test_a_result_of_a_sample_has_the_pixels_of_its_hr() -> None:
    viewer: Any = ViewerModel()
    viewer.open_sample("napari-srgan", "cell")
    assert [layer.name for layer in viewer.layers] == ["cell (HR)", "cell (LR)"]
    assert viewer.layers.selection.active.name == "cell (LR)"
    assert tuple(viewer.layers["cell (LR)"].scale / 4) == tuple(viewer.layers["cell (HR)"].scale)


@pytest.mark.timing
def test_a_window_shows_the_whole_pair(make_napari_viewer_proxy: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.open_sample("napari-srgan", "cell")
    middle = np.mean([layer.extent.world.mean(0) for layer in viewer.layers], axis=0)
    qtbot.waitUntil(
        lambda: np.allclose(viewer.scene.camera.center[1:], middle, atol=5), timeout=2000
    )
    viewer.scene.camera.center = (0, 10, 10)
    viewer.open_sample("napari-srgan", "moon")
    qtbot.wait(50)
    assert viewer.scene.camera.center[1:] == (10, 10)
