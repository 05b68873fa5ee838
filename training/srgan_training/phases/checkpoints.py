"""Atomic writing of checkpoints, and validation before a run is resumed."""

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
"""file name of the checkpoint of a run"""
CARD_FIELDS = {"description", "not_for", "domains", "trained_on", "licence"}
"""settings that are only copied to the model card"""
RESUMABLE_CHANGES = CARD_FIELDS | {"steps", "mix", "validate", "workers", "batch", "patch"}
"""settings that may change when a run is resumed; ``batch`` and ``patch`` may be reduced to save
memory"""


def settings_of(config: Config) -> dict[str, str]:
    """Return as text the settings that must be unchanged when a run is resumed."""
    names = [field.name for field in fields(config) if field.name not in RESUMABLE_CHANGES]
    return {name: repr(getattr(config, name)) for name in names}


def find_last(folder: Path, config: Config) -> Path | None:
    """Return the checkpoint from which a run in ``folder`` resumes, None if there is none.

    Raises
    ------
    ValueError
        If the checkpoint belongs to a run with different settings; the message names them.
    """
    path = folder / LAST
    if not path.exists():
        return None
    checkpoint = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    saved = checkpoint.get("settings", {})
    current = settings_of(config)
    changed = [
        f"{name} ({saved[name]})"
        for name in current
        if saved.get(name, current[name]) != current[name]
    ]
    if changed:
        raise ValueError(
            f"{path} is of a run with other settings: {', '.join(changed)}; take another folder "
            "(--out), or remove it to begin anew"
        )
    return path


class AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoint plugin that writes a temporary file and renames it, so that writing is atomic."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint atomically.

        Raises
        ------
        OSError
            If writing fails, for example on a full disk; the previous checkpoint is kept.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)

        def write(beside: Path) -> None:
            with beside.open("wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                # Data must be on the disk before the file is renamed.
                os.fsync(file.fileno())

        try:
            replacing(path, write)
        except OSError as error:
            before = f"; the one before, {path}, is whole" if path.exists() else ""
            raise OSError(
                error.errno, f"a checkpoint could not be written ({error.strerror}){before}"
            ) from error
