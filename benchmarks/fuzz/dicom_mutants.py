"""Damage to the elements of DICOM objects."""

from __future__ import annotations

import io
import warnings
from random import Random
from typing import Any

from .documents import ODD_NUMBERS, bytes_changed


def dicom_changed(content: bytes, chance: Random) -> bytes:
    """Change, lose or repeat an element, at any depth."""
    import pydicom
    from pydicom import config

    written = io.BytesIO()
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            made = pydicom.dcmread(io.BytesIO(content), force=True)
            for _ in range(chance.choice([1, 1, 2])):
                _element_changed(made, chance)
            made.save_as(written, enforce_file_format=False)
    except Exception:  # what is too odd to be written so
        return bytes_changed(content, chance)
    return written.getvalue()


def _element_changed(made: Any, chance: Random) -> None:
    places = list(_elements(made))
    holder, tag = chance.choice(places)
    element = holder[tag]
    what = chance.randrange(8)
    if what < 2 or (element.VR in ("OB", "OW") and what < 6):
        del holder[tag]
    elif element.VR == "SQ":
        items = list(element.value)
        element.value = items * chance.choice([0, 2, 3]) if what < 5 else items[1:]
    elif element.VR in ("US", "SS", "UL", "SL", "AT"):
        number = chance.choice([0, 1, 2, 3, 7, 8, 16, 255, 32767, 65535])
        element.value = chance.choice([number, number, [number, 1], None])
    elif element.VR in ("FL", "FD"):
        element.value = chance.choice([0.0, -1.0, 1e30, float("nan"), float("inf"), None])
    elif element.VR in ("OB", "OW"):
        element.value = bytes(element.value)[: chance.randrange(600)]
    else:
        text = chance.choice([*ODD_NUMBERS, "1\\2", "0\\0\\0", "nan\\nan", "-1\\0\\0\\0\\1\\0"])
        # As bytes it is written, whatever it is.
        from pydicom.dataelem import RawDataElement

        raw = text.encode()[:400]
        holder[tag] = RawDataElement(
            element.tag, element.VR, len(raw), raw + b" " * (len(raw) % 2), 0, False, True
        )


def _elements(made: Any) -> Any:
    for tag in list(made.keys()):
        yield made, tag
        if made[tag].VR == "SQ":
            for part in made[tag].value:
                yield from _elements(part)
