"""Checkpoints that are whole or not there, and of the run that is to go on."""

from __future__ import annotations

import io
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from napari_srgan.io.guard import replacing

from ..config import Config

LAST = "last.ckpt"
CARD = {"description", "not_for", "domains", "trained_on", "licence"}
FREE = CARD | {"steps", "mix", "validate", "workers", "batch", "patch"}
"""settings that may be others when a run goes on; the last two are what memory may ask for"""


def settings_of(config: Config) -> dict[str, str]:
    """Return, as text, the settings that must stay while a run is stopped and goes on."""
    names = [field.name for field in fields(config) if field.name not in FREE]
    return {name: repr(getattr(config, name)) for name in names}


def find_last(folder: Path, config: Config) -> Path | None:
    """Return the checkpoint that a run in ``folder`` goes on from, None where there is none.

    Raises
    ------
    ValueError
        If it is that of a run with other settings, naming them.
    """
    path = folder / LAST
    if not path.exists():
        return None
    checkpoint = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    before = checkpoint.get("settings", {})
    now = settings_of(config)
    others = [
        f"{name} ({before[name]})" for name in now if before.get(name, now[name]) != now[name]
    ]
    if others:
        raise ValueError(
            f"{path} is of a run with other settings: {', '.join(others)}; take another folder "
            "(--out), or remove it to begin anew"
        )
    return path


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it, so that the last good one survives."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint.

        Raises
        ------
        OSError
            If it cannot be written, as on a full disk; the one before is untouched.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)

        def write(beside: Path) -> None:
            with beside.open("wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                # The name must not be given to what is not on the disk yet.
                os.fsync(file.fileno())

        try:
            replacing(path, write)
        except OSError as error:
            before = f"; the one before, {path}, is whole" if path.exists() else ""
            raise OSError(
                error.errno, f"a checkpoint could not be written ({error.strerror}){before}"
            ) from error
