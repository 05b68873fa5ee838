"""Create the NIfTI header of a result, with metadata of its source."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..image_file import ImageFile
from ..medical_affine import Affine, reverse_axes

__all__ = ["LENGTHS", "RAS", "TIMES", "header_of", "is_header"]

LENGTHS = {"meter": 1e3, "mm": 1.0, "micron": 1e-3, "m": 1e3, "µm": 1e-3}
"""length in mm of the units of NIfTI and of `ImageFile`"""
TIMES = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
"""length of each unit in s"""
RAS = np.diag([-1.0, -1, 1, 1])
"""conversion between the coordinates of NIfTI (right, anterior, superior) and DICOM (left,
posterior, superior), its own inverse"""
MOST_CLASSIC = 32767
"""maximal length of an axis in NIfTI-1; longer ones need NIfTI-2"""
DESCRIPTION = 79
"""length of the field descrip in bytes"""
KEPT = ("intent_code", "intent_p1", "intent_p2", "intent_p3", "intent_name", "aux_file", "toffset")
"""fields that are copied to the result"""
BACKWARD = {0: 0, 1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5}
"""slice acquisition orders, and their codes for reversed slices"""


def header_of(nib: Any, image: ImageFile, data: Any, description: str) -> Any:
    """Return the NIfTI header of an image.

    Parameters
    ----------
    nib
        nibabel.
    image
        The image to write.
    data
        Its array as ``(C, T, Z, Y, X)`` or ``(C, T, Z, Y, X, S)``, with Y and X flipped.
    description
        Description of the processing.
    """
    grid = data.shape[4::-1]
    classic = max(grid) <= MOST_CLASSIC
    header = (nib.Nifti1Header if classic else nib.Nifti2Header)()
    dtype = data.dtype
    if data.ndim == 6:
        dtype = np.dtype([(letter, "u1") for letter in "RGBA"[: data.shape[5]]])
    header.set_data_dtype(dtype)
    header.set_data_shape(_without_ones(grid))
    header["magic"] = b"n+1" if classic else b"n+2\0\r\n\x1a\n"

    known = LENGTHS.get(image.unit)
    affine, size = image.affine, image.pixel_size
    if affine is None:
        affine = np.diag([*(float(size.get(axis, 1)) for axis in "ZYX"), 1.0])
        known = known if {"Y", "X"} <= size.keys() else None
    own = RAS @ reverse_axes(affine)
    own[:3] *= known or 1.0
    for axis in (0, 1):  # y and x of the array are flipped
        own[:3, 3] += own[:3, axis] * (grid[axis] - 1)
        own[:3, axis] *= -1
    found = image.metadata.get("header")
    source = found if is_header(nib, found) else None
    before = image.metadata.get("affine")
    codes = [int(source[f"{form}form_code"]) for form in "sq"] if source is not None else []
    codes = [code if code in range(1, 5) else 0 for code in codes]
    code = next(filter(None, codes), 1 if image.affine is not None else 2)
    header.set_qform(own, code, strip_shears=True)
    header.set_sform(own, code)
    header.set_slope_inter(1, 0)
    time = size.get("T")
    if time:
        header["pixdim"][4] = time
    header.set_xyzt_units("mm" if known else None, "sec" if time else None)
    header["toffset"] = float(image.metadata.get("time_start") or 0.0)
    if len(image.channels) == 1 and image.channels[0].window:
        header["cal_min"], header["cal_max"] = sorted(image.channels[0].window)
    if source is not None:
        carry(header, source, None if before is None else np.asarray(before, np.float64))
    text = description
    if source is not None and (told := _text(source["descrip"])):
        text = f"{description}; {told}" if description else told
        if len(text.encode()) > DESCRIPTION and description:
            # A text that is too long for the field is stored in a comment extension.
            comment = nib.nifti1.Nifti1Extension("comment", told.encode())
            header.extensions.append(comment)
    header["descrip"] = text.encode()[:DESCRIPTION].decode(errors="ignore").encode()
    header.set_data_offset(header.template_dtype.itemsize + 4 + header.extensions.get_sizeondisk())
    return header


def is_header(nib: Any, source: object) -> bool:
    """Whether an object is a NIfTI header of nibabel."""
    return isinstance(source, (nib.Nifti1Header, nib.Nifti2Header))


def _without_ones(grid: tuple[int, ...]) -> tuple[int, ...]:
    """Remove trailing lengths of 1 from a shape of at least three axes."""
    while len(grid) > 3 and grid[-1] == 1:
        grid = grid[:-1]
    return grid


def carry(header: Any, source: Any, before: Affine | None) -> None:
    """Copy the metadata of a source header that still apply.

    Parameters
    ----------
    header
        Header of the result, with its sform set.
    source
        Header of the source.
    before
        Affine of the source from voxels to world, in its unit.
    """
    for name in KEPT:
        header[name] = source[name]
    for extension in source.extensions:
        header.extensions.append(extension)
    if not (header["cal_min"] or header["cal_max"]) and source["datatype"] == header["datatype"]:
        header["cal_min"], header["cal_max"] = source["cal_min"], source["cal_max"]
    length, time = source.get_xyzt_units()
    if time != "unknown":
        own = header.get_xyzt_units()
        step = float(header["pixdim"][4])
        header.set_xyzt_units(own[0], time)
        if own[1] == "sec":
            header["pixdim"][4] = step / TIMES.get(time, 1.0)
        elif header["dim"][0] > 3:
            header["pixdim"][4] = source["pixdim"][4]
    if before is None:
        return
    scaled = before.copy()
    scaled[:3] *= LENGTHS.get(length, 1.0)
    with np.errstate(all="ignore"):
        try:
            # From voxels of the source to voxels of the result.
            moved = np.asarray(np.linalg.inv(header.get_sform()) @ scaled, np.float64)
            back = np.asarray(np.linalg.inv(moved), np.float64)
        except np.linalg.LinAlgError:
            return
    if np.isfinite(moved).all() and np.isfinite(back).all():
        _slices(header, source, moved)
        _second_form(header, source, back, LENGTHS.get(length, 1.0))


def _slices(header: Any, source: Any, moved: Affine) -> None:
    """Copy the axis roles (frequency, phase, slice) and the slice timing."""
    roles: list[int | None] = []
    for axis in source.get_dim_info():
        column = np.abs(moved[:3, axis]) if axis is not None and axis < 3 else np.zeros(3)
        to = int(column.argmax())
        # An axis that is oblique in the result has no role.
        straight = column[to] > 0 and np.delete(column, to).max() < 0.01 * column[to]
        roles.append(to if straight else None)
    to_slice, axis = roles[2], source.get_dim_info()[2]
    if to_slice is not None and axis is not None:
        count = int(header["dim"][1 + to_slice])
        step, first = float(moved[to_slice, axis]), float(moved[to_slice, 3])
        if step < 0:
            first = float(moved[to_slice] @ [*((count - 1) * (i == axis) for i in range(3)), 1])
        whole = abs(abs(step) - 1) < 1e-3 and abs(first) < 1e-2
        if int(source["dim"][1 + axis]) != count or not whole:
            to_slice = roles[2] = None
        else:
            _times(header, source, count, step < 0)
    header.set_dim_info(*roles)


def _times(header: Any, source: Any, count: int, backward: bool) -> None:
    """Copy the slice timing, for reversed slices if ``backward``."""
    code, begin, end = (int(source[f"slice_{n}"]) for n in ("code", "start", "end"))
    if code not in BACKWARD or not 0 <= begin <= end < count:
        return
    if math.isfinite(duration := float(source["slice_duration"])):
        header["slice_duration"] = duration
    if backward and (begin or end):
        begin, end = count - 1 - end, count - 1 - begin
    header["slice_code"] = BACKWARD[code] if backward else code
    header["slice_start"], header["slice_end"] = begin, end


def _second_form(header: Any, source: Any, back: Affine, unit: float) -> None:
    """Copy a qform that refers to another space than the sform."""
    code, other = int(source["qform_code"]), int(source["sform_code"])
    if code not in range(1, 5) or other not in range(1, 5):
        return
    try:
        form = np.asarray(source.get_qform(), np.float64)
    except Exception:  # for example an invalid quaternion
        return
    form[:3] *= unit
    form = form @ back
    if np.isfinite(form).all() and abs(np.linalg.det(form[:3, :3])) > 1e-12:
        header.set_qform(form, code, strip_shears=True)


def _text(field: Any) -> str:
    """Decode a field of bytes as text."""
    return bytes(field.item()).split(b"\0")[0].decode("utf-8", "ignore").strip()
