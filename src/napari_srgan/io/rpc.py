"""Rational polynomial coefficients (RPC), which map ground coordinates to rows and columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

__all__ = ["finer_rpc", "is_rpc", "rpb_texts", "rpc_of"]

NUMBERS = (
    *("ERR_BIAS", "ERR_RAND", "LINE_OFF", "SAMP_OFF", "LAT_OFF", "LONG_OFF", "HEIGHT_OFF"),
    *("LINE_SCALE", "SAMP_SCALE", "LAT_SCALE", "LONG_SCALE", "HEIGHT_SCALE"),
)
"""scalar values in the order of TIFF tag 50844, before the coefficients"""
COEFFICIENTS = ("LINE_NUM_COEFF", "LINE_DEN_COEFF", "SAMP_NUM_COEFF", "SAMP_DEN_COEFF")
TERMS = 20
"""number of coefficients of each polynomial"""
RPB_ENTRY = re.compile(r"(\w+)\s*=\s*(\([^)]*\)|[^;\n]*);")
RPB_WORDS = {"offset": "off", "coef": "coeff"}
CAPITAL = re.compile(r"(?=[A-Z])")
LENGTH = len(NUMBERS) + len(COEFFICIENTS) * TERMS


def is_rpc(values: tuple[Any, ...]) -> bool:
    """Whether values are valid for the TIFF tag."""
    return (
        len(values) == LENGTH
        and all(isinstance(v, (int, float)) and isfinite(v) for v in values)
        and all(values[NUMBERS.index(n)] for n in NUMBERS if n.endswith("_SCALE"))
    )


def rpc_of(said: Mapping[str, str]) -> tuple[float, ...]:
    """Convert texts by name to the values of the TIFF tag.

    Coefficients are one text of 20 numbers, or 20 texts with ``_1`` to ``_20`` after their name.

    Raises
    ------
    ValueError
        If a value is missing or invalid.
    """
    found = [_first(said, name, "-1" if name.startswith("ERR") else "") for name in NUMBERS]
    for name in COEFFICIENTS:
        texts = said.get(name, "").split()
        if len(texts) < TERMS:
            texts = [str(_first(said, f"{name}_{i}", "")) for i in range(1, TERMS + 1)]
        found += [float(text) for text in texts[:TERMS]]
    if not is_rpc(tuple(found)):
        raise ValueError("its polynomials (RPC) have numbers that cannot be")
    return tuple(found)


def rpb_texts(text: str) -> dict[str, str]:
    """Parse a text of DigitalGlobe (.RPB) to texts by the names of `rpc_of`.

    It has lines such as ``lineOffset = 13640;`` and ``lineNumCoef = (`` with a coefficient a line.
    """
    found = {}
    for match in RPB_ENTRY.finditer(text):
        words = [word.lower() for word in CAPITAL.split(match[1])]
        name = "_".join(RPB_WORDS.get(word, word) for word in words).upper()
        found[name] = " ".join(match[2].strip("() \t\r\n").replace(",", " ").split())
    return found


def _first(said: Mapping[str, str], name: str, otherwise: str) -> float:
    words = said.get(name, otherwise).split()
    if not words:
        raise ValueError(f"there is no {name} in its polynomials (RPC)")
    return float(words[0])


def finer_rpc(
    values: tuple[Any, ...], rows: tuple[float, float], columns: tuple[float, float]
) -> tuple[float, ...]:
    """Convert polynomials to another grid at the same ground position.

    Rows and columns of RPC refer to pixel centres, so that 0 is the centre of the first pixel, as
    in GDAL. ``rows`` and ``columns`` are the start of the grid (an edge, in pixels of the image)
    and its factor of refinement.
    """
    found = [float(v) for v in values]
    for name, (first, factor) in (("LINE", rows), ("SAMP", columns)):
        offset, scale = NUMBERS.index(f"{name}_OFF"), NUMBERS.index(f"{name}_SCALE")
        found[offset] = (found[offset] + 0.5 - first) * factor - 0.5
        found[scale] *= factor
    return tuple(found)
