"""Pixel sizes and times from the metadata of microscope and slide scanner vendors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ..image_file import Channel
from .tags import SECONDS, UNITS, is_length, number, plain_unit

METRES = 1e6
"""micrometres per metre"""
SLIDES = ("svs", "ndpi", "avs", "philips", "scn", "bif", "qpi")
"""kinds of series written by slide scanners, in tifffile's names"""
ASIDE = ("thumbnail", "label", "macro", "map", "overview", "probability")
"""names of auxiliary images in slide files"""

Facts = dict[str, Any]


def is_aside(series: Any) -> bool:
    """Whether a series of a slide file is a label, a thumbnail or an overview."""
    return series.kind in SLIDES and str(series.name).strip().lower() in ASIDE


def vendor_facts(tiff: Any, page: Any, axes: str) -> Facts:
    """Return vendor metadata as `ImageFile` fields; empty if it is damaged.

    ``pixel_size`` is in µm, along T in seconds, for axes of the image only.
    """
    for kind, read in READERS.items():
        try:
            found = read(tiff, page) if getattr(tiff, f"is_{kind}", False) else {}
        except Exception:  # vendor headers have no specification; damaged ones are ignored
            continue
        size = {a: float(s) for a, s in found.pop("pixel_size", {}).items() if is_length(s)}
        size = {a: s for a, s in size.items() if a in axes}
        if size or found:
            return {"pixel_size": size} | found
    return {}


def _length(value: Any, unit: Any) -> float | None:
    found, factor = number(value), UNITS.get(plain_unit(unit))
    return None if found is None or factor is None else found * factor


def _aperio(tiff: Any, page: Any) -> Facts:
    from tifffile import tifffile

    said = tifffile.svs_description_metadata(page.description)
    size = number(said.get("MPP"))
    return {"pixel_size": {"Y": size, "X": size}}


def _lsm(tiff: Any, page: Any) -> Facts:
    said = tiff.lsm_metadata
    size = {a: said[f"VoxelSize{a}"] * METRES for a in "XYZ"}
    times = np.ravel(said.get("TimeStamps", ()))
    interval = float(np.diff(times).mean()) if len(times) > 1 else said.get("TimeIntervall")
    found: Facts = {"pixel_size": {**size, "T": interval}}
    colours = said.get("ChannelColors") or {}
    channels = tuple(
        Channel(str(name), tuple(int(v) for v in colour[:3]))  # type: ignore[arg-type]
        for name, colour in zip(
            colours.get("ColorNames", ()), colours.get("Colors", ()), strict=False
        )
    )
    return found | ({"channels": channels} if channels else {})


def _fluoview(tiff: Any, page: Any) -> Facts:
    size = {}
    for name, _, _, step, unit in tiff.fluoview_metadata["Dimensions"]:
        axis = str(name).upper()
        if axis in ("X", "Y", "Z"):
            size[axis] = _length(step, unit)
        elif axis == "T" and (seconds := SECONDS.get(plain_unit(unit).removesuffix("ec"))):
            size[axis] = step * seconds
    return {"pixel_size": size}


def _metamorph(tiff: Any, page: Any) -> Facts:
    said = tiff.stk_metadata
    unit = said.get("CalibrationUnits", "")
    size: dict[str, Any] = {a: _length(said.get(f"{a}Calibration"), unit) for a in "XY"}
    distances = np.ravel(said.get("ZDistance", ()))
    size["Z"] = _length(distances[0], unit) if len(distances) else None
    times = np.ravel(said.get("TimeCreated", ())).astype(np.float64)
    # TimeCreated is in milliseconds of a day.
    size["T"] = float(np.diff(times).mean()) / 1e3 if len(times) > 1 else None
    return {"pixel_size": size}


def _metaseries(tiff: Any, page: Any) -> Facts:
    said = tiff.metaseries_metadata["PlaneInfo"]
    unit = said.get("spatial-calibration-units", "")
    return {
        "pixel_size": {a: _length(said[f"spatial-calibration-{a.lower()}"], unit) for a in "XY"}
    }


def _fei(tiff: Any, page: Any) -> Facts:
    said = tiff.fei_metadata
    scan: Any = next(said[k] for k in ("Scan", "EScan", "IScan") if "PixelWidth" in said.get(k, {}))
    return {"pixel_size": {"X": scan["PixelWidth"] * METRES, "Y": scan["PixelHeight"] * METRES}}


def _zeiss_sem(tiff: Any, page: Any) -> Facts:
    said = tiff.sem_metadata
    _, value, unit = next(
        said[k] for k in ("ap_image_pixel_size", "ap_pixel_size") if len(said.get(k, ())) == 3
    )
    size = _length(value, unit)
    return {"pixel_size": {"Y": size, "X": size}}


def _olympus(tiff: Any, page: Any) -> Facts:
    said = tiff.sis_metadata
    return {"pixel_size": {a: said[f"pixelsize{a.lower()}"] * METRES for a in "XY"}}


def _philips(tiff: Any, page: Any) -> Facts:
    root = ElementTree.fromstring(tiff.philips_metadata)
    # The first DICOM_PIXEL_SPACING (rows, columns in mm) belongs to the finest level.
    text = next(e.text or "" for e in root.iter() if e.get("Name") == "DICOM_PIXEL_SPACING")
    down, across = text.replace('"', " ").split()
    return {"pixel_size": {"Y": _length(down, "mm"), "X": _length(across, "mm")}}


def _ventana(tiff: Any, page: Any) -> Facts:
    text = page.tags.valueof(700)
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    found = re.search(r'ScanRes="([\d.]+)"', text)
    size = number(found[1]) if found else None
    return {"pixel_size": {"Y": size, "X": size}}


READERS: dict[str, Callable[[Any, Any], Facts]] = {
    "svs": _aperio,
    "lsm": _lsm,
    "fluoview": _fluoview,
    "stk": _metamorph,
    "metaseries": _metaseries,
    "fei": _fei,
    "sem": _zeiss_sem,
    "sis": _olympus,
    "philips": _philips,
    "bif": _ventana,
}
"""readers by tifffile's name of the vendor format"""
