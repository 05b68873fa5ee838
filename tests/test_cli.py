from __future__ import annotations

import errno
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from typer.testing import CliRunner, Result

from napari_srgan import io
from napari_srgan.batch_paths import Job, find_jobs
from napari_srgan.cli import app, parse_normalise, parse_tile
from napari_srgan.io import GeoReference
from napari_srgan.io.tiff.reader import ImageFile, read_image, write_image
from napari_srgan.models import Model, ModelCard, save_model
from tests.conftest import MakeModel

rng = np.random.default_rng(0)


def pixels(*shape: int, dtype: str = "uint8") -> npt.NDArray[Any]:
    return rng.integers(0, 255, shape).astype(dtype)


def store(folder: Path, name: str, model: Model, **facts: Any) -> Path:
    card = ModelCard(name, model.network.config, **facts)
    return save_model(folder / f"{name}-{card.end}", model.state_dict(), card)


@pytest.fixture
def identity(own_models: Path, make_identity: MakeModel) -> str:
    """Put a model that repeats pixels ×4 into the person's folder; return its name."""
    store(own_models, "identity", make_identity())
    return "identity"


@pytest.fixture
def colours(own_models: Path, make_identity: MakeModel) -> str:
    """Put a model that repeats RGB pixels ×4 into the person's folder; return its name."""
    store(own_models, "colours", make_identity(3))
    return "colours"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write an image of 9 × 12 pixels of 0.4 × 0.8 µm."""
    image = ImageFile(pixels(9, 12), "YX", {"X": 0.4, "Y": 0.8})
    return write_image(tmp_path / "source.tif", image)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def upscale(*arguments: object) -> Result:
    fixed = ("--device", "cpu", "--precision", "float32", "--no-progress")
    return call("upscale", *fixed, *arguments)


def done(result: Result) -> str:
    """Return what a command that succeeds prints."""
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def refusal(result: Result) -> str:
    """Return the one sentence that a command that fails says."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("napari-srgan: ")
    assert "Traceback" not in line
    return line


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


# --- upscale -------------------------------------------------------------------------------------


def test_a_file_becomes_finer_with_its_pixels_and_their_size(
    tmp_path: Path, source: Path, identity: str
) -> None:
    out = tmp_path / "out.tif"
    said = done(upscale(source, out, "--model", identity))
    image = read_image(out)
    assert image.axes == "YX"
    assert image.pixel_size == pytest.approx({"X": 0.1, "Y": 0.2})
    assert np.array_equal(image.data, read_image(source).data.repeat(4, 0).repeat(4, 1))
    assert said.startswith(f"{source} → {out}: identity, axes YX, (36, 48) uint8, ")
    assert "pixel size Y 0.2 µm, X 0.1 µm" in said
    assert "s on cpu in float32" in said


def test_the_file_says_what_made_it(tmp_path: Path, source: Path, identity: str) -> None:
    done(upscale(source, tmp_path / "out.tif", "--model", identity))
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert "super-resolved ×4 by napari-srgan, model identity" in (file.ome_metadata or "")


def test_the_model_may_be_a_file(tmp_path: Path, source: Path, make_identity: MakeModel) -> None:
    path = store(tmp_path / "elsewhere", "double", make_identity(scale=2))
    done(upscale(source, tmp_path / "out.tif", "--model", path))
    image = read_image(tmp_path / "out.tif")
    assert image.data.shape == (18, 24)
    assert image.pixel_size == pytest.approx({"X": 0.2, "Y": 0.4})


def test_without_a_model_the_image_chooses(
    tmp_path: Path, source: Path, own_models: Path, make_identity: MakeModel
) -> None:
    store(own_models, "gray-x4", make_identity())
    assert ": gray-x4, axes YX" in done(upscale(source, tmp_path / "out.tif"))


def test_only_the_size_along_y_and_x_becomes_finer(tmp_path: Path, identity: str) -> None:
    data = pixels(2, 3, 4, 9, 12, dtype="uint16")
    size = {"X": 0.4, "Y": 0.8, "Z": 2.0}
    source = write_image(tmp_path / "source.tif", ImageFile(data, "TCZYX", size))
    done(upscale(source, tmp_path / "out.tif", "--model", identity))
    image = read_image(tmp_path / "out.tif")
    assert image.axes == "TCZYX"
    assert image.data.dtype == np.uint16
    assert image.pixel_size == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 2})
    assert np.array_equal(image.data, data.repeat(4, 3).repeat(4, 4))


def test_a_result_in_zarr_has_the_outer_edges_of_its_source(tmp_path: Path, identity: str) -> None:
    size = {"X": 0.4, "Y": 0.8}
    source = write_image(tmp_path / "source.tif", ImageFile(pixels(9, 12), "YX", size))
    done(upscale(source, tmp_path / "out.zarr", "--model", identity))
    (result,) = io.read(tmp_path / "out.zarr")
    assert result.affine is not None
    for pixel, edge in (((-0.5, -0.5), (-0.4, -0.2)), ((35.5, 47.5), (6.8, 4.6))):
        assert np.allclose((result.affine @ [0, *pixel, 1])[1:3], edge, atol=1e-9)


def test_colours_stay_colours(tmp_path: Path, colours: str) -> None:
    data = pixels(9, 12, 3)
    source = write_image(tmp_path / "source.png", ImageFile(data, "YXS"))
    for suffix in (".tif", ".png"):
        out = tmp_path / f"out{suffix}"
        assert "pixel size unknown" in done(upscale(source, out, "--model", colours))
        image = read_image(out)
        assert image.axes == "YXS"
        assert np.array_equal(image.data, data.repeat(4, 0).repeat(4, 1))


def test_axes_that_the_file_does_not_say_are_guessed_and_said(
    tmp_path: Path, identity: str
) -> None:
    source = tmp_path / "source.tif"
    tifffile.imwrite(source, pixels(7, 9, 12), metadata=None)
    said = done(upscale(source, tmp_path / "out.tif", "--model", identity))
    assert "axes ZYX (guessed)" in said
    assert read_image(tmp_path / "out.tif").axes == "ZYX"


def test_axes_can_be_named(tmp_path: Path, identity: str) -> None:
    data = pixels(9, 12, 7)
    source = tmp_path / "source.tif"
    tifffile.imwrite(source, data, metadata=None)
    done(upscale(source, tmp_path / "out.tif", "--model", identity, "--axes", "yxc"))
    image = read_image(tmp_path / "out.tif")
    assert image.axes == "CYX"
    assert np.array_equal(image.data, np.moveaxis(data, -1, 0).repeat(4, 1).repeat(4, 2))


@pytest.mark.parametrize(
    "options",
    [
        ("--tile", "16"),
        ("--consistency", "1"),
        ("--normalise", "none"),
        ("--normalise", "-10,300.5"),
        ("--precision", "float32"),
        ("--detail", "0"),
        ("--nodata", "-1"),
    ],
)
def test_options_reach_the_engine(
    tmp_path: Path, source: Path, identity: str, options: tuple[str, str]
) -> None:
    done(upscale(source, tmp_path / "out.tif", "--model", identity, *options))
    assert read_image(tmp_path / "out.tif").data.shape == (36, 48)


def test_the_folder_of_a_file_is_made(tmp_path: Path, source: Path, identity: str) -> None:
    done(upscale(source, tmp_path / "a" / "b" / "out.tif", "--model", identity))
    assert names(tmp_path / "a" / "b") == ["out.tif"]


def test_an_old_result_is_replaced_on_purpose(tmp_path: Path, source: Path, identity: str) -> None:
    out = write_image(tmp_path / "out.tif", ImageFile(pixels(18, 24), "YX"))
    done(upscale(source, out, "--model", identity, "--overwrite"))
    assert read_image(out).data.shape == (36, 48)


def test_a_folder_becomes_a_folder(tmp_path: Path, identity: str) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("b.tif", "a.png", "c.TIFF"):
        write_image(folder / name, ImageFile(pixels(9, 9), "YX"))
    (folder / "notes.txt").write_text("none")
    said = done(upscale(folder, out, "--model", identity))
    assert names(out) == ["a.tif", "b.tif", "c.tif"]
    assert [line.split(" → ")[0] for line in said.splitlines()] == [
        str(folder / name) for name in ("a.png", "b.tif", "c.TIFF")
    ]


def test_a_pattern_becomes_a_folder(tmp_path: Path, identity: str) -> None:
    for name in ("cell1.tif", "cell2.tif", "other.tif"):
        write_image(tmp_path / name, ImageFile(pixels(9, 9), "YX"))
    (tmp_path / "cell3.txt").write_text("none")
    done(upscale(tmp_path / "cell*", tmp_path / "out", "--model", identity))
    assert names(tmp_path / "out") == ["cell1.tif", "cell2.tif"]


def test_a_name_with_brackets_is_a_name(tmp_path: Path, identity: str) -> None:
    source = write_image(tmp_path / "cell[1].tif", ImageFile(pixels(9, 9), "YX"))
    done(upscale(source, tmp_path / "out", "--model", identity))
    assert names(tmp_path / "out") == ["cell[1].tif"]


def test_the_progress_bar_leaves_no_trace_in_the_result(
    tmp_path: Path, source: Path, identity: str
) -> None:
    out = tmp_path / "out.tif"
    result = call("upscale", source, out, "--model", identity, "--device", "cpu")
    assert result.exit_code == 0
    assert f"{source} → {out}: identity" in result.stdout


def test_a_map_keeps_its_place(tmp_path: Path, identity: str) -> None:
    transform = np.array([[10.0, 0, 399960], [0, -20.0, 5300040], [0, 0, 1]])
    geo = GeoReference(transform, crs="EPSG:32633")
    source = write_image(tmp_path / "map.tif", ImageFile(pixels(9, 12), "YX", geo=geo, nodata=7.0))
    assert "pixel size Y 5 m, X 2.5 m" in done(
        upscale(source, tmp_path / "out", "--model", identity)
    )
    image = read_image(tmp_path / "out" / "map.tif")
    assert image.geo is not None
    assert image.geo.transform is not None
    assert image.geo.crs == "EPSG:32633"
    assert np.allclose(image.geo.transform, transform @ np.diag([0.25, 0.25, 1]), rtol=0, atol=1e-9)
    assert image.nodata == 7
    assert np.array_equal(image.data, read_image(source).data.repeat(4, 0).repeat(4, 1))


@pytest.mark.parametrize("end", [".nii.gz", ".zarr"])
def test_a_volume_keeps_its_format_and_place(tmp_path: Path, identity: str, end: str) -> None:
    pytest.importorskip("nibabel")
    affine = np.diag([3.0, 1, 2, 1])
    affine[:3, 3] = -30, 12, 7
    volume = ImageFile(pixels(3, 9, 12), "ZYX", unit="mm", affine=affine)
    (tmp_path / "in").mkdir()
    io.write(tmp_path / "in" / f"brain{end}", volume)
    done(upscale(tmp_path / "in", tmp_path / "out", "--model", identity))
    assert names(tmp_path / "out") == [f"brain{end}"]
    (image,) = io.read(tmp_path / "out" / f"brain{end}")
    assert image.pixel_size == pytest.approx({"Z": 3, "Y": 0.25, "X": 0.5})
    assert image.affine is not None
    first = [-30, 12 - 0.5 + 0.125, 7 - 1 + 0.25]
    assert np.allclose(image.affine[:3, 3], first, atol=1e-5)


def sagittal(path: Path) -> Any:
    """Write slices of 4 mm from left to right, and return them as nibabel has them."""
    nib = pytest.importorskip("nibabel")
    affine = np.diag([4.0, 0.5, 0.5, 1])
    affine[:3, 3] = -16, -3, -2
    made = nib.Nifti1Image(pixels(9, 12, 10, dtype="int16"), affine)
    nib.save(made, path)
    return made


def box(volume: Any) -> np.ndarray[Any, Any]:
    """Return two opposite corners of a volume of nibabel in the world."""
    ends = np.array([[-0.5] * 3, [n - 0.5 for n in volume.shape]])
    return np.asarray(ends @ volume.affine[:3, :3].T + volume.affine[:3, 3])


@pytest.mark.parametrize("axes", [(), ("--axes", "YXZ"), ("--axes", "yzx"), ("--axes", "ZYX")])
def test_a_volume_stays_in_its_place_whatever_its_axes_are_called(
    tmp_path: Path, identity: str, axes: tuple[str, ...]
) -> None:
    nib = pytest.importorskip("nibabel")
    before = sagittal(tmp_path / "a.nii.gz")
    said = done(upscale(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", "--model", identity, *axes))
    after = nib.load(tmp_path / "b.nii.gz")
    assert box(after) == pytest.approx(box(before))
    fine = {"yzx": (4, 1, 4), "ZYX": (4, 4, 1)}.get(axes[-1] if axes else "", (1, 4, 4))
    expected = np.asarray(before.dataobj)
    for axis, times in enumerate(fine):
        expected = expected.repeat(times, axis)
    assert np.array_equal(np.asarray(after.dataobj), expected)
    assert ("axes YXZ, its finest plane" in said) == (not axes)


@pytest.mark.filterwarnings("default:OME-TIFF does not hold how an image is turned")
@pytest.mark.parametrize("end", [".tif", ".zarr"])
def test_sizes_of_other_formats_follow_the_named_axes(
    tmp_path: Path, identity: str, end: str
) -> None:
    sagittal(tmp_path / "a.nii.gz")
    result = upscale(tmp_path / "a.nii.gz", tmp_path / f"b{end}", "--model", identity)
    assert result.exit_code == 0
    assert ("OME-TIFF does not hold how an image is turned" in result.stderr) == (end == ".tif")
    (image,) = io.read(tmp_path / f"b{end}")
    assert image.data.shape == (9, 40, 48)
    unit = {"µm": 1e3, "mm": 1}[image.unit]
    expected = {"Z": 4 * unit, "Y": 0.125 * unit, "X": 0.125 * unit}
    assert image.pixel_size == pytest.approx(expected)


@pytest.mark.filterwarnings("default:.*its labels")
def test_labels_are_left_out_and_said(tmp_path: Path, identity: str) -> None:
    from tests.io.ome_zarr.test_kept import with_labels

    path = with_labels(tmp_path / "a.zarr", "0.5", "cells")
    result = upscale(path, tmp_path / "b.zarr", "--model", identity)
    assert result.exit_code == 0
    assert result.stderr == f"note: {path}: its labels (cells) are not in the result\n"
    assert not (tmp_path / "b.zarr" / "labels").exists()


def test_axes_that_contradict_the_file_are_refused(tmp_path: Path, identity: str) -> None:
    size = {"X": 0.4, "Y": 0.8}
    source = write_image(tmp_path / "a.tif", ImageFile(pixels(3, 9, 12), "CYX", size))
    out = tmp_path / "out.tif"
    line = refusal(upscale(source, out, "--model", identity, "--axes", "YCX"))
    assert "axes='YCX' takes the channels of the file for Y; its own axes are 'CYX'" in line
    assert not out.exists()


def test_images_of_one_file_go_into_files_of_their_names(tmp_path: Path, identity: str) -> None:
    with tifffile.TiffWriter(tmp_path / "two.ome.tif", ome=True) as file:
        for name in ("left eye", "right/eye"):
            file.write(pixels(9, 12), metadata={"axes": "YX", "Name": name})
    done(upscale(tmp_path / "two.ome.tif", tmp_path / "out", "--model", identity))
    assert names(tmp_path / "out") == ["two-left_eye.tif", "two-right_eye.tif"]


# --- what cannot be ------------------------------------------------------------------------------


def test_several_images_do_not_go_into_one_file(tmp_path: Path, identity: str) -> None:
    for name in ("a.tif", "b.tif"):
        write_image(tmp_path / name, ImageFile(pixels(9, 9), "YX"))
    before = names(tmp_path)
    said = refusal(upscale(tmp_path / "*.tif", tmp_path / "out.tif", "--model", identity))
    assert "2 images cannot go into the one file" in said
    assert names(tmp_path) == before


def test_results_of_one_name_are_refused(tmp_path: Path, identity: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "a.tif", "b.tif"):
        write_image(folder / name, ImageFile(pixels(9, 9), "YX"))
    said = refusal(upscale(folder, tmp_path / "out", "--model", identity))
    assert "a.png and" in said
    assert "would go into the one file" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["source.tif", ".", "link.tif"])
def test_the_source_is_never_overwritten(
    tmp_path: Path, source: Path, identity: str, out: str
) -> None:
    (tmp_path / "link.tif").hardlink_to(source)
    before = source.read_bytes()
    said = refusal(upscale(source, tmp_path / out, "--model", identity))
    assert "the result would overwrite the image; choose another folder" in said
    assert source.read_bytes() == before


@pytest.mark.parametrize("given", ["absent.tif", "absent/*.tif", "empty"])
def test_a_missing_input_is_named(tmp_path: Path, identity: str, given: str) -> None:
    (tmp_path / "empty").mkdir()
    said = refusal(upscale(tmp_path / given, tmp_path / "out.tif", "--model", identity))
    assert f"{given}: no image there (.tif, .tiff, .png, .jpg, .jpeg, " in said
    assert names(tmp_path) == ["empty", "models"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tile", "0"), "tile=0; allowed are 'auto' or a number of pixels of at least 1"),
        (("--tile", "-5"), "tile=-5; allowed"),
        (("--tile", "²"), "tile='²'; allowed"),
        (("--tile", "--5"), "tile='--5'; allowed"),
        (("--tile", "1.5"), "tile='1.5'; allowed"),
        (("--device", "tpu"), "device='tpu' is not there; this machine has "),
        (("--device", "cuda:99"), "device='cuda:99' is not there"),
        (("--precision", "float8"), "precision='float8'; allowed are auto, float32"),
        (("--model", "unknown"), "there is no model 'unknown'; known are "),
        (("--model", "unknown.safetensors"), "unknown.safetensors: there is no such file"),
        (("--model", "{source}"), "source.tif: not a whole .safetensors file"),
        (("--axes", "ZYX"), "axes='ZYX' names 3 axes, but the image has 2"),
        (("--axes", "YQ"), "axes='YQ' has ['Q']; allowed are"),
        (("--detail", "2"), "detail=2.0; it must lie between 0"),
        (("--detail", "1"), "fidelity end only, so detail=1 cannot be had"),
        (("--consistency", "-1"), "consistency=-1; it must be a number of steps from 0 up"),
        (("--normalise", "loud"), "normalise='loud'; allowed are 'auto', 'none' or (low, high)"),
        (("--normalise", "a,b"), "normalise='a,b'; allowed are"),
        (("--normalise", "1,2,3"), "normalise='1,2,3'; allowed are"),
        (("--normalise", "5,5"), "normalise=(5.0, 5.0); allowed are"),
        (("--normalise", "0,nan"), "normalise=(0.0, nan); allowed are"),
    ],
)
def test_an_option_that_cannot_be_is_said_in_one_sentence(
    tmp_path: Path, source: Path, identity: str, options: tuple[str, str], message: str
) -> None:
    before = names(tmp_path)
    given = [o.replace("{source}", str(source)) for o in options]
    said = refusal(upscale(source, tmp_path / "new" / "out.tif", "--model", identity, *given))
    assert message in said
    assert names(tmp_path) == before


def test_channels_that_do_not_fit_the_model_are_named(
    tmp_path: Path, own_models: Path, make_identity: MakeModel
) -> None:
    store(own_models, "bands", make_identity(5))
    source = write_image(tmp_path / "source.tif", ImageFile(pixels(2, 9, 12), "CYX"))
    before = names(tmp_path)
    said = refusal(upscale(source, tmp_path / "out.tif", "--model", "bands"))
    assert "takes 5 channels at once, which this image does not have: C has 2" in said
    assert names(tmp_path) == before


def test_a_colour_model_takes_two_channels_one_by_one(tmp_path: Path, colours: str) -> None:
    data = pixels(2, 9, 12)
    source = write_image(tmp_path / "source.tif", ImageFile(data, "CYX"))
    done(upscale(source, tmp_path / "out.tif", "--model", colours))
    written = tifffile.imread(tmp_path / "out.tif")
    assert np.array_equal(written, data.repeat(4, 1).repeat(4, 2))


def test_a_broken_image_is_named(tmp_path: Path, identity: str) -> None:
    source = tmp_path / "source.tif"
    source.write_text("none")
    said = refusal(upscale(source, tmp_path / "out.tif", "--model", identity))
    assert "source.tif: cannot be read (not a TIFF file" in said
    assert not (tmp_path / "out.tif").exists()


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("out.jpg", "out.jpg: cannot be written; allowed are .tif, .tiff, .png, .nii"),
        ("file", "file: is a file without a suffix, not a folder"),
        ("out.png", "a PNG holds one grey image"),
        ("file/out.tif", "file"),
    ],
)
def test_a_target_that_cannot_be_is_named(
    tmp_path: Path, identity: str, out: str, message: str
) -> None:
    (tmp_path / "file").write_text("none")
    source = write_image(tmp_path / "source.tif", ImageFile(pixels(3, 9, 12), "ZYX"))
    before = names(tmp_path)
    assert message in refusal(upscale(source, tmp_path / out, "--model", identity))
    assert names(tmp_path) == before
    assert (tmp_path / "file").read_text() == "none"


def test_numbers_that_cannot_be_written_are_refused_before_the_work(
    tmp_path: Path, identity: str
) -> None:
    source = tmp_path / "source.tif"
    tifffile.imwrite(source, pixels(9, 12, dtype="int64"), metadata=None)
    said = refusal(upscale(source, tmp_path / "out.tif", "--model", identity))
    assert "OME-TIFF does not hold int64" in said


@pytest.mark.parametrize("dtype", ["bool", "complex64"])
def test_images_without_intensities_are_refused(tmp_path: Path, identity: str, dtype: str) -> None:
    source = tmp_path / "source.tif"
    tifffile.imwrite(source, np.ones((9, 12), dtype), metadata=None)
    said = refusal(upscale(source, tmp_path / "out.tif", "--model", identity))
    assert f"the image has dtype {dtype}; allowed are integers and floats" in said


@pytest.mark.filterwarnings("default:left out")
def test_warnings_are_notes(tmp_path: Path, source: Path, own_models: Path, identity: str) -> None:
    (own_models / "broken.safetensors").write_bytes(b"none")
    result = upscale(source, tmp_path / "out.tif", "--model", identity)
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("note: left out of the list of models: ")


# --- pairs, words --------------------------------------------------------------------------------


def test_planning_creates_nothing(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "out"
    assert find_jobs([str(source)], str(out)) == ([Job(source, out / "source.tif")], [])
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("0,255", (0, 255)),
        ("-1e3, 2.5", (-1000, 2.5)),
        ("", ""),
        (",", ","),
        ("1,", "1,"),
        ("1;2", "1;2"),
        ("1", "1"),
        ("1,2,3", "1,2,3"),
    ],
)
def test_a_normalisation_is_two_numbers_or_a_word(text: str, meaning: object) -> None:
    assert parse_normalise(text) == meaning


@pytest.mark.parametrize(("text", "meaning"), [("64", 64), ("-1", -1), ("auto", "auto"), ("", "")])
def test_a_tile_is_a_number_or_a_word(text: str, meaning: object) -> None:
    assert parse_tile(text) == meaning


# --- models, doctor ------------------------------------------------------------------------------


def test_models_lists_what_is_known_of_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_models: Path, make_model: MakeModel
) -> None:
    monkeypatch.setattr("napari_srgan.models.registry.SHIPPED", tmp_path / "none")
    figures = {"Set5": {"PSNR": 31.25, "SSIM": 0.875}}
    store(own_models, "two", make_model(), description="For cells.", figures=figures)
    store(own_models, "two", make_model(), end="adversarial")
    store(own_models, "one", make_model(3, scale=2), end="adversarial", description="For towns.")
    lines = done(call("models")).splitlines()
    assert [line.split() for line in lines] == [
        ["one", "×2", "3", "ch", "adversarial"],
        ["For", "towns."],
        ["two", "×4", "1", "ch", "fidelity", "and", "adversarial"],
        ["For", "cells."],
        ["Set5:", "PSNR", "31.25,", "SSIM", "0.875"],
        ["your", "own", "models", "go", "into", str(own_models)],
    ]


def test_doctor_says_what_the_machine_has(own_models: Path, identity: str) -> None:
    lines = dict(line.split(maxsplit=1) for line in done(call("doctor")).splitlines())
    assert lines["python"].startswith(".".join(map(str, sys.version_info[:3])))
    assert {"torch", "napari", "numpy", "tifffile", "processor", "cpu"} <= lines.keys()
    assert "GiB free" in lines["cpu"]
    assert "identity" in lines["models"]
    assert str(own_models) in "\n".join(lines.values())


@pytest.mark.parametrize("command", ["demo", "upscale", "models", "doctor"])
def test_every_command_has_help(command: str) -> None:
    assert command in done(call("--help"))
    assert len(done(call(command, "--help"))) > 100


def test_the_command_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "napari_srgan.cli", "upscale", "absent.tif", "out.tif"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.returncode == 1
    assert ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert line.startswith("napari-srgan: absent.tif: no image there")


@pytest.mark.parametrize("program", ["napari_srgan.cli", "srgan_training.cli"])
def test_one_who_reads_no_further_is_told_nothing(
    tmp_path: Path, identity: str, program: str
) -> None:
    plain_errors = importlib.import_module(program).plain_errors
    with pytest.raises(BrokenPipeError), plain_errors():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    for name in ("a.tif", "b.tif"):
        write_image(tmp_path / name, ImageFile(pixels(9, 9), "YX"))
    options = ["--model", identity, "--device", "cpu", "--no-progress"]
    commands = {
        "napari_srgan.cli": [
            *(["--help"], ["models"], ["doctor"]),
            ["upscale", str(tmp_path), str(tmp_path / "out/"), *options],
        ],
        "srgan_training.cli": [["--help"], ["schema"]],
    }
    for command in commands[program]:
        code = f"import sys; from {program} import app; app(sys.argv[1:])"
        reads, writes = os.pipe()
        os.close(reads)
        with open(writes, "wb") as nobody:
            done = subprocess.run(
                [sys.executable, "-c", code, *command],
                stdout=nobody,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert (done.stderr, done.returncode) == (b"", 1), command
