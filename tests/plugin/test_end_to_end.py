"""From File ▸ Open Sample to a finer layer, with the models that are shipped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from napari_srgan import super_resolve
from napari_srgan.models import load_model
from napari_srgan.plugin.files import samples
from srgan_training.evaluation.spectrum import spectrum_error
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


@pytest.mark.slow
@pytest.mark.parametrize(("sample", "model"), [("moon", "gray-x4"), ("tissue", "general-x4")])
def test_the_realistic_end_has_more_of_the_original_s_detail_and_keeps_its_brightness(
    sample: str, model: str
) -> None:
    (hr, _, _), (lr, _, _) = getattr(samples, sample)()
    faithful, realistic = (super_resolve(lr, load_model(model, detail=detail)) for detail in (0, 1))
    planes = [x if x.ndim == 2 else x.mean(-1) for x in (faithful, realistic, hr)]
    high = [spectrum_error(plane.astype(float), planes[2].astype(float))[1] for plane in planes[:2]]
    assert high[1] < 0.9 * high[0]
    # It is trained to keep what the reduced image knows.
    blocks = [x[:512, :512].reshape(64, 8, 64, 8).mean((1, 3), float) for x in planes[:2]]
    assert np.abs(blocks[1] - blocks[0]).max() < 0.05 * 255
