"""Valid folders of OME-Zarr and of Zarr."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_srgan.io.image_file import ImageFile
from napari_srgan.io.ome_zarr.reader import write_ome_zarr

from .pixels import Make, noise


def ome_zarr(version: str) -> Make:
    """Return what writes an image of two levels with channels and labels."""

    def make(folder: Path) -> Path:
        import zarr

        path = folder / "a.zarr"
        new = version == "0.5"
        form: Any = 3 if new else 2

        def group(place: Path, levels: list[Any], letters: str, more: dict[str, Any]) -> None:
            made = zarr.create_group(str(place), zarr_format=form)
            kinds = {"t": "time", "c": "channel"}
            axes = [
                {"name": a, "type": kinds.get(a, "space")}
                | ({"unit": "micrometer"} if a in "zyx" else {})
                for a in letters
            ]
            parts = []
            for number, data in enumerate(levels):
                step = [{"type": "scale", "scale": [1.0 + number] * len(letters)}]
                parts.append({"path": str(number), "coordinateTransformations": step})
                array = made.create_array(
                    str(number), shape=data.shape, chunks=data.shape, dtype=data.dtype
                )
                array[...] = data
            said: dict[str, Any] = {"multiscales": [{"axes": axes, "datasets": parts}]}
            said["multiscales"][0]["version"] = version
            made.update_attributes(
                {"ome": {"version": version, **said, **more}} if new else said | more
            )

        data = noise(2, 2)
        window = {"start": 0, "end": 200, "min": 0, "max": 65535}
        omero = [{"label": n, "color": "00FF00", "window": window, "active": True} for n in "ab"]
        levels = [data, data[..., ::2, ::2]]
        group(path, levels, "czyx", {"omero": {"channels": omero}})
        inner: dict[str, Any] = {"labels": ["cells"]}
        made = zarr.create_group(str(path / "labels"), zarr_format=form)
        made.update_attributes({"ome": inner} if new else inner)
        about = {
            "version": version,
            "colors": [{"label-value": 1, "rgba": [255, 0, 0, 255]}],
            "properties": [{"label-value": 1, "class": "nucleus"}],
            "source": {"image": "../../"},
        }
        group(path / "labels" / "cells", [noise(2)], "zyx", {"image-label": about})
        return path

    return make


def own_zarr(folder: Path) -> Path:
    """Write what the package itself writes."""
    affine = np.diag([2.0, 0.5, 0.25, 1])
    affine[1, 2] = 0.1
    size = {"Z": 2.0, "Y": 0.5, "X": 0.25}
    return write_ome_zarr(folder / "a.zarr", ImageFile(noise(2), "ZYX", size, affine=affine))


def plain_zarr(form: int) -> Make:
    """Return what writes one array with names of its dimensions."""

    def make(folder: Path) -> Path:
        import zarr

        path = folder / "a.zarr"
        names: Any = {"dimension_names": ["time", "y", "x"]} if form == 3 else {}
        options: Any = {"zarr_format": form, **names}
        data = noise(2)
        array = zarr.create_array(
            str(path), shape=data.shape, chunks=(1, 8, 8), dtype=data.dtype, **options
        )
        array[...] = data
        array.attrs["_FillValue"] = 7
        if form == 2:
            array.attrs["_ARRAY_DIMENSIONS"] = ["time", "y", "x"]
        return path

    return make
