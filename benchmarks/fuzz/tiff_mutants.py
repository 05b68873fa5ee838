"""Damage to the tags of TIFFs."""

from __future__ import annotations

import struct
from random import Random

from .documents import bytes_changed, document_changed

ODD_COUNTS = (0, 1, 2, 3, 5, 255, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)


def tiff_changed(content: bytes, chance: Random) -> bytes:
    """Change the code, the type, the count or the value of a tag, or the text it points to."""
    damaged = bytearray(content)
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:3] == b"+" or content[3:4] == b"+"
    entries = _entries(content, order, big)
    if not entries:
        return bytes_changed(content, chance)
    whole = "QQ" if big else "II"
    for _ in range(chance.choice([1, 1, 2, 3])):
        at = chance.choice(entries)
        code, kind = struct.unpack_from(f"{order}HH", content, at)
        count, value = struct.unpack_from(f"{order}{whole}", content, at + 4)
        what = chance.randrange(7)
        if kind == 2 and count > 8 and what < 4:
            text = document_changed(bytes(content[value : value + count]), chance)[: 1 << 20]
            struct.pack_into(f"{order}{whole}", damaged, at + 4, len(text), len(damaged))
            damaged += text
        elif what == 0:
            struct.pack_into(f"{order}H", damaged, at, chance.choice([code + 1, 254, 270, 0]))
        elif what == 1:
            struct.pack_into(f"{order}H", damaged, at + 2, chance.randrange(20))
        elif what == 2:
            number = chance.choice([*ODD_COUNTS, max(count - 1, 0), count + 1, 2 * count])
            struct.pack_into(f"{order}{whole[0]}", damaged, at + 4, number % 2**32)
        elif what == 3 and count > 1 and value + 8 < len(damaged):
            place = value + chance.randrange(min(count * 8, len(damaged) - value - 8))
            damaged[place : place + 8] = struct.pack(f"{order}d", chance.choice(DOUBLES))
        else:
            number = chance.choice([*ODD_COUNTS, value + 1, chance.randrange(len(content))])
            struct.pack_into(f"{order}{whole[1]}", damaged, at + (12 if big else 8), number % 2**32)
    return bytes(damaged)


DOUBLES = (0.0, -1.0, 1e308, -1e308, 1e-320, float("nan"), float("inf"), 0.1)


def _entries(content: bytes, order: str, big: bool) -> list[int]:
    """Return where the entries of the directories of a TIFF are."""
    found: list[int] = []
    pointer, number, size = ("Q", "Q", 20) if big else ("I", "H", 12)
    try:
        (at,) = struct.unpack_from(order + pointer, content, 8 if big else 4)
        for _ in range(8):
            if not 0 < at < len(content):
                break
            (count,) = struct.unpack_from(order + number, content, at)
            first = at + struct.calcsize(number)
            found += [first + i * size for i in range(min(count, 100))]
            (at,) = struct.unpack_from(order + pointer, content, first + count * size)
    except (struct.error, OverflowError):
        pass
    return [at for at in found if at + size <= len(content)]
