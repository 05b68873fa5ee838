"""What a run says of itself while it goes on."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """What a run yields: several times within a tile and after each one."""

    done: float
    """part of the work that is done, 0 to 1"""
    tiles: int
    """tiles whose pixels are in the result"""
    total: int
    """tiles in all; grows when memory runs out and tiles are halved"""
    note: str = ""
    """what a person should know that has just happened, in a sentence"""
    stage: Literal["reading", "computing"] = "computing"
    """while an image is read to find its range, ``done`` is the part of it that was read"""


def finish(steps: Generator[Any, None, T]) -> T:
    """Run a generator to its end and return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("T", end.value)
