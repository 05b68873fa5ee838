"""Damage to files of each kind, as what they are."""

from __future__ import annotations

import gzip
import struct
import zlib
from random import Random
from typing import Any

from .dicom_mutants import dicom_changed
from .documents import bytes_changed, cut, document_changed
from .tiff_mutants import DOUBLES, tiff_changed


def png_changed(content: bytes, chance: Random) -> bytes:
    """Change, lose or repeat a chunk whose checksum is right."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return bytes_changed(content, chance)
    place = chance.randrange(len(chunks))
    kind, body = chunks[place]
    what = chance.randrange(5)
    if what == 0:
        chunks[place : place + 1] = [(kind, body)] * chance.choice([0, 2])
    elif what == 1:
        chunks.insert(place, (chance.choice([b"tRNS", b"iCCP", b"pHYs", b"eXIf", b"acTL"]), body))
    else:
        chunks[place] = (kind, bytes_changed(body, chance))
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return content[:8] + b"".join(parts)


def packed_changed(content: bytes, chance: Random) -> bytes:
    """Change what is in a gzip."""
    try:
        inner = gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return bytes_changed(content, chance)
    return gzip.compress(nifti_changed(inner, chance), 1, mtime=0)


def nifti_changed(content: bytes, chance: Random) -> bytes:
    """Put an odd number in the place of one of a header."""
    damaged = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(0, max(1, min(540, len(damaged) - 8)), 2)
        form = chance.choice("hhffid")
        if form in "fd":
            value: Any = chance.choice(DOUBLES if form == "d" else (0, -1, 1e30, 1e-40, *_ODD))
        else:
            value = chance.choice([0, -1, 1, 2, 3, 7, 8, 16, 512, 32767, -32768])
        number = struct.pack(f"<{form}", value)
        damaged[at : at + len(number)] = number
    return bytes(damaged)


_ODD = (float("nan"), float("inf"), 352.5)


def structure_changed(name: str, content: bytes, chance: Random) -> bytes:
    """Change a file as what it is."""
    if content[:2] in (b"II", b"MM") and content[2:4] in (b"*\0", b"\0*", b"+\0", b"\0+"):
        return tiff_changed(content, chance)
    if content.startswith(b"\x89PNG"):
        return png_changed(content, chance)
    if content[128:132] == b"DICM":
        return dicom_changed(content, chance)
    if content[:2] == b"\x1f\x8b":
        return packed_changed(content, chance)
    if name.endswith((".nii", ".hdr")):
        return nifti_changed(content, chance)
    if name.endswith((".json", ".zattrs", ".zarray", ".zgroup", ".xml", ".prj", ".tfw", ".TXT")):
        return document_changed(content, chance)
    return bytes_changed(content, chance)


def mutant(files: dict[str, bytes], chance: Random) -> dict[str, bytes]:
    """Return the files of an image, one or two of which are damaged."""
    found = dict(files)
    for _ in range(chance.choice([1, 1, 1, 2])):
        names = sorted(found)
        # Of a Zarr, what its metadata say is rather looked at than its chunks.
        texts = [n for n in names if n.endswith((".json", ".zattrs", ".zarray", ".zgroup"))]
        name = chance.choice(texts if texts and chance.random() < 0.8 else names)
        what = chance.random()
        if what < 0.02 and len(names) > 1:
            del found[name]
        elif what < 0.12:
            found[name] = cut(found[name], chance)
        elif what < 0.4:
            found[name] = bytes_changed(found[name], chance)
        else:
            found[name] = structure_changed(name, found[name], chance)
    return found
