"""Read and write GDAL's TIFF tags: band metadata and nodata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from ..image_file import Channel
from .geotiff import TYPES, Tag

GDAL_METADATA, GDAL_NODATA = 42112, 42113
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
OWN_ROLES = ("description", "scale", "offset")
"""roles that are stored as fields of `Bands` instead of items"""

Item = tuple[str, str, str, str]
"""name, role, domain and value"""


@dataclass
class Bands:
    """Metadata of the bands of a raster and of the raster as a whole."""

    names: list[str]
    colours: list[str]
    scale: list[float]
    offset: list[float]
    items: list[list[Item]]
    """other items of each band, such as unit and colour interpretation"""
    said: set[str] = field(default_factory=set)
    """roles among scale and offset that are given"""
    rest: list[Item] = field(default_factory=list)

    @classmethod
    def of(cls, count: int) -> Bands:
        """Return bands without metadata."""
        return cls(
            [""] * count,
            [""] * count,
            [1.0] * count,
            [0.0] * count,
            [[] for _ in range(count)],
        )

    def add(self, name: str, role: str, domain: str, value: str, sample: int | None) -> None:
        """Add an item to a band, or to the raster."""
        if name.startswith("STATISTICS_") or domain == "IMAGE_STRUCTURE":
            return  # describes the original pixels
        if sample is None:
            self.rest.append((name, role, domain, value))
        elif sample < len(self.names):
            if role == "description":
                self.names[sample] = value
            elif role in ("scale", "offset"):
                try:
                    getattr(self, role)[sample] = float(value)
                    self.said.add(role)
                except ValueError:
                    pass
            else:
                if role == "colorinterp":
                    self.colours[sample] = value.lower()
                self.items[sample].append((name, role, domain, value))

    def without(self, place: int) -> Bands:
        """Return all bands except one."""
        kept = [i for i in range(len(self.names)) if i != place]
        return replace(
            self,
            names=[self.names[i] for i in kept],
            colours=[self.colours[i] for i in kept],
            scale=[self.scale[i] for i in kept],
            offset=[self.offset[i] for i in kept],
            items=[self.items[i] for i in kept],
        )

    def channels(self) -> tuple[Channel, ...]:
        """Return the bands as channels, if any has metadata."""
        several = len(self.names) > 1
        found = tuple(
            # The colour interpretation of a single band is not a name.
            Channel(name or colour.title(), COLOURS.get(colour)) if several else Channel(name)
            for name, colour in zip(self.names, self.colours, strict=True)
        )
        return found if any(c != Channel() for c in found) else ()

    def metadata(self) -> dict[str, Any]:
        """Return the metadata as entries of `ImageFile.metadata`."""
        plain = {name: value for name, _, domain, value in self.rest if not domain}
        found: dict[str, Any] = {"gdal": plain} if plain else {}
        if further := tuple(item for item in self.rest if item[2]):
            found["gdal_domains"] = further
        if any(self.items):
            found["bands"] = tuple(map(tuple, self.items))
        if any(self.names):
            found["band_names"] = tuple(self.names)
        return found | {role: tuple(getattr(self, role)) for role in sorted(self.said)}


def nodata_of(page: Any) -> float | None:
    """Return the nodata value of a page, or None."""
    text = page.tags.valueof(GDAL_NODATA)
    try:
        return float(text.strip(" \0")) if isinstance(text, str) else None
    except ValueError:
        return None


def bands_of(page: Any, count: int) -> Bands:
    """Parse GDAL's metadata of the ``count`` samples of a page."""
    found = Bands.of(count)
    text = page.tags.valueof(GDAL_METADATA)
    if not isinstance(text, str):
        return found
    try:
        items = list(ElementTree.fromstring(text.strip("\0")).iter("Item"))
    except ElementTree.ParseError:
        return found
    for item in items:
        sample = item.get("sample", "")
        if sample and not sample.isdecimal():
            continue
        role, domain = item.get("role", ""), item.get("domain", "")
        place = int(sample[:9]) if sample else None
        found.add(item.get("name", ""), role, domain, item.text or "", place)
    return found


def gdal_tags(names: Sequence[str], metadata: Mapping[str, Any], nodata: float | None) -> list[Tag]:
    """Return GDAL's tags for the metadata of bands and raster, and for nodata."""
    items = [
        _item("DESCRIPTION", "description", "", name, sample=i)
        for i, name in enumerate(names)
        if name
    ]
    for role in ("offset", "scale"):
        items += [
            _item(role.upper(), role, "", repr(value), sample=i)
            for i, value in enumerate(metadata.get(role, ()))
        ]
    for i, band in enumerate(metadata.get("bands", ())):
        items += [_item(*item, sample=i) for item in band]
    items += [_item(name, "", "", text) for name, text in metadata.get("gdal", {}).items()]
    items += [_item(*item) for item in metadata.get("gdal_domains", ())]
    tags: list[Tag] = []
    if items:
        text = f"<GDALMetadata>{''.join(items)}</GDALMetadata>"
        # TIFF text tags are ASCII; other characters become XML character references.
        ascii_text = text.encode("ascii", "xmlcharrefreplace").decode()
        tags.append((GDAL_METADATA, TYPES["s"], 0, ascii_text, True))
    if nodata is not None:
        whole = float(nodata).is_integer() and abs(nodata) < 2**53
        text = str(int(nodata)) if whole else repr(float(nodata))
        tags.append((GDAL_NODATA, TYPES["s"], 0, text, True))
    return tags


def _item(name: str, role: str, domain: str, value: str, *, sample: int | None = None) -> str:
    said = {"name": name, "sample": "" if sample is None else str(sample)}
    said |= {"role": role, "domain": domain}
    attributes = "".join(f" {k}={quoteattr(_plain(v))}" for k, v in said.items() if v)
    # Values in domains such as xml:XMP are XML themselves and are escaped as text.
    return f"<Item{attributes}>{escape(_plain(value))}</Item>"


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable() or c in "\n\t")
