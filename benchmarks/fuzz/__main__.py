"""The command line of `benchmarks.fuzz`."""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .outcome import outcome
from .samples import KINDS, Samples
from .worker import Worker

BATCH = 500
"""mutants between two lines of progress"""


def results(numbers: range, seed: int) -> Iterator[tuple[int, str, str, str]]:
    """Yield the number, the kind and the outcome of each mutant."""
    worker = Worker(seed)
    try:
        for number in numbers:
            yield number, *worker.open(number)
    finally:
        worker.end()


def report(numbers: range, seed: int) -> bool:
    """Open all mutants, print what came of them, and return whether all is well."""
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    failures = 0
    since = time.perf_counter()
    for done, (number, kind, result, more) in enumerate(results(numbers, seed), 1):
        counts[kind, result] += 1
        if result not in ("read", "refused"):
            failures += 1
            print(f"{kind}, --seed {seed} --only {number}: {result}: {more}", flush=True)
        if done % BATCH == 0:
            rate = done / (time.perf_counter() - since)
            print(f"{done} opened, {rate:.0f} a second, {failures} failures", file=sys.stderr)
    print("\n| kind | read | refused | failures |\n|---|---|---|---|")
    for kind in KINDS:
        fine = [counts[kind, result] for result in ("read", "refused")]
        wrong = sum(n for (k, _), n in counts.items() if k == kind) - sum(fine)
        print(f"| {kind} | {fine[0]} | {fine[1]} | {wrong} |")
    total = sum(counts.values())
    print(f"\n{total} mutants, {failures} failures, {time.perf_counter() - since:.0f} s")
    return failures == 0


def main() -> None:
    """Open mutants and exit with 1 if one is neither read nor refused as it should be."""
    parser = argparse.ArgumentParser(
        description="Whether damaged files are read or refused as they should be."
    )
    parser.add_argument("--mutants", type=int, default=2000, help="how many are made")
    parser.add_argument("--seed", type=int, default=0, help="another one makes others")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--only", type=int, help="number of the one that is opened")
    parser.add_argument("--keep", type=Path, help="folder for the one that is opened")
    given = parser.parse_args()
    if given.only is None:
        fine = report(range(given.first, given.first + given.mutants), given.seed)
        raise SystemExit(0 if fine else 1)
    with tempfile.TemporaryDirectory() as folder:
        kept = given.keep or Path(folder) / "mutant"
        kind, path = Samples(Path(folder)).put(given.only, given.seed, kept)
        print(kind, path, *outcome(path, given.only))


if __name__ == "__main__":
    main()
