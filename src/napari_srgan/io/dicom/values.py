"""Convert stored DICOM values to intensities, and find padding values."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .elements import Look, first, number, text

__all__ = ["Table", "Values", "modality_table", "padding_of", "real_world", "values_of"]

Pixels = npt.NDArray[Any]

UNSPECIFIED = ("", "US")
"""rescale types without information on the unit"""
MOST_ENTRIES = 2**16
"""maximal number of entries of a look-up table; a longer one is damaged"""
PADDINGS = {
    "float32": ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit"),
    "float64": ("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
}


@dataclass(frozen=True, eq=False)
class Table:
    """Look-up table; stored values outside of it map to its first or last entry."""

    begin: int
    """stored value of the first entry"""
    values: Pixels


@dataclass(frozen=True)
class Values:
    """Transformation from the stored values of a frame to intensities."""

    slope: float = 1.0
    intercept: float = 0.0
    table: Table | None = None
    """replaces slope and intercept"""
    padding: tuple[float, float] | None = None
    """smallest and largest stored value of padding"""
    unit: str = ""
    real_world: bool = False
    """whether this is a real-world value mapping, not the modality transformation"""

    @property
    def plain(self) -> bool:
        """Whether the transformation is the identity."""
        return self.table is None and (self.slope, self.intercept) == (1.0, 0.0)

    def of(self, stored: Pixels) -> Pixels:
        """Convert stored values to intensities."""
        if self.table is not None:
            at = np.clip(stored.astype(np.int64) - self.table.begin, 0, len(self.table.values) - 1)
            return self.table.values[at]
        if self.plain:
            return stored
        if stored.dtype.kind in "iu" and self.slope == 1 and self.intercept.is_integer():
            return stored.astype(np.int64) + int(self.intercept)
        return stored.astype(np.float64) * self.slope + self.intercept

    def absent(self, stored: Pixels) -> npt.NDArray[np.bool_]:
        """Return the mask of padding among stored values."""
        if self.padding is None:
            return np.zeros(stored.shape, bool)
        least, most = self.padding
        return (stored >= least) & (stored <= most)

    @property
    def nodata(self) -> float | None:
        """Intensity of padding, if it is unique to padding; else None."""
        if self.padding is None or self.padding[0] != self.padding[1] or self.table is not None:
            return None
        if self.plain:
            return self.padding[0]
        around = np.array([self.padding[0] + step for step in (-1, 0, 1)])
        found = (around * self.slope + self.intercept).astype(np.float32)
        return float(found[1]) if len(set(found.tolist())) == 3 else None


def values_of(look: Look, dtype: np.dtype[Any], table: Table | None) -> Values:
    """Return the transformation of a frame.

    It is the modality transformation (slope and intercept, or a table), or a real-world value
    mapping if the file has no other.

    Parameters
    ----------
    look
        Access to the elements of the frame.
    dtype
        dtype of the stored values.
    table
        Result of `modality_table` for the file.
    """
    header = look.header
    padding = padding_of(header, dtype)
    if table is not None:
        item = first(header.get("ModalityLUTSequence"))
        return Values(table=table, padding=padding, unit=text(item, "ModalityLUTType"))
    slope = number(look("PixelValueTransformationSequence", "RescaleSlope"))
    intercept = number(look("PixelValueTransformationSequence", "RescaleIntercept"))
    unit = str(look("PixelValueTransformationSequence", "RescaleType") or "").strip()
    if header.get("DoseGridScaling") is not None:
        slope, intercept, unit = number(header.DoseGridScaling), 0.0, text(header, "DoseUnits")
    if unit in UNSPECIFIED:
        unit = text(header, "Units")
    found = Values(slope or 1.0, intercept or 0.0, padding=padding, unit=unit)
    if found.plain and unit in UNSPECIFIED:
        for mapping in real_world(look):
            return replace(mapping, padding=padding, real_world=True)
    return found


def padding_of(header: Any, dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """Return the smallest and largest stored value of padding."""
    name, limit = PADDINGS.get(dtype.name, ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    ends = [number(header.get(n)) for n in (name, limit)]
    if ends[0] is None:
        return None
    found = [_stored(end, dtype) for end in ends if end is not None]
    return min(found), max(found)


def _stored(value: float, dtype: np.dtype[Any]) -> float:
    """Convert a value to the dtype of the pixels; some headers store it with the wrong sign."""
    if dtype.kind == "f":
        return float(np.float64(value).astype(dtype))
    return float(np.asarray(int(value) % 2 ** (8 * dtype.itemsize), "u8").astype(dtype))


def modality_table(header: Any, dtype: np.dtype[Any]) -> Table | None:
    """Return the look-up table of the modality, if the file has one.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    item = first(header.get("ModalityLUTSequence"))
    if item is None or dtype.kind not in "iu":
        return None
    from pydicom.dataset import Dataset
    from pydicom.pixels.processing import apply_modality_lut
    from pydicom.sequence import Sequence

    descriptor = item.get("LUTDescriptor")
    if "LUTData" not in item or not hasattr(descriptor, "__len__") or len(descriptor) != 3:
        raise ValueError("its table of values (Modality LUT) has no descriptor or no data")
    count, begin, depth = (int(value) & 0xFFFF for value in descriptor)
    if dtype.kind == "i" and begin >= 2**15:
        begin -= 2**16
    count = count or MOST_ENTRIES
    whole, part = Dataset(), Dataset()
    # Entries of 9 to 15 bits are stored in 16 bits.
    part.LUTDescriptor = [count, begin, 8 if depth <= 8 else 16]
    part["LUTData"] = item["LUTData"]
    whole.ModalityLUTSequence = Sequence([part])
    implicit, little = header.original_encoding
    whole.set_original_encoding(bool(implicit), little is not False)
    return Table(begin, apply_modality_lut(np.arange(begin, begin + count), whole))


def real_world(look: Look) -> Iterator[Values]:
    """Yield the real-world value mappings of a frame in order."""
    for item in look.items("RealWorldValueMappingSequence"):
        code = first(item.get("MeasurementUnitsCodeSequence"))
        unit = "" if code is None else text(code, "CodeValue")
        slope, intercept = (number(item.get(f"RealWorldValue{n}")) for n in ("Slope", "Intercept"))
        begin = number(item.get("RealWorldValueFirstValueMapped"))
        table = item.get("RealWorldValueLUTData")
        if slope is not None and slope != 0 and intercept is not None:
            yield Values(slope, intercept, unit=unit)
        elif table is not None and hasattr(table, "__len__") and begin is not None:
            values = np.array([float(v) for v in table[:MOST_ENTRIES]], np.float64)
            if len(values) and np.isfinite(values).all():
                yield Values(table=_shared(int(begin), values.tobytes()), unit=unit)


@functools.lru_cache(maxsize=16)
def _shared(begin: int, values: bytes) -> Table:
    """Return a table that is shared by all frames with the same values."""
    return Table(begin, np.frombuffer(values, np.float64).astype(np.float32))
