"""Valid files of every kind that the readers open, and their mutants in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

from .dicom_files import ct, enhanced, slide, tomogram, ultrasound
from .geo_files import beside, geotiff, masked, opaque, points, polynomials
from .mutants import mutant
from .nifti_files import nifti
from .outcome import outcome
from .photographs import fine_png, photograph
from .pixels import Make
from .tiff_files import (
    big,
    calibrated,
    imagej,
    jpeg_tiff,
    ome,
    ome_set,
    palette,
    plain,
    profiled,
    pyramid,
)
from .vendor_files import fluoview, lsm, svs
from .zarr_files import ome_zarr, own_zarr, plain_zarr

KINDS: dict[str, Make] = {
    "TIFF": plain,
    "BigTIFF": big,
    "TIFF pyramid": pyramid,
    "TIFF palette": palette,
    "TIFF planar, ICC": profiled,
    "TIFF JPEG": jpeg_tiff,
    "ImageJ": imagej,
    "ImageJ calibrated": calibrated,
    "OME-TIFF": ome,
    "OME-TIFF set": ome_set,
    "GeoTIFF": geotiff,
    "GeoTIFF mask": masked,
    "GeoTIFF opacity": opaque,
    "GeoTIFF RPC": polynomials,
    "GeoTIFF GCP": points,
    "SVS": svs,
    "LSM": lsm,
    "FluoView": fluoview,
    "sidecars": beside,
    "PNG": photograph("a.png", "RGBA"),
    "PNG palette": photograph("a.png", "P"),
    "PNG 16 bits": fine_png,
    "JPEG": photograph("a.jpg", "RGB"),
    "WebP": photograph("a.webp", "RGB"),
    "BMP": photograph("a.bmp", "RGB"),
    "DICOM CT": ct,
    "DICOM enhanced MR": enhanced,
    "DICOM slide": slide,
    "DICOM SPECT": tomogram,
    "DICOM ultrasound": ultrasound,
    "NIfTI-1": nifti("a.nii", "TZYX"),
    "NIfTI-1 pair": nifti("a.img"),
    "NIfTI-2": nifti("a.nii", form=2),
    "NIfTI gz": nifti("a.nii.gz"),
    "OME-Zarr 0.4": ome_zarr("0.4"),
    "OME-Zarr 0.5": ome_zarr("0.5"),
    "OME-Zarr own": own_zarr,
    "Zarr 2": plain_zarr(2),
    "Zarr 3": plain_zarr(3),
}
"""what is damaged, by what it is called"""


class Samples:
    """Valid files, made once, and the folder in which mutants of them are opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, dict[str, bytes]] = {}
        self.opened: dict[str, str] = {}
        for kind, make in KINDS.items():
            place = folder / "valid"
            put(place, {})
            self.opened[kind] = make(place).relative_to(place).as_posix()
            self.files[kind] = contents(place)

    def put(self, number: int, seed: int, folder: Path) -> tuple[str, Path]:
        """Write a mutant, and return what kind it is of and what is to be opened."""
        kind = list(KINDS)[number % len(KINDS)]
        put(folder, mutant(self.files[kind], Random(f"{seed} {number}")))
        return kind, folder / self.opened[kind]

    def check(self) -> None:
        """Refuse samples that are not read themselves."""
        for kind, files in self.files.items():
            put(self.folder / "sample", files)
            result, more = outcome(self.folder / "sample" / self.opened[kind], 0)
            if result != "read":
                raise SystemExit(f"the valid {kind} is {result}: {more}")


def contents(folder: Path) -> dict[str, bytes]:
    """Return what is in the files below a folder, by their paths in it."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def put(folder: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder, and remove what else is there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
