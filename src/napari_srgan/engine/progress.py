"""Progress reports of a run."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """State of a run, reported several times within a tile and after each tile."""

    done: float
    """fraction of the work that is done, 0 to 1"""
    tiles: int
    """number of tiles written to the result"""
    total: int
    """number of all tiles; grows when tiles are halved for lack of memory"""
    note: str = ""
    """message for the user about an event, as a sentence"""
    stage: Literal["reading", "computing"] = "computing"
    """``reading`` while the image is sampled to find its range; ``done`` is the fraction read"""


def finish(steps: Generator[Any, None, T]) -> T:
    """Run a generator to its end and return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("T", end.value)
