"""Write each fact of an image into each format, finer, read it again, and say what was kept.

``python docs/kept.py`` writes ``docs/kept.md``.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from kept_files import FILES  # type: ignore[import-not-found]  # beside this file

from napari_srgan import io
from napari_srgan.io import Channel, GeoReference, ImageFile
from napari_srgan.io.finer_image import finer_image
from napari_srgan.io.image_file import RPC, TIEPOINTS

TABLE = Path(__file__).with_suffix(".md")
ENDS = (".tif", ".png", ".nii.gz", ".zarr")
SCALE = 2
PIXELS = np.random.default_rng(0).integers(1, 200, (12, 16)).astype("uint8")
SIZE = {"Y": 0.5, "X": 0.25}
NORTH_UP = np.array([[30.0, 0, 500_000], [0, -30, 5_200_000], [0, 0, 1]])
POINTS = (0.0, 0.0, 0.0, 10.0, 50.0, 0.0, 16.0, 12.0, 0.0, 11.0, 49.0, 0.0)
POLYNOMIALS = (
    *(-1.0, -1.0, 6.0, 8.0, 48.0, 11.0, 500.0, 6.0, 8.0, 0.01, 0.02, 500.0),
    *(1.0 if i == place else 0.0 for place in (2, 0, 1, 0) for i in range(20)),
)

Check = Callable[[ImageFile, ImageFile], bool]
"""whether what was written, finer, is in what was read"""


def stack(*shape: int, dtype: str = "uint8") -> Any:
    """Return pixels with further axes before Y and X."""
    return np.broadcast_to(PIXELS, (*shape, *PIXELS.shape)).astype(dtype)


def placed(**shift: float) -> Any:
    """Return an affine of ``SIZE`` with the first pixel somewhere."""
    affine = np.diag([1.0, 0.5, 0.25, 1])
    affine[:3, 3] = [shift.get(a, 0.0) for a in "zyx"]
    return affine


def same_size(axes: str) -> Check:
    """Return a check of the pixel size along some axes."""

    def check(made: ImageFile, read: ImageFile) -> bool:
        units = {"µm": 1.0, "mm": 1e3, "m": 1e6}
        found = {a: s * (1.0 if a == "T" else units[read.unit]) for a, s in read.pixel_size.items()}
        return all(np.isclose(found.get(a, 0), made.pixel_size[a]) for a in axes)

    return check


def same_place(made: ImageFile, read: ImageFile) -> bool:
    """Check where the first pixel is."""
    units = {"µm": 1.0, "mm": 1e3, "m": 1e6}
    if made.affine is None or read.affine is None:
        return False
    return np.allclose(read.affine[1:3, 3] * units[read.unit], made.affine[1:3, 3])


def same_map(made: ImageFile, read: ImageFile) -> bool:
    """Check the transform, control points or polynomials, and the reference system."""
    if made.geo is None or read.geo is None or made.geo.crs not in ("", read.geo.crs):
        return False
    if made.geo.transform is not None:
        return read.geo.transform is not None and np.allclose(
            read.geo.transform, made.geo.transform
        )
    tags = (TIEPOINTS, RPC)
    return all(np.allclose(read.geo.tags.get(t, 0), made.geo.tags.get(t, 0)) for t in tags)


def same_channels(*facts: str) -> Check:
    """Return a check of some facts of each channel."""
    return lambda made, read: (
        [[getattr(c, f) for f in facts] for c in read.channels]
        == [[getattr(c, f) for f in facts] for c in made.channels]
    )


def same(*names: str) -> Check:
    """Return a check of entries of metadata."""
    return lambda made, read: all(read.metadata.get(n) == made.metadata[n] for n in names)


def same_missing(made: ImageFile, read: ImageFile) -> bool:
    """Check which pixels have no value."""
    return read.missing is not None and np.array_equal(read.missing, made.missing)


def same_opacity(made: ImageFile, read: ImageFile) -> bool:
    """Check the opacity."""
    return read.alpha is not None and np.array_equal(read.alpha, made.alpha)


def shown_alike(made: ImageFile, read: ImageFile) -> bool:
    """Check that white is white, by its tag or by values turned about."""
    tagged = read.metadata.get("photometric") == "miniswhite"
    return np.array_equal(
        np.squeeze(np.asarray(read.data)), made.data if tagged else 255 - made.data
    )


CHANNELS = (
    Channel("DAPI", (0, 0, 255), None, 461.0, 358.0, 0.1),
    Channel("GFP", (0, 255, 0), None, 509.0, 488.0, 0.02),
)
GEO = GeoReference(NORTH_UP, crs="EPSG:32633")
BANDS = ((("UNITTYPE", "unittype", "", "DN"),), (("UNITTYPE", "unittype", "", "W"),))
FACTS: dict[str, tuple[ImageFile, Check]] = {
    "pixel size": (ImageFile(PIXELS, "YX", SIZE), same_size("YX")),
    "distance of planes": (ImageFile(stack(3), "ZYX", {"Z": 2.0, **SIZE}), same_size("Z")),
    "time between frames": (ImageFile(stack(3), "TYX", {"T": 1.5, **SIZE}), same_size("T")),
    "position": (ImageFile(PIXELS, "YX", SIZE, affine=placed(y=200, x=100)), same_place),
    "names of channels": (ImageFile(stack(2), "CYX", channels=CHANNELS), same_channels("name")),
    "colours of channels": (ImageFile(stack(2), "CYX", channels=CHANNELS), same_channels("colour")),
    "wavelengths, exposure": (
        ImageFile(stack(2), "CYX", channels=CHANNELS),
        same_channels("emission", "excitation", "exposure"),
    ),
    "colours of 16 bits": (
        ImageFile(np.moveaxis(stack(3, dtype="uint16"), 0, -1) * 256, "YXS"),
        lambda made, read: read.data.dtype == np.uint16 and read.data.size == made.data.size,
    ),
    "smallest value is white": (
        ImageFile(PIXELS, "YX", metadata={"photometric": "miniswhite"}),
        shown_alike,
    ),
    "ICC profile": (
        ImageFile(PIXELS, "YX", metadata={"icc_profile": bytes(200)}),
        same("icc_profile"),
    ),
    "value of pixels without one": (
        ImageFile(PIXELS, "YX", nodata=7.0),
        lambda made, read: read.nodata == made.nodata,
    ),
    "mask": (
        ImageFile(PIXELS, "YX", missing=PIXELS < 50, metadata={"mask": True}),
        same_missing,
    ),
    "opacity": (ImageFile(PIXELS, "YX", alpha=255 * (PIXELS > 50).astype("uint8")), same_opacity),
    "place on the Earth": (ImageFile(PIXELS, "YX", geo=GEO), same_map),
    "ground control points": (
        ImageFile(PIXELS, "YX", geo=GeoReference(None, {TIEPOINTS: POINTS})),
        same_map,
    ),
    "rational polynomials": (
        ImageFile(PIXELS, "YX", geo=GeoReference(None, {RPC: POLYNOMIALS})),
        same_map,
    ),
    "units, scale and offset of bands": (
        ImageFile(
            stack(2),
            "CYX",
            geo=GEO,
            metadata={"bands": BANDS, "scale": (0.1, 0.2), "offset": (0.0, 1.0)},
        ),
        same("bands", "scale", "offset"),
    ),
}


def outcome(folder: Path, end: str, image: ImageFile, check: Check, about: str = "") -> str:
    """Say what becomes of a fact in a format, about which a remark has a certain text in it."""
    axes = image.axes or ""
    data = np.asarray(image.data).repeat(SCALE, axes.index("Y")).repeat(SCALE, axes.index("X"))
    made = finer_image(image, data, axes, SCALE)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            path = io.write(folder / f"a{end}", made)
        except ValueError:
            return "no such image"
    (read,) = io.read(path)
    if check(made, read):
        return "kept"
    return "left out, and said" if any(about in str(s.message) for s in said) else "left out"


def main() -> None:
    """Write the table."""
    lines = [
        "# What is kept",
        "",
        "Written by `python docs/kept.py`: each fact is written into each format with pixels twice",
        "as fine, and read again. A `.tif` is an OME-TIFF, or a GeoTIFF where there is a place on",
        "the Earth, a mask or an opacity. Where it says “no such image”, the format holds none.",
        "",
        "| | " + " | ".join(f"`{end}`" for end in ENDS) + " |",
        "|---|" + "---|" * len(ENDS),
    ]
    for name, (image, check) in FACTS.items():
        cells = []
        for end in ENDS:
            with tempfile.TemporaryDirectory() as folder:
                cells.append(outcome(Path(folder), end, image, check))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        "## From files of medicine, and labels",
        "",
        "Each fact is in a file that `pydicom`, `nibabel` or `zarr` has written. “In” is what is",
        "read of it; a result is twice as fine, as above. The command line says which labels are",
        "not in a result.",
        "",
        "| | in | " + " | ".join(f"`{end}`" for end in ENDS if end != ".png") + " |",
        "|---|---|" + "---|" * (len(ENDS) - 1),
    ]
    for name, (make, check, about) in FILES.items():
        with tempfile.TemporaryDirectory() as folder:
            (image,) = io.read(make(Path(folder)))
            cells = ["read" if check(image, image) else "left out"]
            for end in ENDS:
                if end != ".png":
                    with tempfile.TemporaryDirectory() as other:
                        cells.append(outcome(Path(other), end, image, check, about or "?"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
