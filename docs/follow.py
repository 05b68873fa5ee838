"""Follows a tutorial: runs its commands from an empty folder and compares what they print.

To be run as::

    python docs/follow.py docs/tutorials/satellite.md

Blocks of ``sh`` and ``python`` are run one after the other, Python in one session. A block of
``text`` holds what the block before it prints. What differs is shown, and the exit code is 1;
``--write`` puts what was printed into the page instead. Seconds are not compared, and a block
after ``<!-- not followed -->`` is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"(<!-- not followed -->\n)?^```(sh|python|text)\n(.*?)^```$", re.M | re.S)
SECONDS = re.compile(r"\d+(\.\d+)? s\b")


def run_shell(code: str) -> str:
    """Run commands as a terminal does and return what they print."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", code],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    if done.returncode:
        raise SystemExit(f"{code}\nends with {done.returncode}:\n{done.stdout}")
    return done.stdout


def run_python(code: str, names: dict[str, Any]) -> str:
    """Run a block in the session of the blocks before it and return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "tutorial", "exec"), names)
    return printed.getvalue()


def follow(page: str) -> str:
    """Run the blocks of a page and return the page with what they printed."""
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = ""

    def step(block: re.Match[str]) -> str:
        nonlocal printed
        left_out, kind, code = block.groups()
        if left_out:
            return block[0]
        if kind == "text":
            return f"```text\n{printed.rstrip()}\n```"
        printed = run_shell(code) if kind == "sh" else run_python(code, names)
        return block[0]

    return BLOCK.sub(step, page)


def main(paths: list[Path], *, write: bool) -> int:
    """Follow pages, each in a folder of its own; return how many differ."""
    differing = 0
    for path in map(Path.resolve, paths):
        before = path.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            after = follow(before)
        if write:
            path.write_text(after, encoding="utf-8")
        old, new = (SECONDS.sub("… s", text).splitlines() for text in (before, after))
        difference = list(difflib.unified_diff(old, new, "page", "printed", lineterm=""))
        differing += bool(difference)
        print(path.name, "differs:" if difference else "is as it says")
        print(*difference, sep="\n", end="\n" if difference else "")
    return differing


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    sys.exit(1 if main(given.pages, write=given.write) and not given.write else 0)
