"""Read and write NIfTI files with their affine."""

from __future__ import annotations

import gzip
import io
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..formats import written_by
from ..guard import reading, replacing
from ..image_file import Channel, ImageFile
from ..medical_affine import Affine, reverse_axes, voxel_size
from ..rename_axes import named
from .header import LENGTHS, RAS, TIMES, header_of, is_header
from .voxels import SLAB, Voxels, open_nifti

__all__ = ["WRITABLE", "check_image", "read_nifti", "write_nifti"]

WRITABLE = written_by("nifti.volume:write_nifti")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = (*INTEGERS, "float32", "float64")


def read_nifti(path: Path | str, limit: int | None = None) -> list[ImageFile]:
    """Read a NIfTI-1 or NIfTI-2 file.

    The axes of the array are permuted and flipped, never resampled, to the closest anatomical
    orientation: Z towards superior, Y towards posterior, X towards left. An axial slice then has
    the radiological orientation. A fourth dimension is T, a fifth C; colour samples are S.

    Parameters
    ----------
    path
        A ``.nii``, a ``.nii.gz`` (under any name), or either file of a pair ``.hdr`` and ``.img``.
    limit
        Bytes of pixels above which the array is lazy (dask) and read in slabs. Those of a
        compressed file are fast in file order and slow in any other.

    Returns
    -------
    list of ImageFile
        A single image, with its affine in mm (mm is assumed if the file has no unit). Scaled
        intensities are float32, others keep their stored dtype. ``metadata`` holds nibabel's
        ``header``, the file's own ``affine`` from voxels to right, anterior, superior, and the
        ``time_start`` of T in s.

    Raises
    ------
    ValueError
        If it is not a NIfTI file, is truncated or claims more voxels than it can hold, or nibabel
        is missing.
    OSError
        If the file does not exist or the system cannot read it.
    MemoryError
        If the voxels do not fit in memory.
    """
    path, nib = Path(path), _nibabel()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    with reading(path):
        image = open_nifti(nib, path)
        if not isinstance(image, (nib.Nifti1Pair, nib.Nifti2Pair)):
            raise ValueError(f"it is no NIfTI file but a {type(image).__name__}")
        header, voxels = image.header, Voxels(path, image)
        length, time = header.get_xyzt_units()
        own = _affine(header)
        orientations = nib.orientations
        change = orientations.ornt_transform(
            orientations.io_orientation(own), orientations.axcodes2ornt(("L", "P", "S"))
        )
        turned = own @ orientations.inv_ornt_aff(change, voxels.grid[:3])
        data, axes = _canonical(voxels, change, limit)

        affine = reverse_axes(RAS @ turned)
        affine[:3] *= LENGTHS.get(length, 1.0)
        size = voxel_size(affine)
        if "T" in axes and time in TIMES and math.isfinite(step := float(header["pixdim"][4])):
            size |= {"T": step * TIMES[time]} if step > 0 else {}
        metadata: dict[str, Any] = {"header": header, "affine": own}
        start = float(header["toffset"])
        if start and time in TIMES and math.isfinite(start):
            metadata["time_start"] = start * TIMES[time]
        window = (float(header["cal_min"]), float(header["cal_max"]))
        shown = "C" not in axes and "S" not in axes and -math.inf < window[0] < window[1] < math.inf
        return [
            ImageFile(
                data,
                axes,
                size,
                unit="mm",
                channels=(Channel(window=window),) if shown else (),
                affine=affine,
                metadata=metadata,
            )
        ]


def _nibabel() -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise ValueError('NIfTI files need nibabel: pip install "napari-srgan[medical]"') from error
    return nibabel


def _affine(header: Any) -> Affine:
    """Return the first valid affine of a header: sform, qform, or else the voxel size alone."""
    ways = [header.get_sform] if header["sform_code"] > 0 else []
    ways += [header.get_qform] if header["qform_code"] > 0 else []
    for way in (*ways, header.get_base_affine):
        try:
            affine = np.asarray(way(), np.float64)
        except Exception:  # for example an invalid quaternion
            continue
        with np.errstate(all="ignore"):
            sizes = np.linalg.norm(affine[:3, :3], axis=0)
            if not np.isfinite(affine).all() or not 1e-9 < sizes.min() <= sizes.max() < 1e9:
                continue
            if abs(np.linalg.det(affine[:3, :3] / sizes)) > 1e-3:
                return affine
    return RAS.copy()


def _canonical(voxels: Voxels, change: Any, limit: int | None) -> tuple[Any, str]:
    """Reorient the voxels by an orientation of nibabel, and return them with their axes."""
    to = {int(axis): i for i, axis in enumerate(change[:, 0])}
    order = [3, 4, to[2], to[1], to[0], *range(5, voxels.ndim)]
    turn = tuple(slice(None, None, int(step)) for step in change[:, 1])
    drop = tuple(0 if voxels.grid[i] == 1 else slice(None) for i in (3, 4))
    kept = "".join(letter for letter, part in zip("TC", drop, strict=True) if part != 0)
    axes = f"{kept}ZYX{'S' if voxels.samples else ''}"
    if limit is not None and voxels.nbytes > limit:
        return voxels.lazy()[turn].transpose(order)[drop], axes
    # Allocated in final order and filled through a view in file order, to avoid a second copy.
    data = np.empty([voxels.shape[i] for i in order], voxels.dtype)
    voxels.whole(data.transpose(np.argsort(order))[turn])
    return data[drop], axes


def write_nifti(path: Path | str, image: ImageFile, description: str = "") -> Path:
    """Write an image as NIfTI with its affine, in slabs.

    The array is written with x towards right and y towards anterior if ``image`` has them towards
    left and posterior, as most programs expect. sform and qform are both set, with the codes of
    the source file, whose intent, slice order, times, texts and extensions are kept as far as
    they apply to the result. Axes longer than 32767 need NIfTI-2. A temporary file in the same
    folder is renamed at the end.

    Raises
    ------
    ValueError
        If the suffix is not in ``WRITABLE``, or NIfTI cannot store the image.
    OSError
        If the folder is not writable or the disk is full.
    """
    path, nib = Path(path), _nibabel()
    if not path.name.lower().endswith(WRITABLE):
        raise ValueError(f"{path}: cannot be written; allowed are {', '.join(WRITABLE)}")
    image = _along_body(nib, image)
    data = _in_file_order(path, image)
    packed_header = io.BytesIO()
    header_of(nib, image, data, description).write_to(packed_header)
    before = packed_header.getvalue()

    def write(beside: Path) -> None:
        with beside.open("wb") as plain:
            if not path.name.lower().endswith(".gz"):
                plain.write(before)
                for slab in _slabs(data):
                    slab.tofile(plain)
                return
            with gzip.GzipFile("", "wb", 3, plain, mtime=0) as packed:
                packed.write(before)
                for slab in _slabs(data):
                    packed.write(slab.data)

    return replacing(path, write)


def check_image(path: Path, image: ImageFile) -> None:
    """Refuse an image that `write_nifti` cannot write, without access to its pixels.

    Raises
    ------
    ValueError
        If NIfTI cannot store the image, or nibabel is missing.
    """
    _nibabel()
    _in_file_order(path, image)


def _along_body(nib: Any, image: ImageFile) -> ImageFile:
    """Rename the axes of a volume from a NIfTI file to those of its orientation when read.

    They differ after super-resolution in another plane than Y and X.
    """
    axes, affine = image.axes or "", image.affine
    if (
        affine is None
        or not {*"ZYX"} <= {*axes}
        or not is_header(nib, image.metadata.get("header"))
    ):
        return image
    along = nib.orientations.io_orientation(affine)[:, 0]
    if np.isnan(along).any():
        return image
    letters = {"ZYX"[i]: "ZYX"[int(to)] for i, to in enumerate(along)}
    return named(image, "".join(letters.get(a, a) for a in axes))


def _in_file_order(path: Path, image: ImageFile) -> Any:
    """Return the array as ``(C, T, Z, Y, X)`` or ``(C, T, Z, Y, X, S)``, with Y and X flipped."""
    data, axes = image.data, image.axes or "ZYX"[-image.data.ndim :]
    if (
        len(axes) != data.ndim
        or len(set(axes)) != len(axes)
        or not {*"YX"} <= {*axes} <= {*"TCZYXS"}
    ):
        raise ValueError(f"{path}: axes={axes!r} for an image of shape {data.shape}")
    samples = data.shape[axes.index("S")] if "S" in axes else 0
    if samples and (data.dtype != np.uint8 or samples not in (3, 4)):
        raise ValueError(
            f"{path}: NIfTI holds colours as three or four samples of uint8, "
            f"not {samples} of {data.dtype}"
        )
    if data.dtype.name not in DTYPES:
        raise ValueError(
            f"{path}: NIfTI does not hold {data.dtype}; convert the image to one of "
            f"{', '.join(DTYPES)}"
        )
    data = data.transpose([axes.index(a) for a in "CTZYXS" if a in axes])
    data = data[tuple(slice(None) if a in axes else None for a in "CTZYXS"[: 5 + bool(samples)])]
    return data[..., ::-1, ::-1, :] if samples else data[..., ::-1, ::-1]


def _slabs(data: Any) -> Iterator[npt.NDArray[Any]]:
    """Yield an array in parts in memory order, along the chunks of a lazy one."""
    chunks = getattr(data, "chunks", None) or [(n,) for n in data.shape]
    item = data.dtype.itemsize
    for c, t in itertools.product(range(data.shape[0]), range(data.shape[1])):
        z = 0
        for depth in chunks[2]:
            for part in _parts(z, depth, SLAB // max(1, math.prod(data.shape[3:]) * item)):
                if part.stop - part.start > 1 or math.prod(data.shape[3:]) * item <= SLAB:
                    yield np.ascontiguousarray(data[c, t, part])
                    continue
                y = 0
                for height in chunks[3]:
                    rows = max(1, SLAB // (math.prod(data.shape[4:]) * item))
                    for band in _parts(y, height, rows):
                        yield np.ascontiguousarray(data[c, t, part.start, band])
                    y += height
            z += depth


def _parts(start: int, length: int, most: int) -> Iterator[slice]:
    """Split a range into ranges of at most ``most`` (and at least one) entries."""
    most = max(1, most)
    for first in range(start, start + length, most):
        yield slice(first, min(first + most, start + length))
