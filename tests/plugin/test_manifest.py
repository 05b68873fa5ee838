from __future__ import annotations

from importlib import import_module
from importlib.resources import files

import pytest
from npe2 import PluginManifest

from napari_srgan.io import FORMATS


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


def test_the_manifest_offers_the_formats_of_the_registry(manifest: PluginManifest) -> None:
    (reader,) = manifest.contributions.readers or []
    offered = [f"*{suffix}" for each in FORMATS if each.in_napari for suffix in each.suffixes]
    assert sorted(reader.filename_patterns) == sorted(offered)
    writers = manifest.contributions.writers or []
    written = {suffix for each in writers for suffix in each.filename_extensions}
    simple = {suffix for each in FORMATS for suffix in each.written}
    compound = {suffix for each in FORMATS if each.written for suffix in each.compound}
    assert simple <= written <= simple | compound
