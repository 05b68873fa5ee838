"""NIfTI files come in with their place in the body and go out with it."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_srgan.io.finer_image import finer_image
from napari_srgan.io.image_file import Channel, ImageFile
from napari_srgan.io.medical_affine import reverse_axes
from napari_srgan.io.nifti.volume import read_nifti, write_nifti

nib = pytest.importorskip("nibabel")

rng = np.random.default_rng(0)
Affine = npt.NDArray[np.float64]
RAS = np.diag([-1.0, -1, 1, 1])


def noise(*shape: int, dtype: str = "int16") -> npt.NDArray[Any]:
    return (rng.random(shape) * 200).astype(dtype)


def turned(angles: tuple[float, float, float], zooms: tuple[float, float, float]) -> Affine:
    """Return an affine (RAS) turned about x, y and z in degrees, away from the origin."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(angles)):
        a, b = [i for i in range(3) if i != axis]
        turn = np.eye(3)
        turn[[a, b], [a, b]], turn[a, b], turn[b, a] = np.cos(angle), -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = matrix @ np.diag(zooms), (-91.7, 126.4, -71.9)
    return affine


AFFINES = {
    "straight": np.diag([2.0, 3, 4, 1]),
    "radiological": turned((0, 0, 0), (0.7, 0.7, 5)) @ np.diag([-1.0, 1, 1, 1]),
    "oblique": turned((12, -7, 25), (0.5, 0.9, 6)),
    "sagittal": turned((12, -7, 25), (0.5, 0.9, 6))[:, [2, 0, 1, 3]],
    "upside down": turned((170, 5, 3), (1, 1, 3)),
    "coronal": turned((93, 2, -4), (0.8, 1.1, 2.5)),
}


def save(path: Path, data: npt.NDArray[Any], affine: Affine | None = None, **more: Any) -> Path:
    image = nib.Nifti1Image(data, np.eye(4) if affine is None else affine, **more)
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)
    return path


def read(path: Path, limit: int | None = None) -> ImageFile:
    (image,) = read_nifti(path, limit)
    return image


def corners(shape: tuple[int, ...], affine: Affine) -> Affine:
    """Return the outer corners of a grid in the world, sorted."""
    edges = [(-0.5, n - 0.5) for n in shape]
    points = np.array([[a, b, c, 1] for a in edges[0] for b in edges[1] for c in edges[2]])
    world: Affine = (affine @ points.T)[:3].T
    return world[np.lexsort(world.round(2).T)]


# --- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [None, 10])
@pytest.mark.parametrize("kind", AFFINES)
def test_every_voxel_keeps_its_place_in_the_body(
    tmp_path: Path, kind: str, limit: int | None
) -> None:
    data = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
    path = save(tmp_path / "a.nii", data, AFFINES[kind])
    image = read(path, limit)
    stored = nib.load(path)
    assert image.axes == "ZYX"
    assert image.affine is not None
    got = np.asarray(image.data)
    for index in [(0, 0, 0), (1, 2, 3), (4, 0, 5)]:
        (place,) = np.argwhere(got == data[index])
        world = image.affine @ [*place, 1]
        ras = stored.affine @ [*index, 1]
        assert world[:3] == pytest.approx([ras[2], -ras[1], -ras[0]], abs=1e-4)


@pytest.mark.parametrize("kind", AFFINES)
def test_axes_run_towards_superior_posterior_left(tmp_path: Path, kind: str) -> None:
    image = read(save(tmp_path / "a.nii", noise(5, 6, 7), AFFINES[kind]))
    assert image.affine is not None
    directions = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    assert (np.diag(directions) > 0.6).all()
    assert image.pixel_size == pytest.approx(
        dict(zip("ZYX", np.linalg.norm(image.affine[:3, :3], axis=0), strict=True))
    )


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".img"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((5, 6, 7), "ZYX"),
        ((5, 6), "ZYX"),
        ((5, 6, 1), "ZYX"),
        ((5, 6, 7, 3), "TZYX"),
        ((5, 6, 7, 1), "ZYX"),
        ((5, 6, 7, 3, 2), "TCZYX"),
        ((5, 6, 7, 1, 3), "CZYX"),
        ((5, 6, 7, 3, 1, 1), "TZYX"),
    ],
)
@pytest.mark.parametrize("limit", [None, 10])
def test_dimensions_become_axes(
    tmp_path: Path, suffix: str, shape: tuple[int, ...], axes: str, limit: int | None
) -> None:
    data = noise(*shape)
    if suffix == ".img":
        path = tmp_path / "a.img"
        nib.save(nib.Nifti1Pair(data, np.eye(4)), path)
    else:
        path = save(tmp_path / f"a{suffix}", data)
    image = read(path, limit)
    assert image.axes == axes
    assert image.data.dtype == np.int16
    whole = data.reshape((*shape, 1, 1, 1)[:5])[::-1, ::-1]
    expected = whole.transpose(3, 4, 2, 1, 0)
    expected = expected.reshape(
        [n for n, a in zip(expected.shape, "TCZYX", strict=True) if a in axes]
    )
    assert np.array_equal(np.asarray(image.data), expected)


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "uint16", "int32", "int64", "float32", "float64", ">i2", ">f4"]
)
def test_unscaled_intensities_keep_their_dtype(tmp_path: Path, dtype: str) -> None:
    data = noise(4, 5, 6, dtype="uint8").clip(0, 100).astype(dtype)
    header = nib.Nifti1Header(endianness=">" if dtype[0] == ">" else "<")
    header.set_data_dtype(np.dtype(dtype))
    image = read(save(tmp_path / "a.nii", data, header=header))
    assert image.data.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(image.data, data.T[:, ::-1, ::-1])


@pytest.mark.parametrize("limit", [None, 10])
def test_scaled_intensities_are_float32(tmp_path: Path, limit: int | None) -> None:
    data = noise(4, 5, 6)
    image = nib.Nifti1Image(data, np.eye(4))
    image.header.set_slope_inter(0.5, -1000)
    nib.save(image, tmp_path / "a.nii")
    # nibabel divides before it saves what it has been told is scaled already
    stored = nib.load(tmp_path / "a.nii").get_fdata()
    got = read(tmp_path / "a.nii", limit).data
    assert got.dtype == np.float32
    assert np.asarray(got) == pytest.approx(stored.T[:, ::-1, ::-1], abs=1e-3)


def test_nan_stays(tmp_path: Path) -> None:
    data = noise(4, 5, 6, dtype="float32")
    data[1, 2, 3] = np.nan
    got = read(save(tmp_path / "a.nii.gz", data)).data
    assert np.isnan(got[3, -3, -2])
    assert np.isnan(got).sum() == 1


@pytest.mark.parametrize("limit", [None, 10])
@pytest.mark.parametrize("letters", ["RGB", "RGBA"])
def test_colours_become_samples(tmp_path: Path, letters: str, limit: int | None) -> None:
    data = noise(4, 5, 6, len(letters), dtype="uint8")
    packed = data.view([(letter, "u1") for letter in letters])[..., 0]
    image = read(save(tmp_path / "a.nii", packed), limit)
    assert image.axes == "ZYXS"
    assert np.array_equal(np.asarray(image.data), data.transpose(2, 1, 0, 3)[:, ::-1, ::-1])


@pytest.mark.parametrize(("unit", "length"), [("mm", 1), ("micron", 1e-3), ("meter", 1e3)])
@pytest.mark.parametrize(("time", "second"), [("sec", 1), ("msec", 1e-3), ("unknown", None)])
def test_units_become_mm_and_s(
    tmp_path: Path, unit: str, length: float, time: str, second: float | None
) -> None:
    stored = nib.Nifti1Image(noise(4, 5, 6, 2), np.diag([2.0, 3, 4, 1]))
    stored.header.set_zooms((2, 3, 4, 1.5))
    stored.header.set_xyzt_units(unit, time)
    nib.save(stored, tmp_path / "a.nii")
    image = read(tmp_path / "a.nii")
    size = {"X": 2 * length, "Y": 3 * length, "Z": 4 * length}
    if second:
        size["T"] = 1.5 * second
    assert image.unit == "mm"
    assert image.pixel_size == pytest.approx(size)
    assert image.affine is not None
    assert np.diag(image.affine) == pytest.approx([4 * length, 3 * length, 2 * length, 1])


def test_a_lazy_array_is_read_slab_by_slab(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("napari_srgan.io.nifti.voxels.SLAB", 5 * 6 * 2 * 2)
    data = noise(5, 6, 8, 2)
    image = read(save(tmp_path / "a.nii.gz", data), 10)
    assert image.data.chunks[1] == (2, 2, 2, 2)
    assert np.array_equal(image.data[1, 3:5].compute(), data.T[1, 3:5, ::-1, ::-1])
    assert np.array_equal(read(tmp_path / "a.nii.gz").data, image.data.compute())


def test_the_header_and_its_affine_are_kept(tmp_path: Path) -> None:
    image = read(save(tmp_path / "a.nii", noise(4, 5, 6), AFFINES["oblique"]))
    assert isinstance(image.metadata["header"], nib.Nifti1Header)
    assert image.metadata["affine"] == pytest.approx(AFFINES["oblique"], abs=1e-4)


@pytest.mark.parametrize("broken", ["zero", "nan", "flat"])
def test_an_unusable_sform_gives_way_to_the_qform(tmp_path: Path, broken: str) -> None:
    stored = nib.Nifti1Image(noise(4, 5, 6), AFFINES["straight"])
    stored.header.set_qform(AFFINES["straight"], 1)
    header = stored.header
    header["sform_code"] = 1
    header["srow_x"] = {"zero": 0, "nan": np.nan, "flat": header["srow_y"]}[broken]
    path = tmp_path / "a.nii"
    path.write_bytes(header.structarr.tobytes() + bytes(4) + bytes(999))
    content = bytearray(path.read_bytes())
    content[108:112] = np.float32(352).tobytes()
    path.write_bytes(content)
    assert read(path).pixel_size == pytest.approx({"X": 2, "Y": 3, "Z": 4})


# --- refusals ------------------------------------------------------------------------------------


def test_no_file_is_said_to_be_absent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"a\.nii: there is no such file"):
        read_nifti(tmp_path / "a.nii")


def test_complex_voxels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="save their magnitude"):
        read_nifti(save(tmp_path / "a.nii", noise(4, 5, 6).astype("complex64")))


def test_analyze_is_refused(tmp_path: Path) -> None:
    nib.save(nib.AnalyzeImage(noise(4, 5, 6), np.eye(4)), tmp_path / "a.img")
    with pytest.raises(ValueError, match="it is no NIfTI file"):
        read_nifti(tmp_path / "a.img")


def test_without_nibabel_its_extra_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(ValueError, match=r'pip install "napari-srgan\[medical\]"'):
        read_nifti(tmp_path / "a.nii")


# --- writing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    ("axes", "shape", "back"),
    [
        ("YX", (20, 30), "ZYX"),
        ("ZYX", (4, 20, 30), "ZYX"),
        ("TZYX", (2, 4, 20, 30), "TZYX"),
        ("TCZYX", (2, 3, 4, 20, 30), "TCZYX"),
        ("CYX", (3, 20, 30), "CZYX"),
        ("ZYXS", (4, 20, 30, 3), "ZYXS"),
        ("YXS", (20, 30, 4), "ZYXS"),
        ("XYZ", (4, 20, 30), "ZYX"),
    ],
)
def test_an_image_comes_back_as_it_was(
    tmp_path: Path, suffix: str, axes: str, shape: tuple[int, ...], back: str
) -> None:
    data = noise(*shape, dtype="uint8")
    size = {"X": 0.25, "Y": 0.5, "Z": 2.0, "T": 1.5}
    path = write_nifti(tmp_path / f"a{suffix}", ImageFile(data, axes, size, "mm"))
    image = read(path)
    assert image.axes == back
    expected = data.transpose([axes.index(a) for a in back if a in axes])
    assert image.data.dtype == data.dtype
    assert np.array_equal(image.data.reshape(expected.shape), expected)
    assert image.pixel_size == {a: s for a, s in size.items() if a in "XYZ" or a in axes}


@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float32", "float64"]
)
def test_intensities_keep_their_dtype(tmp_path: Path, dtype: str) -> None:
    data = noise(4, 20, 30, dtype="uint8").clip(0, 100).astype(dtype)
    image = read(write_nifti(tmp_path / "a.nii", ImageFile(data, "ZYX")))
    assert image.data.dtype == dtype
    assert np.array_equal(image.data, data)


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("kind", AFFINES)
def test_a_finer_result_fills_the_box_of_its_source(tmp_path: Path, kind: str, scale: int) -> None:
    path = save(tmp_path / "a.nii", noise(9, 10, 7), AFFINES[kind])
    source = read(path)
    z, y, x = source.data.shape
    result = finer_image(source, noise(z, y * scale, x * scale), "ZYX", scale)
    written = write_nifti(tmp_path / "b.nii", result)

    loaded = nib.load(path)
    box = corners(loaded.shape, RAS @ loaded.affine)
    again = read(written)
    assert again.affine is not None
    assert np.array_equal(again.data, result.data)
    own = corners(again.data.shape[::-1], reverse_axes(again.affine))
    assert own == pytest.approx(box, abs=1e-4)

    stored = nib.load(written)
    for form in (stored.get_sform(), stored.get_qform()):
        assert corners(stored.shape, RAS @ form) == pytest.approx(box, abs=1e-3)
    assert corners(stored.shape, RAS @ stored.affine) == pytest.approx(box, abs=1e-4)

    sitk = pytest.importorskip("SimpleITK")
    seen = sitk.ReadImage(str(written))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(seen.GetDirection(), (3, 3)) @ np.diag(seen.GetSpacing())
    affine[:3, 3] = seen.GetOrigin()
    assert corners(seen.GetSize(), affine) == pytest.approx(box, abs=1e-4)
    place = seen.TransformPhysicalPointToIndex(again.affine[2::-1, 3].tolist())
    assert seen[place] == again.data[0, 0, 0]


def test_a_lazy_image_is_written_as_a_whole_one(tmp_path: Path, monkeypatch: Any) -> None:
    da = pytest.importorskip("dask.array")
    monkeypatch.setattr("napari_srgan.io.nifti.volume.SLAB", 3000)
    data = noise(2, 7, 40, 50)
    for chunks in [(1, 2, 40, 50), (1, 1, 7, 9), (2, 7, 40, 50)]:
        lazy = ImageFile(da.from_array(data, chunks=chunks), "TZYX")
        assert np.array_equal(read(write_nifti(tmp_path / "a.nii.gz", lazy)).data, data)


def test_the_header_says_units_window_codes_and_origin(tmp_path: Path) -> None:
    image = ImageFile(
        noise(3, 4, 20, 30),
        "TZYX",
        {"X": 0.3, "Y": 0.3, "Z": 2, "T": 1.5},
        unit="µm",
        channels=(Channel(window=(-100, 300)),),
    )
    header = nib.load(write_nifti(tmp_path / "a.nii", image, "ä" * 99)).header
    assert header.get_xyzt_units() == ("mm", "sec")
    assert header.get_zooms() == pytest.approx((3e-4, 3e-4, 2e-3, 1.5))
    assert (header["cal_min"], header["cal_max"]) == (-100, 300)
    assert header["descrip"].item().decode() == "ä" * 39
    assert (header["sform_code"], header["qform_code"]) == (2, 2)

    source = nib.Nifti1Image(noise(4, 5, 6), AFFINES["oblique"])
    source.set_sform(AFFINES["oblique"], 4)
    nib.save(source, tmp_path / "b.nii")
    header = nib.load(write_nifti(tmp_path / "c.nii", read(tmp_path / "b.nii"))).header
    assert (header["sform_code"], header["qform_code"]) == (4, 4)


# --- what else a header says ---------------------------------------------------------------------


def told(path: Path, affine: Any, shape: tuple[int, ...] = (6, 7, 9, 3)) -> Any:
    """Write a file that says all that a header may, and return it as nibabel has it."""
    made = nib.Nifti1Image(noise(*shape), affine)
    header = made.header
    header.set_intent("f test", (3, 4), name="activity")
    header.set_xyzt_units("mm", "msec")
    header["pixdim"][4], header["toffset"] = 2500, 700
    header.set_dim_info(freq=1, phase=0, slice=2)
    header["slice_code"], header["slice_duration"] = 3, 250
    header["slice_start"], header["slice_end"] = 1, 8
    header["descrip"], header["aux_file"] = b"told by a scanner", b"more.txt"
    header["cal_min"], header["cal_max"] = 5, 150
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"a comment"))
    header.extensions.append(nib.nifti1.Nifti1Extension("afni", b"<AFNI_attributes/>"))
    nib.save(made, path)
    return nib.load(path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_what_else_a_header_says_is_carried(tmp_path: Path, suffix: str) -> None:
    before = told(tmp_path / "a.nii", np.diag([0.5, 0.5, 4, 1])).header
    finer = finer_image(read(tmp_path / "a.nii"), noise(3, 9, 28, 24), "TZYX", 4)
    after = nib.load(write_nifti(tmp_path / f"b{suffix}", finer, "made finer"))
    assert np.array_equal(np.asarray(after.dataobj)[::-1, ::-1].T, finer.data)
    header = after.header
    assert header.get_intent() == before.get_intent()
    assert header.get_xyzt_units() == ("mm", "msec")
    assert header.get_zooms() == pytest.approx((0.125, 0.125, 4, 2500))
    assert header.get_dim_info() == (1, 0, 2)
    for name in ("slice_code", "slice_start", "slice_end", "slice_duration", "toffset", "aux_file",
                 "cal_min", "cal_max"):  # fmt: skip
        assert header[name] == before[name], name
    assert header["descrip"].item() == b"made finer; told by a scanner"
    assert [(e.get_code(), e.get_content()) for e in header.extensions] == [
        (e.get_code(), e.get_content()) for e in before.extensions
    ]
    assert np.array_equal(read(tmp_path / f"b{suffix}").data, finer.data)


def test_slices_that_are_turned_round_are_timed_from_the_other_end(tmp_path: Path) -> None:
    before = told(tmp_path / "a.nii", np.diag([0.5, 0.5, -4, 1]))
    finer = finer_image(read(tmp_path / "a.nii"), noise(3, 9, 14, 12), "TZYX", 2)
    header = nib.load(write_nifti(tmp_path / "b.nii", finer)).header
    # Slice 1 was the first in time, and has become slice 7 of 9.
    assert (header["slice_code"], header["slice_start"], header["slice_end"]) == (4, 0, 7)
    assert header.get_slice_times()[::-1] == before.header.get_slice_times()


def test_slices_that_are_made_finer_have_no_times(tmp_path: Path) -> None:
    told(tmp_path / "a.nii", np.diag([0.5, 4, 0.5, 1]), (6, 7, 9, 3))
    finer = finer_image(read(tmp_path / "a.nii"), noise(3, 18, 7, 12), "TYZX", 2)
    header = nib.load(write_nifti(tmp_path / "b.nii", finer)).header
    assert header["slice_code"] == header["slice_duration"] == 0
    assert header.get_dim_info() == (1, 0, None)


@pytest.mark.parametrize("unit", ["mm", "micron"])
def test_a_qform_beside_another_sform_stays_beside_it(tmp_path: Path, unit: str) -> None:
    made = nib.Nifti1Image(noise(6, 7, 5), None)
    turn = np.radians(10)
    scanner = np.diag([0.5, 0.5, 4, 1])
    scanner[:2, :2] = 0.5 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    scanner[:3, 3] = 3, 4, 5
    atlas = np.diag([-0.6, 0.6, 4.2, 1])
    made.set_qform(scanner, 1)
    made.set_sform(atlas, 4)
    made.header.set_xyzt_units(unit)
    nib.save(made, tmp_path / "a.nii")
    finer = finer_image(read(tmp_path / "a.nii"), noise(5, 28, 24), "ZYX", 4)
    after = nib.load(write_nifti(tmp_path / "b.nii", finer))
    assert (after.header["sform_code"], after.header["qform_code"]) == (4, 1)
    size = {"mm": 1, "micron": 1e-3}[unit]
    for own, other in ((scanner, after.get_qform()), (atlas, after.get_sform())):
        box = corners((6, 7, 5), own)
        there = np.diag([1 / size, 1 / size, 1 / size, 1]) @ other
        assert corners((24, 28, 5), there) == pytest.approx(box, abs=1e-4)


def test_a_long_description_is_kept_in_a_comment(tmp_path: Path) -> None:
    made = nib.Nifti1Image(noise(4, 5, 6), np.eye(4))
    made.header["descrip"] = b"x" * 70
    nib.save(made, tmp_path / "a.nii")
    header = nib.load(
        write_nifti(tmp_path / "b.nii", read(tmp_path / "a.nii"), "made finer")
    ).header
    assert header["descrip"].item() == b"made finer; " + b"x" * 67
    assert [(e.get_code(), e.get_content()) for e in header.extensions] == [(6, b"x" * 70)]


def test_long_axes_are_written_as_nifti2(tmp_path: Path) -> None:
    data = noise(1, 2, 40_000, dtype="uint8")
    path = write_nifti(tmp_path / "a.nii", ImageFile(data, "ZYX", {"X": 0.1, "Y": 0.1}, "mm"))
    assert isinstance(nib.load(path), nib.Nifti2Image)
    assert np.array_equal(read(path).data, data)


def test_the_same_image_gives_the_same_bytes(tmp_path: Path) -> None:
    image = ImageFile(noise(4, 20, 30), "ZYX")
    first = write_nifti(tmp_path / "a.nii.gz", image).read_bytes()
    assert write_nifti(tmp_path / "b.nii.gz", image).read_bytes() == first
    assert gzip.decompress(first)[344:347] == b"n+1"


@pytest.mark.parametrize("dtype", ["float16", "complex64", "bool"])
def test_numbers_that_nifti_lacks_are_refused(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(ValueError, match=f"NIfTI does not hold {dtype}; convert the image to one"):
        write_nifti(tmp_path / "a.nii", ImageFile(np.ones((3, 4, 5), dtype), "ZYX"))
    with pytest.raises(ValueError, match="colours as three or four samples of uint8"):
        write_nifti(tmp_path / "a.nii", ImageFile(np.ones((4, 5, 3), "uint16"), "YXS"))
    with pytest.raises(ValueError, match=r"allowed are \.nii, \.nii\.gz"):
        write_nifti(tmp_path / "a.hdr", ImageFile(np.ones((3, 4, 5), "uint8"), "ZYX"))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_whole(tmp_path: Path) -> None:
    da = pytest.importorskip("dask.array")
    path = write_nifti(tmp_path / "a.nii", ImageFile(noise(3, 4, 5), "ZYX"))
    before = path.read_bytes()

    def fails(block: npt.NDArray[Any]) -> npt.NDArray[Any]:
        raise RuntimeError("no more tiles")

    lazy = da.from_array(noise(3, 4, 5)).map_blocks(fails, dtype="int16", meta=np.empty(0, "int16"))
    with pytest.raises(RuntimeError, match="no more tiles"):
        write_nifti(path, ImageFile(lazy, "ZYX"))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.dat", "a.tif", "a.nii", "a.nii.gz", "a.nii.GZ"])
@pytest.mark.parametrize("version", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_single_file_is_opened_by_its_content_under_any_name(
    tmp_path: Path, name: str, version: Any
) -> None:
    data = noise(4, 5, 6)
    content = version(data, np.diag([-1.0, -1, 1, 1])).to_bytes()
    for stored in (content, gzip.compress(content)):
        (tmp_path / name).write_bytes(stored)
        for limit in (None, 1):
            image = read(tmp_path / name, limit)
            assert isinstance(image.data, np.ndarray) == (limit is None)
            assert np.array_equal(np.asarray(image.data), data.T)
    (tmp_path / name).write_bytes(gzip.compress(content)[:-20])
    with pytest.raises(ValueError, match="cannot be read"):
        read(tmp_path / name)
