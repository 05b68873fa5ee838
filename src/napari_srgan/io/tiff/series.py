"""One series of a TIFF as an image, with all that its tags say of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..image_file import Channel, GeoReference, ImageFile
from ..orientation import exchanges_axes
from . import geotiff
from .gdal_metadata import COLOURS, bands_of, nodata_of
from .imagej import (
    calibration,
    imagej_facts,
    shown_windows,
    with_calibration,
)
from .lazy import OpenTiff, lazy_array
from .ome_xml import ome_facts
from .samples import (
    COLOURED,
    GREY,
    MINISWHITE,
    Samples,
)
from .tags import fitting, tag_size
from .vendors import vendor_facts

ICC_PROFILE = 34675
"""tag"""


def image_of_series(file: OpenTiff, index: int, mask: int | None, lazy: bool) -> ImageFile:
    """Return one series of a file that has been checked."""
    tiff = file.tiff
    series = tiff.series[index]
    page = series.keyframe
    own = bool(tiff.is_imagej) or series.kind == "ome"
    geo = geotiff.georeference(page)
    sizes = dict(zip(series.axes.upper(), series.shape, strict=True))
    bands = bands_of(page, sizes.get("S", sizes.get("C", 1)))
    # What has a place on the Earth, and what GDAL, ImageJ and OME write, is taken as it is stored.
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
        facts["metadata"]["mask"] = True  # an index cannot say so among colours
    profile = page.tags.valueof(ICC_PROFILE)
    if isinstance(profile, bytes) and page.photometric in (MINISWHITE, GREY, *COLOURED):
        facts["metadata"]["icc_profile"] = profile
    return ImageFile(data[0], letters if known else None, levels=tuple(data[1:]), **facts)


def _own_facts(tiff: Any, series: Any, page: Any, shows: Samples) -> dict[str, Any]:
    """Return what a plain TIFF says in its tags, and above them what a microscope wrote."""
    found = vendor_facts(tiff, page, shows.letters)
    size = tag_size(page) | found.pop("pixel_size", {})
    channels = fitting(list(found.get("channels", ())), series, shows.letters)
    metadata = {"metadata": _description(page), "channels": channels}
    return {"pixel_size": _turned(size, shows)} | metadata


def _pixels(file: OpenTiff, index: int, level: int, lazy: bool) -> Any:
    """Return the stored pixels of a level of a series."""
    stored = file.tiff.series[index].levels[level]
    # tifffile takes a hole for pixels at the beginning of the file.
    if lazy or stored.dataoffset == 0:
        pixels = lazy_array(file, index, level)
        return pixels if lazy else pixels.compute()
    pixels = stored.asarray()
    if pixels.shape != tuple(stored.shape):
        raise ValueError(f"pixels of shape {pixels.shape}; its header says {tuple(stored.shape)}")
    return pixels


def _missing(shows: Samples, stored: Any, nodata: float | None, mask: Any) -> dict[str, Any]:
    """Return what says that pixels have no value: a mask, an opacity, an index of a palette."""
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
    # What tifffile notes of a shape is no description.
    return {} if not text or text.startswith(('{"', "shape=")) else {"description": text}


def _place(geo: GeoReference | None, facts: dict[str, Any], shows: Samples) -> dict[str, Any]:
    """Return where a GeoTIFF lies and what GDAL says of its bands."""
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
