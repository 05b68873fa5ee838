"""Checkpoints that are whole or not there."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from napari_srgan.io.guard import replacing


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
