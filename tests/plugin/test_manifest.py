from __future__ import annotations

from importlib import import_module
from importlib.resources import files

import pytest
from npe2 import PluginManifest


@pytest.fixture
def manifest() -> PluginManifest:
    """Return the manifest as napari reads it."""
    path = files("napari_srgan") / "napari.yaml"
    manifest: PluginManifest = PluginManifest.from_file(str(path))
    return manifest


def test_manifest_is_valid_and_named_after_the_package(manifest: PluginManifest) -> None:
    assert manifest.name == "napari-srgan"
    manifest.validate_imports()


def test_every_command_exists(manifest: PluginManifest) -> None:
    assert manifest.contributions.commands
    for command in manifest.contributions.commands:
        module, name = str(command.python_name).split(":")
        assert callable(getattr(import_module(module), name))


def test_every_menu_item_has_its_command(manifest: PluginManifest) -> None:
    ids = {c.id for c in manifest.contributions.commands or []}
    items = [i for menu in (manifest.contributions.menus or {}).values() for i in menu]
    assert items
    assert {getattr(i, "command", None) for i in items} <= ids
