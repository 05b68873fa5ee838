"""Parameters of degradations that are fixed or drawn per image from a range."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Span = float | tuple[float, float]
"""a fixed value, or the minimum and maximum of a value that is drawn per image"""


def log_uniform(span: Span, rng: np.random.Generator) -> float:
    """Return a fixed value, or draw one log-uniformly from a range."""
    if not isinstance(span, tuple):
        return span
    return float(np.exp(rng.uniform(*np.log(span))))


def format_span(span: Span) -> str:
    """Format a fixed value or a range as text."""
    return f"{span[0]:g} to {span[1]:g}" if isinstance(span, tuple) else f"{span:g}"


def check_value(
    name: str, value: Any, rule: str, allowed: Callable[[float], bool], *, span: bool = False
) -> None:
    """Validate that a value, or with ``span`` a range, is finite and accepted by ``allowed``.

    Raises
    ------
    ValueError
        If it is not; the message contains ``rule``, which describes the accepted values.
    """
    pair = span and isinstance(value, tuple) and len(value) == 2
    ends: tuple[Any, ...] = value if pair else (value,)
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in ends)
    if not numbers or not all(math.isfinite(v) and allowed(v) for v in ends) or ends[0] > ends[-1]:
        what = "a number or [low, high]" if span else "a number"
        shown = list(value) if isinstance(value, tuple) else value
        raise ValueError(f"{name} is {shown!r}; it must be {what} {rule}")
