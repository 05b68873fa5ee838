"""Try every file below a folder and write what becomes of it into ``docs/formats.md``.

``python docs/formats.py FOLDER``
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray
import zarr

from napari_srgan import io
from napari_srgan.io.ome_zarr.plain_zarr import is_zarr

TABLE = Path(__file__).with_suffix(".md")
MOST = 240
"""characters of a sentence why a file is not read"""


def candidates(folder: Path) -> Iterator[Path]:
    """Yield files, and folders that are one image: OME-Zarr, Zarr and DICOM series of files."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file() or io.kind(path) == "OME-Zarr" or is_zarr(path) or is_series(path):
            yield path
        else:
            yield from candidates(path)


def is_series(folder: Path) -> bool:
    """Whether all files of a folder are one DICOM series."""
    files = [p for p in folder.iterdir() if p.is_file()]
    if len(files) < 2 or any(io.kind(p) != "DICOM" for p in files):
        return False
    try:
        return len(io.read(folder, limit=0)) == 1
    except (ValueError, OSError):
        return False


def arrays(folder: Path) -> Iterator[Path]:
    """Write and yield arrays of Zarr that are no OME-Zarr, as two libraries write them."""
    data = np.arange(3 * 60 * 80, dtype="float32").reshape(3, 60, 80)
    heat = xarray.DataArray(data, dims=("time", "lat", "lon"), name="heat")
    heat.to_dataset().to_zarr(folder / "xarray.zarr", zarr_format=2, consolidated=False)
    yield folder / "xarray.zarr"
    yield folder / "xarray.zarr" / "heat"
    names = ["c", "y", "x"]
    place = str(folder / "zarr-python.zarr")
    zarr.create_array(place, data=data.astype("uint16"), dimension_names=names)
    yield folder / "zarr-python.zarr"


def rows(path: Path, name: str) -> Iterator[list[str]]:
    """Yield a row for each image of a file, or one that says why it has none."""
    kind = io.kind(path) or ("Zarr" if is_zarr(path) else "unknown")
    since = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            images = io.read(path)
    except (ValueError, OSError, MemoryError) as error:
        reason = str(error).replace(str(path), path.name)
        yield [
            name,
            kind,
            "",
            "",
            "",
            "",
            f"no: {reason[:MOST]}{'…' if len(reason) > MOST else ''}",
        ]
        return
    seconds = time.perf_counter() - since
    for image in images:
        title = f"{name}: {image.name}" if len(images) > 1 else name
        known = [a for a in "ZYX" if a in image.pixel_size and a in (image.axes or "YX")]
        sizes = [f"{a} {image.pixel_size[a]:.4g}" for a in known]
        size = f"{', '.join(sizes)} {image.unit}" if sizes else ""
        if "T" in image.pixel_size:
            size += f"{'; ' if size else ''}T {image.pixel_size['T']:.4g} s"
        placed = kind + (f", {image.geo.crs}" if image.geo is not None and image.geo.crs else "")
        shape = " × ".join(map(str, image.data.shape))
        took = f"in {seconds:.2f} s"
        yield [title, placed, image.axes or "not said", shape, str(image.data.dtype), size, took]


def main() -> None:
    """Write the table."""
    folder = Path(sys.argv[1])
    # What is imported when it is first needed is not part of the time of the first file.
    from napari_srgan.io.tiff import reader as tiff  # noqa: F401

    lines = [
        "# Files that were tried",
        "",
        "Written by `python docs/formats.py FOLDER`. The files are public examples, named after "
        "the project that they come with; those in zarr/ are written here by the library of their "
        "name. Times are those of reading all pixels, on a machine that "
        "had other work.",
        "",
        "| file | kind | axes | shape | dtype | pixel size | opened |",
        "|---|---|---|---|---|---|---|",
    ]
    for path in candidates(folder):
        for row in rows(path, path.relative_to(folder).as_posix()):
            cells = [" ".join(cell.split()).replace("|", "\\|") for cell in row]
            lines.append(f"| {' | '.join(cells)} |")
    with tempfile.TemporaryDirectory() as place:
        for path in arrays(Path(place)):
            for row in rows(path, f"zarr/{path.relative_to(place).as_posix()}"):
                cells = [" ".join(cell.split()).replace("|", "\\|") for cell in row]
                lines.append(f"| {' | '.join(cells)} |")
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
