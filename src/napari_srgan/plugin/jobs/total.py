"""Estimate the total costs of the runs of several layers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..errors import USER_ERRORS
from .estimate import Estimate, Total, estimate_run

__all__ = ["Arguments", "estimate_all", "valid_arguments"]

Arguments = dict[str, Any]
"""arguments of `estimate_run`"""


def valid_arguments(
    get_arguments: Callable[[Any], Arguments], layers: Iterable[Any]
) -> Iterator[Arguments]:
    """Yield the arguments of the layers for which they are valid; the others fail when run."""
    for layer in layers:
        try:
            yield get_arguments(layer)
        except USER_ERRORS:
            continue


def estimate_all(runs: Sequence[Arguments]) -> Generator[Estimate, None, None]:
    """Yield the estimate of the first run, with the total of all runs.

    Parameters
    ----------
    runs
        Arguments of `estimate_run` for each layer; the first is the layer shown in the widget.

    Raises
    ------
    TypeError, ValueError, OSError
        If the first run would raise it.
    """
    steps = [estimate_run(**arguments) for arguments in runs]
    if len(steps) == 1:
        yield from steps[0]
        return
    # The first estimate of a run has sizes only, the last one has the time.
    estimates = [next(steps[0])]
    kept = steps[:1]
    for step in steps[1:]:
        try:
            estimates.append(next(step))
        except USER_ERRORS:
            continue
        kept.append(step)
    yield _with_total(estimates)
    for number, step in enumerate(kept):
        try:
            for estimates[number] in step:
                pass
        except USER_ERRORS:
            if number == 0:
                raise
    yield _with_total(estimates)


def _with_total(estimates: Sequence[Estimate]) -> Estimate:
    seconds = [each.seconds for each in estimates if each.seconds is not None]
    total = Total(
        layers=len(estimates),
        nbytes=sum(each.nbytes for each in estimates),
        tiles=sum(each.tiles for each in estimates),
        memory=max(each.working_bytes for each in estimates)
        + sum(each.nbytes for each in estimates if not each.on_disk),
        seconds=sum(seconds) if len(seconds) == len(estimates) else None,
    )
    return replace(estimates[0], total=total if len(estimates) > 1 else None)
