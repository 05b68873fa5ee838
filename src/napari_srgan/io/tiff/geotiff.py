"""Read and write the georeference of a TIFF, in the tags of OGC GeoTIFF 1.1."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..image_file import GEO_KEYS, RPC, TIEPOINTS, GeoReference, points_are_centres
from ..rpc import is_rpc

PIXEL_SCALE, TRANSFORMATION, GEO_NUMBERS, GEO_TEXTS = 33550, 34264, 34736, 34737
MODEL_TYPE, GEOGRAPHIC, ANGULAR_UNIT, PROJECTED, LINEAR_UNIT = 1024, 2048, 2054, 3072, 3076
CITATIONS = (1026, 3073, 2049)
METRES = {9001: 1.0, 9002: 0.3048, 9003: 1200 / 3937, 9036: 1000.0}
"""length in m of the units of projected systems, by EPSG code"""
DEGREES = {9102: 1.0, 9101: 180 / np.pi, 9105: 0.9, 9122: 1.0}
"""angle in degrees of the units of geographic systems, by EPSG code"""
TYPES = {"H": 3, "d": 12, "s": 2}

Tag = tuple[int, int, int, Any, bool]
"""code, type, count, value and whether it is for the first page only, as in tifffile"""


# --- reading -------------------------------------------------------------------------------------


def georeference(page: Any) -> GeoReference | None:
    """Return the georeference of a page, or None.

    Several tiepoints without a pixel scale are ground control points: they stay in the tags.
    """
    tags: dict[int, tuple[Any, ...]] = {
        code: values for code in (GEO_KEYS, GEO_NUMBERS) if (values := _numbers(page, code))
    }
    if not all(isinstance(key, int) and 0 <= key < 2**16 for key in tags.get(GEO_KEYS, ())):
        del tags[GEO_KEYS]  # which are 16-bit integers, and cannot be written otherwise
    if isinstance(text := page.tags.valueof(GEO_TEXTS), str) and text:
        tags[GEO_TEXTS] = (text,)
    scale, points, matrix = (
        _numbers(page, code) for code in (PIXEL_SCALE, TIEPOINTS, TRANSFORMATION)
    )
    transform = None
    if len(scale) >= 2 and len(points) >= 6 and scale[0] and scale[1]:
        column, row, _, x, y, _ = points[:6]
        # Rows run south regardless of the sign, as in GDAL.
        across, down = scale[0], -abs(scale[1])
        transform = np.array(
            [[across, 0, x - column * across], [0, down, y - row * down], [0, 0, 1]]
        )
    elif len(matrix) == 16:
        rows = np.reshape(matrix, (4, 4))
        transform = np.array([rows[0, [0, 1, 3]], rows[1, [0, 1, 3]], [0, 0, 1]])
    elif points:
        tags[TIEPOINTS] = points
    if is_rpc(polynomials := _numbers(page, RPC)):
        tags[RPC] = polynomials
    if transform is not None:
        transform = transform.astype(np.float64)
        if points_are_centres(tags):
            transform = transform @ _moved(-0.5)
        if not maps_pixels(transform):
            transform = None
    if transform is None and not tags:
        return None
    return GeoReference(transform, tags, _crs(geo_keys(tags)))


def maps_pixels(transform: npt.NDArray[np.float64]) -> bool:
    """Whether a transform is finite and invertible."""
    with np.errstate(all="ignore"):
        area = np.linalg.det(transform)
    return bool(np.isfinite(transform).all() and np.isfinite(area) and area)


def _numbers(page: Any, code: int) -> tuple[Any, ...]:
    values = page.tags.valueof(code)
    if values is None or isinstance(values, str | bytes):
        return ()
    return tuple(np.ravel(values).tolist())


def _moved(by: float) -> npt.NDArray[np.float64]:
    return np.array([[1, 0, by], [0, 1, by], [0, 0, 1]])


def geo_keys(tags: Mapping[int, tuple[Any, ...]]) -> dict[int, Any]:
    """Return the GeoKeys by number."""
    directory, keys = tags.get(GEO_KEYS, ()), {}
    for i in range(4, len(directory) - 3, 4):
        key, where, count, value = directory[i : i + 4]
        if where == 0:
            keys[key] = value
        elif where == GEO_TEXTS and GEO_TEXTS in tags:
            keys[key] = tags[GEO_TEXTS][0][value : value + count].rstrip("|\0 ")
        elif where in tags and value < len(tags[where]):
            keys[key] = tags[where][value]
    return keys


def _crs(keys: Mapping[int, Any]) -> str:
    for key in (PROJECTED, GEOGRAPHIC):
        # 32767 means user-defined.
        if 0 < int(keys.get(key, 0)) < 32767:
            return f"EPSG:{keys[key]}"
        if key in keys and key == PROJECTED:
            break
    return next((str(keys[k]) for k in CITATIONS if keys.get(k)), "")


def ground_size(geo: GeoReference) -> tuple[dict[str, float], str]:
    """Return the pixel size in m or degree, and the unit; no size if the unit is unknown."""
    if geo.transform is None:
        return {}, "m"
    keys = geo_keys(geo.tags)
    model = keys.get(MODEL_TYPE) or (1 if PROJECTED in keys else 2 if GEOGRAPHIC in keys else 0)
    if model == 1:
        stated = keys.get(LINEAR_UNIT)
        unit, factor = "m", METRES.get(stated) if stated else _metres(int(keys.get(PROJECTED, 0)))
    elif model == 2:
        unit, factor = "degree", DEGREES.get(keys.get(ANGULAR_UNIT, 9102))
    else:
        unit, factor = "m", None
    if factor is None:
        return {}, unit
    column, row = np.hypot(*geo.transform[:2, :2]) * factor
    return {"Y": float(row), "X": float(column)}, unit


def _metres(code: int) -> float:
    """Return the length in m of the unit of a projected system, from its EPSG code alone."""
    # UTM on WGS 84, ETRS89 and NAD83, web Mercator, and user-defined systems
    metric = (range(32601, 32761), range(25828, 25839), range(26901, 26924), (3857, 0, 32767))
    if not any(code in codes for codes in metric):
        try:
            return float(_system(code).linear_units_factor[1])
        except (ImportError, ValueError):
            pass
    return 1.0


# --- writing -------------------------------------------------------------------------------------


def with_keys(geo: GeoReference) -> GeoReference:
    """Add GeoKeys for the EPSG code to a reference without GeoKeys."""
    code = geo.crs.upper().removeprefix("EPSG:")
    if GEO_KEYS in geo.tags or not code.isdecimal() or not 1024 <= int(code) < 32767:
        return geo
    geographic = _is_geographic(int(code))
    keys: tuple[int, ...] = (MODEL_TYPE, 0, 1, 2 if geographic else 1, 1025, 0, 1, 1)
    keys += (GEOGRAPHIC if geographic else PROJECTED, 0, 1, int(code))
    return replace(geo, tags={**geo.tags, GEO_KEYS: (1, 1, 0, 3, *keys)})


def reference_of(system: str) -> GeoReference:
    """Convert a reference system in WKT to a reference without a transform.

    rasterio supports all systems; without it, only those with an EPSG code in the text.
    """
    code = ""
    try:
        import rasterio

        with rasterio.Env():  # keeps GDAL from printing errors
            try:
                known = rasterio.crs.CRS.from_wkt(system)
                code = known.to_epsg()
                if not code:
                    return GeoReference(None, _keys_by_gdal(known), _name(system))
            except Exception as error:  # GDAL's are of many classes, most of them private
                raise ValueError(f"no reference system: {error}") from error
    except ImportError:
        if stated := re.search(r'(?:AUTHORITY|ID)\["EPSG",\s*"?(\d{4,5})"?\]\s*\]\s*$', system):
            code = stated[1]
    return with_keys(GeoReference(None, crs=f"EPSG:{code}" if code else _name(system)))


def _name(system: str) -> str:
    found = re.search(r'"([^"]*)"', system[:1000])
    return found[1] if found else ""


def _keys_by_gdal(system: Any) -> dict[int, tuple[Any, ...]]:
    """Return the GeoKeys that GDAL writes for a system without an EPSG code."""
    import io

    import rasterio
    import tifffile

    with rasterio.MemoryFile() as memory:
        options = {"driver": "GTiff", "width": 1, "height": 1, "count": 1, "dtype": "uint8"}
        transform = rasterio.Affine(2, 0, 0, 0, -2, 0)  # an identity is no georeference to GDAL
        with memory.open(crs=system, transform=transform, **options):
            pass
        with tifffile.TiffFile(io.BytesIO(memory.read())) as file:
            found = georeference(file.pages.first)
    return {} if found is None else dict(found.tags)


def _is_geographic(code: int) -> bool:
    try:
        return bool(_system(code).is_geographic)
    except (ImportError, ValueError):
        return 4000 <= code < 5000  # true of most codes


def _system(code: int) -> Any:
    import rasterio

    with rasterio.Env():  # keeps GDAL from printing errors
        return rasterio.crs.CRS.from_epsg(code)


def georeference_tags(geo: GeoReference) -> list[Tag]:
    """Return the TIFF tags for a georeference."""
    geo = with_keys(geo)
    found: list[tuple[int, str, Sequence[Any] | str]] = []
    for code, kind in ((GEO_KEYS, "H"), (GEO_NUMBERS, "d"), (TIEPOINTS, "d"), (RPC, "d")):
        # With a transform, tiepoints are redundant.
        if code in geo.tags and not (code == TIEPOINTS and geo.transform is not None):
            found.append((code, kind, geo.tags[code]))
    if GEO_TEXTS in geo.tags:
        found.append((GEO_TEXTS, "s", geo.tags[GEO_TEXTS][0]))
    if geo.transform is not None:
        t = geo.transform @ _moved(0.5) if points_are_centres(geo.tags) else geo.transform
        (a, b, x), (d, e, y) = t[:2].tolist()
        if b == d == 0 and a > 0 > e:
            found.append((PIXEL_SCALE, "d", (a, -e, 0.0)))
            found.append((TIEPOINTS, "d", (0.0, 0.0, 0.0, x, y, 0.0)))
        else:
            rows = (a, b, 0.0, x, d, e, 0.0, y, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
            found.append((TRANSFORMATION, "d", rows))
    return [
        (code, TYPES[kind], 0 if kind == "s" else len(values), values, True)
        for code, kind, values in found
    ]
