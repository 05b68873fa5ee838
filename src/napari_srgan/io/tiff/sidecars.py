"""Georeference from sidecar files: world files with .prj, .aux.xml, RPC texts."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from ..image_file import RPC, TIEPOINTS, GeoReference, ImageFile, points_are_centres
from ..orientation import stored_place
from ..rpc import rpb_texts, rpc_of
from .gdal_metadata import Bands, Item
from .geotiff import ground_size, maps_pixels, reference_of

__all__ = ["placed_by_sidecars"]

LONGEST = 4 << 20
"""maximal bytes of a sidecar file"""
ROLES = {
    "Description": "description",
    "UnitType": "unittype",
    "Offset": "offset",
    "Scale": "scale",
    "ColorInterp": "colorinterp",
}
"""roles of GDAL items by element name in .aux.xml"""


def placed_by_sidecars(path: Path, images: list[ImageFile]) -> list[ImageFile]:
    """Add the metadata of the sidecar files to the first image of a file.

    As in GDAL, ``.aux.xml`` overrides the file's own metadata, which override a world file.

    Warns
    -----
    UserWarning
        If a sidecar file cannot be read; it is ignored.
    """
    first = images[0]
    first = _with(first, _beside(path, [f"{path.name}.aux.xml"]), _auxiliary)
    texts = [f"{path.stem}{end}" for end in ("_RPC.TXT", "_rpc.txt", ".RPB", ".rpb")]
    first = _with(first, _beside(path, texts), _rpc_text)
    if first.geo is None or first.geo.transform is None:
        first = _with(first, _beside(path, _world_names(path)), _world)
    kept = {k: v for k, v in first.metadata.items() if k != "orientation"}
    return [replace(first, metadata=kept), *images[1:]]


def _world_names(path: Path) -> Iterator[str]:
    """Yield the possible names of a world file: a.tfw, a.tifw and a.wld for a.tif."""
    end = path.suffix[1:]
    for letters in (end[:1] + end[-1:] + "w", end + "w", "wld"):
        for name in (letters.lower(), letters.upper()):
            yield f"{path.stem}.{name}"


def _beside(path: Path, names: Any) -> Path | None:
    return next((p for p in map(path.with_name, names) if p != path and p.is_file()), None)


def _with(
    image: ImageFile, path: Path | None, read: Callable[[ImageFile, Path, str], ImageFile]
) -> ImageFile:
    if path is None:
        return image
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
        if len(content) > LONGEST:
            raise ValueError(f"it is longer than {LONGEST} bytes")
        return read(image, path, content.decode("utf-8", "replace"))
    except (ValueError, OSError, ElementTree.ParseError) as error:
        warnings.warn(f"{path}: left out, since it cannot be read ({error})", stacklevel=6)
        return image


# --- world files ---------------------------------------------------------------------------------


def _world(image: ImageFile, path: Path, text: str) -> ImageFile:
    """Add the transform of a world file, and the reference system of its .prj."""
    across, turned_down, turned_across, down, x, y = _numbers(text.split(), 6)
    # A world file refers to the centre of the first pixel.
    transform = np.array([[across, turned_across, x], [turned_down, down, y], [0, 0, 1]])
    transform = transform @ np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    beside = _beside(path, [f"{path.stem}.prj", f"{path.stem}.PRJ"])
    system = ""
    if beside is not None and beside.stat().st_size <= LONGEST:
        system = beside.read_bytes().decode("utf-8", "replace")
    return _placed(image, transform, system)


def _numbers(texts: list[str], count: int) -> list[float]:
    if len(texts) < count:
        raise ValueError(f"{len(texts)} numbers; there must be {count}")
    found = [float(text.replace(",", ".")) for text in texts[:count]]
    if not np.isfinite(found).all():
        raise ValueError("its numbers map no pixel to a place")
    return found


def _placed(image: ImageFile, transform: npt.NDArray[np.float64] | None, system: str) -> ImageFile:
    """Set the transform, the reference system (WKT), or both."""
    before = image.geo or GeoReference(None)
    if transform is not None and not maps_pixels(transform):
        raise ValueError("its numbers map no pixel to a place")
    if transform is None:
        transform = before.transform
    elif (orientation := image.metadata.get("orientation", 1)) != 1:
        # Sidecar files refer to the pixels in stored orientation.
        rows, columns = (image.data.shape[(image.axes or "YX").index(a)] for a in "YX")
        transform = transform @ stored_place(orientation, rows, columns)
    own = reference_of(system) if system.strip() else before
    geo = GeoReference(transform, {**own.tags, **_points(before)}, own.crs)
    facts: dict[str, Any] = {"geo": geo}
    if geo.transform is not None:
        size, facts["unit"] = ground_size(geo)
        facts["pixel_size"] = {a: s for a, s in image.pixel_size.items() if a == "T"} | size
    return replace(image, **facts)


def _points(geo: GeoReference) -> dict[int, tuple[Any, ...]]:
    return {RPC: geo.tags[RPC]} if RPC in geo.tags else {}


# --- .aux.xml ------------------------------------------------------------------------------------


def _auxiliary(image: ImageFile, path: Path, text: str) -> ImageFile:
    """Add the metadata of GDAL's .aux.xml."""
    del path
    root = ElementTree.fromstring(text)
    system, given = root.findtext("SRS") or "", root.findtext("GeoTransform") or ""
    transform = None
    if given:
        x, across, turned_across, y, turned_down, down = _numbers(given.split(","), 6)
        transform = np.array([[across, turned_across, x], [turned_down, down, y], [0, 0, 1]])
    if transform is not None or system.strip():
        image = _placed(image, transform, system)
    elif (points := root.find("GCPList")) is not None:
        image = _with_points(image, points)
    for domain in root.iterfind("Metadata[@domain='RPC']"):
        said = {e.get("key", ""): e.text or "" for e in domain.iter("MDI")}
        image = _with_rpc(image, said)
    return _with_bands(image, root)


def _with_points(image: ImageFile, element: ElementTree.Element) -> ImageFile:
    """Add ground control points to an image without a transform."""
    points = []
    for point in element.iterfind("GCP"):
        said = [point.get(name, "0") for name in ("Pixel", "Line", "X", "Y", "Z")]
        column, row, *place = _numbers(said, 5)
        points.append((column, row, 0.0, *place))
    before = image.geo or GeoReference(None)
    if not points or before.transform is not None:
        return image
    system = element.get("Projection", "")
    own = reference_of(system) if system.strip() else before
    # With PixelIsPoint, integer coordinates are pixel centres.
    half = 0.5 if points_are_centres(own.tags) else 0.0
    flat = tuple(v for c, r, *rest in points for v in (c - half, r - half, *rest))
    tags = {**own.tags, **_points(before), TIEPOINTS: flat}
    return replace(image, geo=GeoReference(None, tags, own.crs))


def _with_bands(image: ImageFile, root: ElementTree.Element) -> ImageFile:
    sizes = dict(zip(image.axes or "", image.data.shape, strict=False))
    bands = Bands.of(sizes.get("C", sizes.get("S", 1)))
    nodata = image.nodata
    for element in root.iterfind("PAMRasterBand"):
        number = element.get("band", "")
        place = int(number[:9]) - 1 if number.isdecimal() else -1
        if place < 0:
            continue
        for child in element:
            if role := ROLES.get(child.tag):
                bands.add(role.upper(), role, "", child.text or "", place)
        if place == 0 and (value := element.findtext("NoDataValue")):
            nodata = float(value)
    facts: dict[str, Any] = {"nodata": nodata}
    if said := bands.metadata():
        before = image.metadata.get("bands", ())
        if "bands" in said and len(before) == len(said["bands"]):
            said["bands"] = tuple(map(_updated, before, said["bands"]))
        facts["metadata"] = {**image.metadata, **said}
    if (channels := bands.channels()) and "S" not in sizes:
        facts["channels"] = channels
    return replace(image, **facts)


def _updated(before: tuple[Item, ...], said: tuple[Item, ...]) -> tuple[Item, ...]:
    """Merge items of a band; new ones replace those of the same role."""
    roles = {role for _, role, _, _ in said}
    return (*(item for item in before if item[1] not in roles), *said)


# --- rational polynomials ------------------------------------------------------------------------


def _rpc_text(image: ImageFile, path: Path, text: str) -> ImageFile:
    """Add the polynomials of a text with lines such as ``LINE_OFF: 32 pixels``."""
    if path.suffix.lower() == ".rpb":
        return _with_rpc(image, rpb_texts(text))
    parts = (line.partition(":") for line in text.splitlines())
    return _with_rpc(image, {key.strip(): value for key, _, value in parts})


def _with_rpc(image: ImageFile, said: dict[str, str]) -> ImageFile:
    geo = image.geo or GeoReference(None)
    return replace(image, geo=replace(geo, tags={**geo.tags, RPC: rpc_of(said)}))
