"""Many files by one command: none is lost, and a bad one costs itself only."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import torch
import zarr

from napari_srgan import io
from napari_srgan.io.tiff.reader import ImageFile, read_image, write_image
from tests.conftest import MakeModel, a_disk_with_room_for
from tests.io.dicom.test_reader import series
from tests.test_cli import call, done, names, pixels, refusal, store, upscale


@pytest.fixture
def identity(own_models: Path, make_identity: MakeModel) -> str:
    store(own_models, "identity", make_identity())
    return "identity"


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Return a folder of two images of 9 × 12 pixels."""
    folder = tmp_path / "two"
    folder.mkdir()
    for name in ("a.tif", "b.tif"):
        write_image(folder / name, ImageFile(pixels(9, 12), "YX"))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- bad files -----------------------------------------------------------------------------------


def test_bad_files_cost_themselves_only(two: Path, tmp_path: Path, identity: str) -> None:
    (two / "0.tif").touch()
    (two / "aa.png").write_bytes(b"none")
    tifffile.imwrite(two / "mask.tif", np.ones((9, 9), bool), metadata=None)
    result = upscale(two, tmp_path / "out", "--model", identity)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert names(tmp_path / "out") == ["a.tif", "b.tif"]
    assert len(result.stdout.splitlines()) == 2
    first, *listed = result.stderr.splitlines()
    assert first == "napari-srgan: 3 of 5 failed:"
    assert [line.split(":")[0].strip() for line in listed] == [
        str(two / name) for name in ("0.tif", "aa.png", "mask.tif")
    ]
    assert "cannot be read" in listed[0]
    assert "the image has dtype bool; allowed are integers and floats" in listed[2]


def test_images_beside_a_dicom_series_are_done_too(
    two: Path, tmp_path: Path, identity: str
) -> None:
    series(two, pixels(3, 9, 12))
    done(upscale(two, tmp_path / "out", "--model", identity))
    assert names(tmp_path / "out") == ["a.tif", "b.tif", "two.nii.gz"]


def test_hidden_files_are_no_images_unless_they_are_named(
    two: Path, tmp_path: Path, identity: str
) -> None:
    (two / "._a.tif").write_bytes(b"\0\5\x16\7" + bytes(60))
    (two / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (two / ".hidden.tif").write_bytes((two / "a.tif").read_bytes())
    done(upscale(two, tmp_path / "out", "--model", identity))
    assert names(tmp_path / "out") == ["a.tif", "b.tif"]
    done(upscale(two / "**", tmp_path / "again", "--model", identity))
    assert names(tmp_path / "again") == ["a.tif", "b.tif"]
    done(upscale(two / ".hidden.tif", tmp_path / "named.tif", "--model", identity))
    assert (tmp_path / "named.tif").exists()


def test_what_is_not_there_is_listed_beside_what_is(
    two: Path, tmp_path: Path, identity: str
) -> None:
    given = (two / "a.tif", two / "absent.tif", two / "no*.tif")
    result = upscale(*given, tmp_path / "out", "--model", identity)
    assert result.exit_code == 1
    assert names(tmp_path / "out") == ["a.tif"]
    first, *listed = result.stderr.splitlines()
    assert first == "napari-srgan: 2 of 3 failed:"
    assert listed[0].startswith(f"  {two / 'absent.tif'}: no image there")
    assert listed[1].startswith(f"  {two / 'no*.tif'}: no image there")


@pytest.mark.parametrize(
    "wrong",
    [
        ("--model", "unknown"),
        ("--model", "{folder}/w.pth"),
        ("--normalise", "loud"),
        ("--device", "tpu"),
        ("--precision", "float8"),
        ("--tile", "0"),
        ("--consistency", "-1"),
        ("--detail", "2"),
        ("--axes", "YQ"),
    ],
)
def test_a_wrong_option_is_said_once_and_before_the_batch(
    two: Path, tmp_path: Path, identity: str, wrong: tuple[str, str]
) -> None:
    (two / "a.tif").write_bytes(b"broken: it would be named if it were read")
    given = [part.replace("{folder}", str(tmp_path)) for part in wrong]
    said = refusal(upscale(two, tmp_path / "out", "--model", identity, *given))
    assert "a.tif" not in said
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_no_half_file(two: Path, tmp_path: Path, identity: str) -> None:
    rng = np.random.default_rng(0)
    write_image(two / "aa.tif", ImageFile(rng.integers(0, 255, (300, 300), "uint8"), "YX"))
    for folder in ("out", "zarrs"):
        source = two
        if folder == "zarrs":
            source = tmp_path / "stores"
            source.mkdir()
            for name in ("a", "aa"):
                io.write(source / f"{name}.zarr", read_image(two / f"{name}.tif"))
        with a_disk_with_room_for(20_000):
            ran = upscale(source, tmp_path / folder, "--model", identity)
        assert ran.exit_code == 1
        assert "aa." in ran.stderr
        assert not [name for name in names(tmp_path / folder) if name.startswith("aa")]
        assert [name for name in names(tmp_path / folder) if name.startswith("a.")]


@pytest.mark.parametrize("end", [".tif", ".zarr"])
def test_a_stop_leaves_no_half_file(tmp_path: Path, end: str) -> None:
    image = ImageFile(da.from_array(pixels(600, 600), chunks=(300, 600)), "YX")

    def stop(block: Any, block_info: Any = None) -> Any:
        if block_info[None]["chunk-location"] == (1, 0):
            raise KeyboardInterrupt
        return block

    stopped = replace(image, data=image.data.map_blocks(stop, dtype="uint8"))
    with pytest.raises(KeyboardInterrupt):
        io.write(tmp_path / f"out{end}", stopped)
    assert not (tmp_path / f"out{end}").exists()
    io.write(tmp_path / f"out{end}", image)
    with pytest.raises(KeyboardInterrupt):
        io.write(tmp_path / f"out{end}", stopped)
    (whole,) = io.read(tmp_path / f"out{end}")
    assert (np.asarray(whole.data) == image.data.compute()).all()


# --- files that are there ------------------------------------------------------------------------


def test_a_file_that_is_there_is_kept(two: Path, tmp_path: Path, identity: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.tif").write_bytes(b"precious")
    result = upscale(two, out, "--model", identity)
    assert result.exit_code == 1
    assert (out / "a.tif").read_bytes() == b"precious"
    assert read_image(out / "b.tif").data.shape == (36, 48)
    assert f"{out / 'a.tif'}: is there already and is kept; --overwrite replaces" in result.stderr
    assert "--skip-existing" in result.stderr


def test_existing_files_can_be_passed_over(two: Path, tmp_path: Path, identity: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.tif").write_bytes(b"precious")
    said = done(upscale(two, out, "--model", identity, "--skip-existing"))
    assert f"{two / 'a.tif'}: skipped, since {out / 'a.tif'} is there" in said
    assert (out / "a.tif").read_bytes() == b"precious"
    assert names(out) == ["a.tif", "b.tif"]


def test_existing_files_can_be_overwritten(two: Path, tmp_path: Path, identity: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.tif").write_bytes(b"old")
    done(upscale(two, out, "--model", identity, "--overwrite"))
    assert read_image(out / "a.tif").data.shape == (36, 48)
    assert "exclude each other" in refusal(
        upscale(two, out, "--model", identity, "--overwrite", "--skip-existing")
    )


@pytest.mark.parametrize("options", [(), ("--overwrite",), ("--skip-existing",)])
@pytest.mark.parametrize("count", [2, 3])
def test_a_forgotten_out_overwrites_no_original(
    two: Path, identity: str, options: tuple[str, ...], count: int
) -> None:
    if count == 3:
        write_image(two / "c.tif", ImageFile(pixels(9, 12), "YX"))
    before = contents(two)
    result = upscale(*sorted(two.glob("*.tif")), "--model", identity, *options)
    assert contents(two) == before
    if count == 3:
        assert "2 images cannot go into the one file" in refusal(result)
    elif options != ("--skip-existing",):
        said = refusal(result)
        assert str(two / "b.tif") in said
        assert "OUT was forgotten" in said or "name a folder last" in said


def test_a_file_that_is_no_earlier_result_is_kept(two: Path, tmp_path: Path, identity: str) -> None:
    out = tmp_path / "out.tif"
    out.write_bytes(b"of a kind that cannot be read here")
    said = refusal(upscale(two / "a.tif", out, "--model", identity, "--overwrite"))
    assert "out.tif: is kept even with --overwrite" in said
    assert out.read_bytes() == b"of a kind that cannot be read here"
    out.write_bytes(b"")
    for _ in range(2):
        done(upscale(two / "a.tif", out, "--model", identity, "--overwrite"))
        assert read_image(out).data.shape == (36, 48)


def test_a_forgotten_out_overwrites_no_zarr(tmp_path: Path, identity: str) -> None:
    for name in ("a.zarr", "b.zarr"):
        io.write(tmp_path / "in" / name, ImageFile(pixels(9, 12), "YX"))
    before = contents(tmp_path / "in")
    for options in ((), ("--overwrite",)):
        given = (tmp_path / "in" / "a.zarr", tmp_path / "in" / "b.zarr")
        refusal(upscale(*given, "--model", identity, *options))
        refusal(upscale(given[0], f"{given[1]}/", "--model", identity, *options))
        assert contents(tmp_path / "in") == before


def test_no_result_takes_the_place_of_another_image(
    two: Path, tmp_path: Path, identity: str
) -> None:
    write_image(tmp_path / "b.png", ImageFile(pixels(9, 12), "YX"))
    before = contents(two)
    given = (tmp_path / "b.png", two / "b.tif")
    said = refusal(upscale(*given, f"{two}/", "--model", identity, "--overwrite"))
    assert "b.tif" in said
    assert contents(two) == before


def test_a_folder_that_is_no_zarr_is_not_replaced(two: Path, tmp_path: Path, identity: str) -> None:
    (tmp_path / "notes.zarr").mkdir()
    (tmp_path / "notes.zarr" / "notes.txt").write_text("precious")
    out = tmp_path / "notes.zarr"
    refusal(upscale(two / "a.tif", out, "--model", identity, "--overwrite"))
    assert names(out) == ["notes.txt"]


# --- paths ---------------------------------------------------------------------------------------


def test_several_images_and_then_a_folder_are_taken(
    two: Path, tmp_path: Path, identity: str
) -> None:
    given = (two / "a.tif", two / "b.tif", two / "*.tif")
    done(upscale(*given, tmp_path / "out", "--model", identity))
    assert names(tmp_path / "out") == ["a.tif", "b.tif"]


def test_one_path_alone_lacks_out(two: Path) -> None:
    result = call("upscale", two)
    assert result.exit_code == 2
    assert "OUT" in result.stderr
    assert "Missing argument" in result.stderr


@pytest.mark.parametrize("name", ["run.2", "results", "results.tif"])
def test_a_trailing_slash_means_a_folder(
    two: Path, tmp_path: Path, identity: str, name: str
) -> None:
    done(upscale(two / "a.tif", f"{tmp_path / name}/", "--model", identity))
    assert names(tmp_path / name) == ["a.tif"]
    (tmp_path / "file.tif").write_bytes(b"precious")
    said = refusal(upscale(two / "a.tif", f"{tmp_path / 'file.tif'}/", "--model", identity))
    assert "file.tif/: is a file, not a folder" in said


def test_two_stars_descend(two: Path, tmp_path: Path, identity: str) -> None:
    (two / "deep" / "er").mkdir(parents=True)
    write_image(two / "deep" / "er" / "c.tif", ImageFile(pixels(9, 12), "YX"))
    done(upscale(two / "**" / "*.tif", tmp_path / "out", "--model", identity))
    assert names(tmp_path / "out") == ["a.tif", "b.tif", "deep"]
    assert names(tmp_path / "out" / "deep" / "er") == ["c.tif"]


def test_images_of_one_name_keep_their_folders(two: Path, tmp_path: Path, identity: str) -> None:
    (two / "deep").mkdir()
    write_image(two / "deep" / "a.tif", ImageFile(pixels(9, 12), "YX"))
    done(upscale(two / "**" / "*.tif", tmp_path / "out", "--model", identity))
    assert names(tmp_path / "out") == ["a.tif", "b.tif", "deep"]
    assert names(tmp_path / "out" / "deep") == ["a.tif"]


def test_where_a_result_goes_does_not_depend_on_other_images(
    two: Path, tmp_path: Path, identity: str
) -> None:
    (two / "deep").mkdir()
    write_image(two / "deep" / "c.tif", ImageFile(pixels(9, 12), "YX"))
    given = (two / "*" / "*.tif", tmp_path / "out", "--model", identity, "--skip-existing")
    done(upscale(*given))
    assert names(tmp_path / "out" / "deep") == ["c.tif"]
    (two / "other").mkdir()
    write_image(two / "other" / "c.tif", ImageFile(pixels(9, 12), "YX"))
    said = done(upscale(*given))
    assert "c.tif: skipped, since" in said
    assert names(tmp_path / "out") == ["deep", "other"]
    assert names(tmp_path / "out" / "other") == ["c.tif"]


def test_images_of_one_name_that_are_named_are_refused(
    two: Path, tmp_path: Path, identity: str
) -> None:
    (two / "deep").mkdir()
    write_image(two / "deep" / "a.tif", ImageFile(pixels(9, 12), "YX"))
    given = (two / "a.tif", two / "deep" / "a.tif")
    said = refusal(upscale(*given, tmp_path / "out", "--model", identity))
    assert "would go into the one file" in said
    assert "a pattern such as '*/*.tif', which keeps their folders" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name", ["a.tif", "a.png", "a.jpg", "a.dcm", "a.nii", "a.nii.gz", "a.svs", "a.bmp"]
)
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, identity: str, name: str) -> None:
    (tmp_path / name).touch()
    said = refusal(upscale(tmp_path / name, tmp_path / "out.tif", "--model", identity))
    assert said.endswith(f"{name}: cannot be read (the file is empty)")


def test_a_tilde_is_home(
    two: Path, tmp_path: Path, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    done(upscale("~/two/*.tif", "~/out", "--model", identity))
    assert names(tmp_path / "out") == ["a.tif", "b.tif"]
    done(upscale("~/two/a.tif", "~/one.tif", "--model", identity))
    assert read_image(tmp_path / "one.tif").data.shape == (36, 48)


# --- Zarr, checkpoints ---------------------------------------------------------------------------


def put_array(path: Path, **options: Any) -> np.ndarray:
    data = pixels(9, 12, 7)
    array = zarr.create_array(store=str(path), shape=data.shape, dtype="uint8", **options)
    array[:] = data
    return data


def test_a_plain_zarr_array_is_read_with_the_axes_that_it_names(
    tmp_path: Path, identity: str
) -> None:
    data = put_array(tmp_path / "in.zarr", dimension_names=["y", "x", "band"])
    said = done(upscale(tmp_path / "in.zarr", tmp_path / "out.tif", "--model", identity))
    assert "axes YXC, " in said
    image = read_image(tmp_path / "out.tif")
    assert np.array_equal(image.data, np.moveaxis(data, 2, 0).repeat(4, 1).repeat(4, 2))


def test_axes_that_a_zarr_array_does_not_name_are_guessed(tmp_path: Path, identity: str) -> None:
    put_array(tmp_path / "in.zarr", zarr_format=2)
    said = done(upscale(tmp_path / "in.zarr", tmp_path / "out", "--model", identity))
    assert "axes ZYX (guessed)" in said
    assert names(tmp_path / "out") == ["in.zarr"]


def test_the_names_that_xarray_gives_a_zarr_array_count(tmp_path: Path) -> None:
    put_array(tmp_path / "in.zarr", zarr_format=2)
    attributes = {"_ARRAY_DIMENSIONS": ["time", "lat", "lon"], "_FillValue": 9}
    (tmp_path / "in.zarr" / ".zattrs").write_text(json.dumps(attributes))
    (image,) = io.read(tmp_path / "in.zarr")
    assert (image.axes, image.nodata) == ("TYX", 9)


def test_a_group_of_zarr_names_its_arrays(tmp_path: Path, identity: str) -> None:
    put_array(tmp_path / "group.zarr" / "raw")
    zarr.open_group(str(tmp_path / "group.zarr"), mode="a")
    said = refusal(upscale(tmp_path / "group.zarr", tmp_path / "out.tif", "--model", identity))
    assert "it is a group of Zarr, but no OME-Zarr; name one of its arrays: raw" in said


@pytest.mark.parametrize("nodata", [0, 255, 100])
@pytest.mark.parametrize("channels", [1, 3])
def test_bands_miss_no_more_than_those_of_their_source(
    tmp_path: Path, own_models: Path, make_identity: MakeModel, channels: int, nodata: int
) -> None:
    rasterio = pytest.importorskip("rasterio")
    model = make_identity(channels)
    with torch.no_grad():
        assert model.network.tail.bias is not None
        # Results that would be the value that stands for none: those beside it.
        model.network.tail.bias -= 0.7 / 255 if nodata < 255 else -0.7 / 255
    store(own_models, "darker", model)
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, (3, 30, 40)).astype("uint8")
    data[data == nodata] = 50
    data[:, 5:12, 5:20] = nodata
    data[0, 18:24, 5:20] = nodata
    data[1:, 18:24, 25:35] = nodata
    data[:, 25:29, 5:35] = nodata + 1 if nodata < 255 else 254
    place = rasterio.Affine(10, 0, 399960, 0, -10, 5300040)
    size = {"width": 40, "height": 30, "count": 3, "dtype": "uint8"}
    form = {"crs": "EPSG:32633", "transform": place, "nodata": nodata, "photometric": "rgb"}
    with rasterio.open(tmp_path / "a.tif", "w", **size, **form) as file:
        file.write(data)
    done(upscale(tmp_path / "a.tif", tmp_path / "out", "--model", "darker"))
    with (
        rasterio.open(tmp_path / "a.tif") as source,
        rasterio.open(tmp_path / "out" / "a.tif") as result,
    ):
        assert result.nodata == nodata
        before, after = (
            [file.read_masks(band) == 0 for band in (1, 2, 3)] + [file.dataset_mask() == 0]
            for file in (source, result)
        )
    fine = [missing.repeat(4, 0).repeat(4, 1) for missing in before]
    assert all(missing.any() for missing in fine)
    assert np.array_equal(after[3], fine[3])
    for there, allowed in zip(after[:3], fine[:3], strict=True):
        assert not (there & ~allowed).any()
