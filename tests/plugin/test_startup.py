"""napari starts without PyTorch, whose import takes seconds."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import yaml


def test_no_command_of_the_manifest_imports_torch() -> None:
    manifest = yaml.safe_load((files("napari_srgan") / "napari.yaml").read_text())
    commands = manifest["contributions"]["commands"]
    modules = sorted({command["python_name"].split(":")[0] for command in commands})
    assert "napari_srgan.plugin.widget.panel" in modules
    lines = [f"import {module}" for module in modules]
    code = "\n".join(["import sys", *lines, "print('torch' in sys.modules)"])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split()[-1] == "False"
