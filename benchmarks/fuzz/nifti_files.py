"""Valid NIfTI files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_srgan.io.image_file import ImageFile
from napari_srgan.io.nifti.volume import write_nifti

from .pixels import Make, noise


def nifti(name: str, axes: str = "ZYX", form: int = 1) -> Make:
    """Return what writes a volume, of NIfTI-1 or -2."""

    def make(folder: Path) -> Path:
        path = folder / name
        affine = np.diag([2.0, 0.5, 0.25, 1])
        affine[:3, 3] = 3, 200, 100
        size = {"T": 1.5, "Z": 2.0, "Y": 0.5, "X": 0.25}
        data = noise(*(2 for _ in axes[:-2]))
        size = {a: s for a, s in size.items() if a in axes}
        if form == 2 or name.endswith(".img"):
            import nibabel

            made: Any = nibabel.Nifti2Image if form == 2 else nibabel.Nifti1Pair
            nibabel.save(made(data.T, np.diag([0.25, 0.5, 2, 1])), path)
            return path
        return write_nifti(path, ImageFile(data, axes, size, unit="mm", affine=affine), "made")

    return make
