"""From File ▸ Open Sample to a finer layer, with the models that are shipped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from napari_srgan.models import load_model
from tests.plugin.conftest import Opened


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sample", "model", "gain"), [("moon", "gray-x4", 0.8), ("tissue", "general-x4", 0.8)]
)
def test_a_sample_comes_out_closer_to_its_original_than_bicubic(
    open_widget: Callable[..., Opened], own_models: Path, sample: str, model: str, gain: float
) -> None:
    from PIL import Image

    assert not own_models.exists()
    opened = open_widget()
    opened.viewer.open_sample("napari-srgan", sample)
    source, original = (opened.viewer.layers[f"{sample} ({kind})"] for kind in ("LR", "HR"))
    opened.run()
    opened.wait_for_jobs()
    finer = opened.viewer.layers[f"{sample} (LR) ×4"]
    shape = original.data.shape[1::-1]
    bicubic = np.asarray(Image.fromarray(source.data).resize(shape, Image.Resampling.BICUBIC))
    ours, theirs = (
        peak_signal_noise_ratio(original.data, image, data_range=255)
        for image in (finer.data, bicubic)
    )
    assert ours > theirs + gain
    assert np.allclose(finer.scale, original.scale)
    assert finer.metadata["napari_srgan"]["sha256"] == list(load_model(model).sha256)
