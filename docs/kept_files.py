"""Files of medicine and label images whose facts `kept` follows into results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import zarr
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from napari_srgan.io import ImageFile

Check = Callable[[ImageFile, ImageFile], bool]
"""whether what is known of one image is known of another"""
MILLIMETRES = {"µm": 1e-3, "mm": 1.0, "m": 1e3}
PIXELS = np.random.default_rng(0).integers(1, 200, (3, 12, 16)).astype("int16")


def ct(folder: Path) -> Path:
    """Write a series of CT with padding, a window and a place in the body."""
    for number, plane in enumerate(PIXELS):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.{number}")
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
        tags: dict[str, Any] = {"SOPClassUID": CTImageStorage, "SOPInstanceUID": f"1.2.3.{number}"}
        tags |= {"SeriesInstanceUID": "1.2.3", "Modality": "CT", "PatientName": "A"}
        tags |= {"Rows": 12, "Columns": 16, "SamplesPerPixel": 1, "BitsAllocated": 16}
        tags |= {"BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1}
        tags |= {"PhotometricInterpretation": "MONOCHROME2", "PixelSpacing": [0.5, 0.5]}
        tags |= {"ImagePositionPatient": [10, 20, 2.5 * number], "SliceThickness": 2.5}
        tags |= {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelPaddingValue": 7}
        tags |= {"RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": 40}
        for name, value in (tags | {"WindowWidth": 400}).items():
            setattr(image, name, value)
        image.PixelData = np.where(plane < 20, 7, plane).astype("int16").tobytes()
        image["PixelData"].VR = "OW"
        image.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return folder


def volume(folder: Path) -> Path:
    """Write a NIfTI with a turned place, a window, an intent, a time and a text."""
    affine = np.diag([0.5, 0.5, 2.5, 1])
    affine[:3, 3] = 10, 20, 30
    affine[1, 2], affine[2, 1] = -0.5, 0.1
    create: Any = nibabel.Nifti1Image
    made = create(np.stack([PIXELS.T] * 2, -1), affine)
    made.header.set_xyzt_units("mm", "sec")
    made.header["pixdim"][4], made.header["toffset"] = 1.5, 3.0
    made.header["cal_min"], made.header["cal_max"] = 10, 90
    made.header.set_intent("z score")
    made.header["aux_file"] = b"atlas"
    made.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"kept"))
    made.set_sform(affine, code="mni")
    nibabel.save(made, folder / "a.nii.gz")
    return folder / "a.nii.gz"


def labelled(folder: Path) -> Path:
    """Write an OME-Zarr with a label image."""
    path = folder / "a.zarr"
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    steps = [{"type": "scale", "scale": [2.0, 0.5, 0.5]}]
    levels = [{"path": "0", "coordinateTransformations": steps}]
    said: dict[str, Any] = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": levels}]}
    colours = [{"label-value": 1, "rgba": [255, 0, 0, 255]}]
    about = {"image-label": {"version": "0.4", "colors": colours}}
    for place, more in ((path, {}), (path / "labels" / "cells", about)):
        group = zarr.open_group(str(place), mode="a", zarr_format=2)
        group.create_array("0", shape=PIXELS.shape, dtype="uint16")[...] = PIXELS
        group.update_attributes(said | more)
    zarr.open_group(str(path / "labels"), mode="a", zarr_format=2).attrs["labels"] = ["cells"]
    return path


def same_affine(made: ImageFile, read: ImageFile) -> bool:
    """Check the map from voxels to the body."""
    if made.affine is None or read.affine is None:
        return False
    lengths = [MILLIMETRES[image.unit] for image in (made, read)]
    one, other = (i.affine[:3] * n for i, n in zip((made, read), lengths, strict=True))  # type: ignore[index]
    return np.allclose(one, other, atol=1e-4)


def same_voxels(made: ImageFile, read: ImageFile) -> bool:
    """Check the size of voxels."""
    one, other = (
        [image.pixel_size.get(a, 0) * MILLIMETRES[image.unit] for a in "ZYX"]
        for image in (made, read)
    )
    return np.allclose(one, other, rtol=1e-5)


def same_intensities(made: ImageFile, read: ImageFile) -> bool:
    """Check that intensities are those of the header, not the stored numbers."""
    return np.array_equal(np.asarray(made.data), np.asarray(read.data))


def same_window(made: ImageFile, read: ImageFile) -> bool:
    """Check the intensities that are shown as black and white."""
    windows = [[channel.window for channel in image.channels] for image in (made, read)]
    return bool(windows[0]) and windows[0] == windows[1]


def same_nodata(made: ImageFile, read: ImageFile) -> bool:
    """Check the value of pixels without one."""
    return made.nodata is not None and made.nodata == read.nodata


def same_time(made: ImageFile, read: ImageFile) -> bool:
    """Check the time between volumes."""
    time, other = (image.pixel_size.get("T", 0.0) for image in (made, read))
    return time > 0 and bool(np.isclose(time, other))


def same_header(*fields: str) -> Check:
    """Return a check of fields of a header of NIfTI."""

    def check(made: ImageFile, read: ImageFile) -> bool:
        headers = [image.metadata.get("header") for image in (made, read)]
        if any(not isinstance(header, nibabel.Nifti1Header) for header in headers):
            return False
        return all(str(headers[0][f]) == str(headers[1][f]) for f in fields)  # type: ignore[index]

    return check


def same_extensions(made: ImageFile, read: ImageFile) -> bool:
    """Check the extensions of a header of NIfTI."""
    found = [
        [e.get_content() for e in getattr(image.metadata.get("header"), "extensions", ())]
        for image in (made, read)
    ]
    return bool(found[0]) and found[0] == found[1]


def same_patient(made: ImageFile, read: ImageFile) -> bool:
    """Check the elements of a DICOM header."""
    names = [getattr(i.metadata.get("header"), "PatientName", None) for i in (made, read)]
    return names[0] is not None and names[0] == names[1]


def same_labels(made: ImageFile, read: ImageFile) -> bool:
    """Check the label images that belong to an image."""
    return bool(made.labels) and len(made.labels) == len(read.labels)


FILES: dict[str, tuple[Callable[[Path], Path], Check, str]] = {
    "DICOM: size of voxels": (ct, same_voxels, ""),
    "DICOM: place in the body": (ct, same_affine, ""),
    "DICOM: rescaled intensities": (ct, same_intensities, ""),
    "DICOM: window": (ct, same_window, ""),
    "DICOM: padding": (ct, same_nodata, "means no data"),
    "DICOM: patient, and all other elements": (ct, same_patient, ""),
    "NIfTI: size of voxels": (volume, same_voxels, ""),
    "NIfTI: place in the body, turned": (volume, same_affine, "turned"),
    "NIfTI: time between volumes": (volume, same_time, ""),
    "NIfTI: window (cal_min, cal_max)": (volume, same_window, ""),
    "NIfTI: intent, codes, aux_file": (
        volume,
        same_header("intent_code", "sform_code", "aux_file"),
        "",
    ),
    "NIfTI: extensions": (volume, same_extensions, ""),
    "OME-Zarr: labels": (labelled, same_labels, ""),
}
"""fact → what writes a file that says it, a check that an image knows it, and what a remark that it
is lost has in it, if there is one"""
