"""Damage to bytes, and to the JSON, XML and text in files."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

ODD_BYTES = (0, 1, 0x7F, 0x80, 0xFF)
ODD_NUMBERS = (
    *("0", "-1", "1", "2", "3", "65536", "4294967295", "999999999999", "1e308", "1e400", "-1e-320"),
    *("nan", "inf", "-inf", "NaN", "0.0", "1e-300", "", "x", "1,5", "0x10", "٣", "1_0", "9" * 5000),
)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, 1e308, -1e308, 1e-320, 0.5),
    *(float("nan"), float("inf"), "", "x", "/", "../a", "\0", "é" * 300),
    *([], [0], [[]], {}, {"x": 1}, [None] * 7, ["1"], {"type": "scale"}, {"name": None}),
)
NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
WORD = re.compile(rb"[A-Za-z_]{2,}")


def bytes_changed(content: bytes, chance: Random) -> bytes:
    """Change, lose or add bytes, most often near the beginning."""
    damaged = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        if not damaged:
            break
        end = len(damaged) if chance.random() < 0.4 else min(len(damaged), 600)
        at = chance.randrange(end)
        kind = chance.randrange(8)
        if kind == 0:
            del damaged[at : at + chance.randrange(1, 9)]
        elif kind == 1:
            damaged[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif kind == 2:
            width = chance.choice([2, 4, 8])
            damaged[at : at + width] = bytes([chance.choice(ODD_BYTES)]) * width
        else:
            damaged[at] = chance.choice([chance.randrange(256), chance.choice(ODD_BYTES)])
    return bytes(damaged)


def cut(content: bytes, chance: Random) -> bytes:
    """Leave out the end, or a part."""
    at = chance.randrange(len(content) + 1)
    if chance.random() < 0.8:
        return content[:at]
    return content[:at] + content[chance.randrange(at, len(content) + 1) :]


def text_changed(content: bytes, chance: Random) -> bytes:
    """Put an odd number or another word in the place of one, or repeat or leave out a line."""
    if chance.random() < 0.15:
        lines = content.splitlines(keepends=True) or [b""]
        at = chance.randrange(len(lines))
        lines[at : at + 1] = [lines[at]] * chance.choice([0, 2, 50])
        return b"".join(lines)
    pattern = NUMBER if chance.random() < 0.75 else WORD
    found = list(pattern.finditer(content))
    if not found:
        return bytes_changed(content, chance)
    match = chance.choice(found)
    if pattern is NUMBER:
        new = chance.choice(ODD_NUMBERS).encode()
    else:
        new = chance.choice([chance.choice(found)[0], b"", b"x", chance.randbytes(3)])
    return content[: match.start()] + new + content[match.end() :]


# --- JSON and XML --------------------------------------------------------------------------------


def json_changed(content: bytes, chance: Random) -> bytes:
    """Put an odd value in the place of one, or leave one out or twice."""
    try:
        document = json.loads(content)
    except ValueError:
        return text_changed(content, chance)
    for _ in range(chance.choice([1, 1, 1, 2])):
        places = list(_places(document))
        if not places:
            break
        holder, key = chance.choice(places)
        kind = chance.randrange(8)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder.append(holder[key])
        elif kind == 2:
            other, name = chance.choice(places)
            holder[key] = json.loads(json.dumps(other[name]))
        else:
            holder[key] = chance.choice(ODD_VALUES)
    return json.dumps(document).encode()


def _places(document: Any) -> Any:
    if isinstance(document, (dict, list)):
        for key in list(document) if isinstance(document, dict) else range(len(document)):
            yield document, key
            yield from _places(document[key])


def xml_changed(content: bytes, chance: Random) -> bytes:
    """Change an attribute or a text, or leave an element out or twice."""
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError):
        return text_changed(content, chance)
    for _ in range(chance.choice([1, 1, 2])):
        parent = chance.choice(list(root.iter()))
        kind = chance.randrange(6)
        if len(parent) and kind == 0:
            parent.remove(chance.choice(list(parent)))
        elif len(parent) and kind == 1:
            parent.extend([chance.choice(list(parent))] * chance.choice([1, 1, 40]))
        elif parent.attrib and kind > 1:
            name = chance.choice(sorted(parent.attrib))
            parent.set(name, chance.choice([*ODD_NUMBERS, "a" * 9, "../b", "um", "degree"]))
            if kind == 2:
                del parent.attrib[name]
        else:
            parent.text = chance.choice(ODD_NUMBERS)
    return ElementTree.tostring(root)


def document_changed(content: bytes, chance: Random) -> bytes:
    """Change JSON or XML or another text as what it is."""
    start = content.lstrip()[:1]
    if start in (b"{", b"["):
        return json_changed(content, chance)
    return xml_changed(content, chance) if start == b"<" else text_changed(content, chance)
