"""The examples in docstrings run and give what they say."""

from __future__ import annotations

import doctest
import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import napari_srgan
import srgan_training

FOR_THE_CONSOLE = {"live_layer", "super_resolve_layer"}
"""public functions whose examples need a viewer"""


def modules_with_examples() -> list[str]:
    """Return the modules in whose text an example stands; no others are imported."""
    found = []
    for package in (napari_srgan, srgan_training):
        folder = Path(package.__path__[0])
        for path in folder.rglob("*.py"):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to(folder.parent).with_suffix("").parts
                found.append(".".join(parts).removesuffix(".__init__"))
    return sorted(found)


def examples() -> dict[str, doctest.DocTest]:
    """Return the docstrings with examples by the full names of what they describe."""
    finder = doctest.DocTestFinder()
    found = [t for name in modules_with_examples() for t in finder.find(import_module(name), name)]
    return {test.name: test for test in found if test.examples}


EXAMPLES = examples()


def test_each_public_function_has_an_example() -> None:
    public = [getattr(napari_srgan, n) for n in set(napari_srgan.__all__) - FOR_THE_CONSOLE]
    functions = [f for f in public if inspect.isfunction(f)]
    assert len(functions) > 4
    assert {f"{f.__module__}.{f.__name__}" for f in functions} <= EXAMPLES.keys()


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_gives_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    runner: Any = doctest.DocTestRunner()
    failed, tried = runner.run(EXAMPLES[name], out=said.append)
    assert tried > 0
    assert not failed, "".join(said)
