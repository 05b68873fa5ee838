from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_srgan.io import ImageFile, write
from srgan_training.images import (
    PixelStore,
    ScaledPixels,
    find_images,
    load_images,
    planes_of,
    read_planes,
    to_image,
)

rng = np.random.default_rng(0)


def test_deep_images_are_mapped_from_their_percentiles() -> None:
    pixels = rng.integers(0, 1000, (40, 50)).astype("uint16")
    pixels[0, 0] = 60000
    image = to_image(pixels[None])
    assert not image.eight_bit
    values = image.pixels[:]
    assert np.quantile(values, [0.01, 0.99]) == pytest.approx([0.01, 0.99], abs=0.01)
    assert values.max() > 10


@pytest.mark.parametrize(
    ("shape", "axes", "planes"),
    [
        ((5, 20, 30), None, [(1, 20, 30)] * 5),
        ((20, 30, 4), None, [(3, 20, 30)]),
        ((2, 3, 20, 30), "ZCYX", [(1, 20, 30)] * 6),
        ((20, 30, 3), "YXC", [(1, 20, 30)] * 3),
        ((2, 20, 30, 3), "TYXS", [(3, 20, 30)] * 2),
    ],
)
def test_stacks_give_an_image_per_plane_and_alpha_is_left(
    shape: tuple[int, ...], axes: str | None, planes: list[tuple[int, ...]]
) -> None:
    image = ImageFile(np.zeros(shape, "uint8"), axes)
    assert [plane.shape for plane in planes_of(image)] == planes


def test_volumes_are_read_slice_by_slice_and_a_folder_of_one_scene_is_one_image(
    tmp_path: Path,
) -> None:
    volume = rng.integers(0, 1000, (4, 20, 30)).astype("int16")
    write(tmp_path / "head.nii.gz", ImageFile(volume, "ZYX"))
    write(tmp_path / "scene.zarr", ImageFile(volume.astype("uint16"), "CYX"))
    found = find_images(tmp_path)
    assert [path.name for path in found] == ["head.nii.gz", "scene.zarr"]
    for path in found:
        planes = read_planes(path)
        assert [plane.shape for plane in planes] == [(1, 20, 30)] * 4
        image = to_image(planes[2])
        assert np.corrcoef(image.pixels[:].ravel(), volume[2].ravel())[0, 1] > 0.99


def test_what_does_not_fit_into_memory_is_mapped_from_disk() -> None:
    store = PixelStore(memory_budget=1000)
    first, second = rng.integers(0, 255, (2, 1, 30, 30)).astype("uint8")
    assert store.store_array(first) is first
    mapped = store.store_array(second)
    assert isinstance(mapped, np.memmap)
    assert np.array_equal(mapped, second)
    image = to_image(mapped)
    assert isinstance(image.pixels, ScaledPixels)
    assert np.array_equal(image.pixels[:, 3:9], to_image(second).pixels[:, 3:9])


def test_folders_are_searched_and_an_empty_one_is_named(data: Path, tmp_path: Path) -> None:
    assert len(find_images(data)) == 5
    assert load_images(find_images(data))[0].pixels.shape == (3, 64, 72)
    (tmp_path / "none").mkdir()
    with pytest.raises(FileNotFoundError, match="no image"):
        find_images(tmp_path / "none")
