"""What the stored numbers of DICOM pixels mean, and which of them mean that there is no value."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .elements import (
    Look,
    first,
    number,
    text,
)

__all__ = ["Table", "Values", "modality_table", "padding_of", "real_world", "values_of"]

Pixels = npt.NDArray[Any]

UNSPECIFIED = ("", "US")
"""types of a rescaling that say nothing of what its numbers are"""
MOST_ENTRIES = 2**16
"""of a table; a longer one is damage"""
PADDINGS = {
    "float32": ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit"),
    "float64": ("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
}


@dataclass(frozen=True, eq=False)
class Table:
    """Values of consecutive stored numbers; those before and behind have the first and last."""

    begin: int
    """the number of the first value"""
    values: Pixels


@dataclass(frozen=True)
class Values:
    """How the stored numbers of a frame become intensities."""

    slope: float = 1.0
    intercept: float = 0.0
    table: Table | None = None
    """in place of slope and intercept"""
    padding: tuple[float, float] | None = None
    """least and largest of the stored numbers that stand for no value"""
    unit: str = ""
    real_world: bool = False
    """whether they are of a mapping to real-world values, and not of the modality"""

    @property
    def plain(self) -> bool:
        """Whether the stored numbers are the intensities."""
        return self.table is None and (self.slope, self.intercept) == (1.0, 0.0)

    def of(self, stored: Pixels) -> Pixels:
        """Return the intensities of stored numbers."""
        if self.table is not None:
            at = np.clip(stored.astype(np.int64) - self.table.begin, 0, len(self.table.values) - 1)
            return self.table.values[at]
        if self.plain:
            return stored
        if stored.dtype.kind in "iu" and self.slope == 1 and self.intercept.is_integer():
            return stored.astype(np.int64) + int(self.intercept)
        return stored.astype(np.float64) * self.slope + self.intercept

    def absent(self, stored: Pixels) -> npt.NDArray[np.bool_]:
        """Return which stored numbers stand for no value."""
        if self.padding is None:
            return np.zeros(stored.shape, bool)
        least, most = self.padding
        return (stored >= least) & (stored <= most)

    @property
    def nodata(self) -> float | None:
        """The one intensity that stands for no value, where no other stored number becomes it."""
        if self.padding is None or self.padding[0] != self.padding[1] or self.table is not None:
            return None
        if self.plain:
            return self.padding[0]
        around = np.array([self.padding[0] + step for step in (-1, 0, 1)])
        found = (around * self.slope + self.intercept).astype(np.float32)
        return float(found[1]) if len(set(found.tolist())) == 3 else None


def values_of(look: Look, dtype: np.dtype[Any], table: Table | None) -> Values:
    """Return what the stored numbers of a frame mean.

    The transformation of the modality (slope and intercept, or a table) is taken; a mapping to
    real-world values where the file has no other.

    Parameters
    ----------
    look
        Finds the elements of the frame.
    dtype
        Of the stored numbers.
    table
        What `modality_table` returned of the file.
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
    """Return the least and largest stored number of pixels without a value."""
    name, limit = PADDINGS.get(dtype.name, ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    ends = [number(header.get(n)) for n in (name, limit)]
    if ends[0] is None:
        return None
    found = [_stored(end, dtype) for end in ends if end is not None]
    return min(found), max(found)


def _stored(value: float, dtype: np.dtype[Any]) -> float:
    """Return a number as pixels of a dtype have it: some headers have it with the other sign."""
    if dtype.kind == "f":
        return float(np.float64(value).astype(dtype))
    return float(np.asarray(int(value) % 2 ** (8 * dtype.itemsize), "u8").astype(dtype))


def modality_table(header: Any, dtype: np.dtype[Any]) -> Table | None:
    """Return the table that a file has in place of slope and intercept.

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
    # Entries of 9 to 15 bits lie in 16, too.
    part.LUTDescriptor = [count, begin, 8 if depth <= 8 else 16]
    part["LUTData"] = item["LUTData"]
    whole.ModalityLUTSequence = Sequence([part])
    implicit, little = header.original_encoding
    whole.set_original_encoding(bool(implicit), little is not False)
    return Table(begin, apply_modality_lut(np.arange(begin, begin + count), whole))


def real_world(look: Look) -> Iterator[Values]:
    """Yield the mappings to real-world values of a frame, in their order."""
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
    """Return one table for all frames that have the same."""
    return Table(begin, np.frombuffer(values, np.float64).astype(np.float32))
