"""Convert a TIFF series and its tags to an `ImageFile`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..image_file import Channel, GeoReference, ImageFile
from ..orientation import exchanges_axes
from . import geotiff
from .gdal_metadata import COLOURS, bands_of, nodata_of
from .imagej import calibration, imagej_facts, shown_windows, with_calibration
from .lazy import OpenTiff, lazy_array
from .ome_xml import ome_facts
from .samples import COLOURED, GREY, MINISWHITE, Samples
from .tags import fitting, tag_size
from .vendors import vendor_facts

ICC_PROFILE = 34675
"""TIFF tag"""


def image_of_series(file: OpenTiff, index: int, mask: int | None, lazy: bool) -> ImageFile:
    """Convert one series of a validated file."""
    tiff = file.tiff
    series = tiff.series[index]
    page = series.keyframe
    own = bool(tiff.is_imagej) or series.kind == "ome"
    geo = geotiff.georeference(page)
    sizes = dict(zip(series.axes.upper(), series.shape, strict=True))
    bands = bands_of(page, sizes.get("S", sizes.get("C", 1)))
    # Georeferenced files and those of GDAL, ImageJ and OME ignore the orientation tag.
    turned = geo is None and not own
    shows = Samples(series, page, bands, imagej=bool(tiff.is_imagej), turned=turned)
    stack = [_pixels(file, index, number, lazy) for number in range(len(series.levels))]
    data = [shows.arranged(pixels) for pixels in stack]
    letters = shows.letters
    known = set(letters) <= set("TCZYXS") and {"Y", "X"} <= set(letters)
    facts: dict[str, Any] = {}
    if tiff.is_ome and tiff.ome_metadata:
        facts = ome_facts(tiff.ome_metadata, series, index, len(tiff.series), letters)
    elif tiff.is_imagej:
        said = tiff.imagej_metadata or {}
        facts = imagej_facts(said, page, series, letters)
        calibrated = calibration(said, series.dtype) if shows.table is None else None
        if calibrated is not None and not shows.colours:
            data = [with_calibration(level, calibrated) for level in data]
            facts["channels"] = shown_windows(facts["channels"], calibrated, series.dtype)
    else:
        facts = _own_facts(tiff, series, page, shows)
    if shows.colour and not facts.get("channels"):
        facts["channels"] = (Channel(colour=shows.colour),)
    elif (
        shows.metadata.get("photometric") == "rgb" and "C" in letters and not facts.get("channels")
    ):
        rest = (Channel(),) * (data[0].shape[letters.index("C")] - 3)
        facts["channels"] = (*(Channel(colour=c) for c in COLOURS.values()), *rest)
    facts |= _place(geo, facts, shows)
    nodata = nodata_of(page)
    facts |= _missing(
        shows, stack[0], nodata, None if mask is None else _pixels(file, mask, 0, lazy)
    )
    facts["nodata"] = None if shows.table is not None else nodata
    if mask is not None or (shows.table is not None and nodata is not None):
        facts["metadata"]["mask"] = True  # palette images become RGB, which loses the nodata index
    profile = page.tags.valueof(ICC_PROFILE)
    if isinstance(profile, bytes) and page.photometric in (MINISWHITE, GREY, *COLOURED):
        facts["metadata"]["icc_profile"] = profile
    return ImageFile(data[0], letters if known else None, levels=tuple(data[1:]), **facts)


def _own_facts(tiff: Any, series: Any, page: Any, shows: Samples) -> dict[str, Any]:
    """Return the facts in the tags of a plain TIFF; those of a microscope take precedence."""
    found = vendor_facts(tiff, page, shows.letters)
    size = tag_size(page) | found.pop("pixel_size", {})
    channels = fitting(list(found.get("channels", ())), series, shows.letters)
    metadata = {"metadata": _description(page), "channels": channels}
    return {"pixel_size": _turned(size, shows)} | metadata


def _pixels(file: OpenTiff, index: int, level: int, lazy: bool) -> Any:
    """Read the stored pixels of one level of a series."""
    stored = file.tiff.series[index].levels[level]
    # tifffile reads a sparse segment as pixels at the beginning of the file.
    if lazy or stored.dataoffset == 0:
        pixels = lazy_array(file, index, level)
        return pixels if lazy else pixels.compute()
    pixels = stored.asarray()
    if pixels.shape != tuple(stored.shape):
        raise ValueError(f"pixels of shape {pixels.shape}; its header says {tuple(stored.shape)}")
    return pixels


def _missing(shows: Samples, stored: Any, nodata: float | None, mask: Any) -> dict[str, Any]:
    """Combine the criteria for missing pixels: mask, alpha of 0, palette index."""
    alpha = shows.opacities(stored)
    said = [
        None if mask is None else shows.masked(mask),
        None if alpha is None else alpha == 0,
        shows.lacking(stored, nodata),
    ]
    found: Any = None
    for part in said:
        if part is not None:
            found = part if found is None else found | part
    if isinstance(found, np.ndarray) and mask is None and not found.any():
        found = None
    return {"missing": found, "alpha": alpha if shows.apart else None}


def _turned(size: dict[str, float], shows: Samples) -> dict[str, float]:
    names = {"X": "Y", "Y": "X"} if exchanges_axes(shows.orientation) else {}
    return {names.get(a, a): s for a, s in size.items()}


def _description(page: Any) -> dict[str, str]:
    text = str(page.description or "")
    # tifffile stores the shape as a JSON description, which is not a user's text.
    return {} if not text or text.startswith(('{"', "shape=")) else {"description": text}


def _place(geo: GeoReference | None, facts: dict[str, Any], shows: Samples) -> dict[str, Any]:
    """Return the georeference and GDAL's metadata of the bands."""
    found: dict[str, Any] = {}
    channels = shows.bands.channels()
    if channels and "S" not in shows.letters:
        found["channels"] = channels
    found["metadata"] = facts.get("metadata", {}) | shows.bands.metadata() | shows.metadata
    if geo is not None:
        found["geo"] = geo
        if geo.transform is not None:
            found["pixel_size"], found["unit"] = geotiff.ground_size(geo)
            kept = facts.get("pixel_size", {})
            found["pixel_size"] = {a: s for a, s in kept.items() if a == "T"} | found["pixel_size"]
    return found
