"""Values of a degradation that are given, or drawn per image from a range."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Span = float | tuple[float, float]
"""a value, or the lowest and highest between which one is drawn per image"""


def log_uniform(span: Span, rng: np.random.Generator) -> float:
    """Draw a value whose logarithm is spread evenly."""
    if not isinstance(span, tuple):
        return span
    return float(np.exp(rng.uniform(*np.log(span))))


def say(span: Span) -> str:
    """Say a value, or the two that it lies between."""
    return f"{span[0]:g} to {span[1]:g}" if isinstance(span, tuple) else f"{span:g}"


def check(
    name: str, value: Any, rule: str, allowed: Callable[[float], bool], *, span: bool = False
) -> None:
    """Refuse what is no finite number, or with ``span`` range of them, that ``allowed`` allows.

    Raises
    ------
    ValueError
        With ``rule``, which says what is allowed.
    """
    pair = span and isinstance(value, tuple) and len(value) == 2
    ends: tuple[Any, ...] = value if pair else (value,)
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in ends)
    if not numbers or not all(math.isfinite(v) and allowed(v) for v in ends) or ends[0] > ends[-1]:
        what = "a number or [low, high]" if span else "a number"
        given = list(value) if isinstance(value, tuple) else value
        raise ValueError(f"{name} is {given!r}; it must be {what} {rule}")
