from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import napari_srgan
import srgan_training

BLOCKER = """
import importlib.abc, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

BLOCKED = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Blocker())
"""
GUI = ("napari", "qtpy", "magicgui", "superqt", "PyQt5", "PyQt6", "PySide2", "PySide6")


def modules_of(package: object, *, without: tuple[str, ...] = ()) -> list[str]:
    paths = [str(Path(p)) for p in package.__path__]  # type: ignore[attr-defined]
    name: str = package.__name__  # type: ignore[attr-defined]
    found = [m.name for m in pkgutil.walk_packages(paths, f"{name}.")]
    return [name, *(m for m in found if not m.startswith(without or ("-",)))]


def run(code: str, *arguments: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(*modules: str) -> set[str]:
    """Return the modules that a fresh interpreter has after importing some."""
    lines = [f"import {m}" for m in modules]
    return set(run("\n".join([*lines, "import sys", "print(*sys.modules)"])).split())


def rooms(loaded: set[str]) -> set[str]:
    """Return the rooms of the package that were entered."""
    return {m.split(".")[1] for m in loaded if m.startswith("napari_srgan.")}


ROOMS = ("nn", "models", "engine")
"""packages below the public functions, the lowest first"""
HEADLESS = [
    *modules_of(napari_srgan, without=("napari_srgan.plugin",)),
    *modules_of(srgan_training),
]


def test_every_public_name_is_there() -> None:
    names = napari_srgan.__all__
    assert names == sorted(names)
    assert {"super_resolve", "super_resolve_layer", "load_model", "list_models"} <= set(names)
    assert {"live_layer"} <= set(names)
    assert {"read", "write"} <= set(names)
    assert {"Model", "ModelCard", "ModelError", "__version__"} <= set(names)
    for name in names:
        assert getattr(napari_srgan, name) is not None
    assert set(names) <= set(dir(napari_srgan))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'napari_srgan' has no attribute 'upscaled'"):
        napari_srgan.upscaled  # noqa: B018


def test_the_package_imports_neither_torch_nor_qt() -> None:
    loaded = loaded_by("napari_srgan")
    assert loaded.isdisjoint({"torch", "numpy", *GUI})


def test_the_command_line_starts_without_torch() -> None:
    loaded = loaded_by("napari_srgan.cli", "srgan_training.cli")
    assert loaded.isdisjoint({"torch", "numpy", *GUI})


def test_everything_but_the_plugin_imports_without_napari_and_qt() -> None:
    assert {"napari_srgan.cli", "napari_srgan.engine.run", "srgan_training.cli"} <= set(HEADLESS)
    code = BLOCKER + "\n".join(f"import {m}" for m in HEADLESS)
    run(code, ",".join(GUI))


def test_the_public_functions_are_there_without_napari_and_qt() -> None:
    code = BLOCKER + "\n".join(f"from napari_srgan import {n}" for n in napari_srgan.__all__)
    run(code, ",".join(GUI))


def test_what_is_below_imports_nothing_from_above() -> None:
    """Networks know tensors only, models networks only, the engine neither files nor the plugin."""
    below = [[m for m in HEADLESS if m.startswith(f"napari_srgan.{room}")] for room in ROOMS]
    assert all(len(modules) > 1 for modules in below)
    lines = ["import sys"]
    for modules in below:
        lines += [*(f"import {m}" for m in modules), "print(*sys.modules)"]
    nn, models, engine = (set(line.split()) for line in run("\n".join(lines)).splitlines())
    assert rooms(nn) == {"nn"}
    assert rooms(models) == {"models", "nn"}
    assert rooms(engine) == {"engine", "models", "nn"}
    assert engine.isdisjoint(GUI)


def test_files_are_read_as_layers_without_torch_and_napari(tmp_path: Path) -> None:
    code = BLOCKER + (
        "import sys, numpy\n"
        "import napari_srgan as ns\n"
        "from napari_srgan import io\n"
        "image = io.ImageFile(numpy.ones((9, 9), 'uint8'), 'YX', {'Y': 2, 'X': 3})\n"
        "((data, options, kind),) = ns.read(io.write(sys.argv[2] + 'a.tif', image))\n"
        "assert (list(options['scale']), kind) == ([2, 3], 'image')\n"
    )
    run(code, ",".join(("torch", *GUI)), f"{tmp_path}/")


def test_files_are_read_without_torch_and_napari(tmp_path: Path) -> None:
    modules = [m for m in HEADLESS if m.startswith("napari_srgan.io")]
    assert len(modules) > 1
    loaded = loaded_by(*modules)
    assert rooms(loaded) == {"io"}
    assert loaded.isdisjoint({"torch", *GUI})
    code = BLOCKER + (
        "import sys, numpy\n"
        "from napari_srgan.io.tiff.reader import ImageFile, read_image, write_image\n"
        "for name, axes in (('a.tif', 'YX'), ('a.png', 'YX')):\n"
        "    image = ImageFile(numpy.ones((9, 9), 'uint8'), axes)\n"
        "    path = write_image(sys.argv[2] + name, image)\n"
        "    assert (read_image(path).data == 1).all()\n"
    )
    run(code, ",".join(("torch", *GUI)), f"{tmp_path}/")
