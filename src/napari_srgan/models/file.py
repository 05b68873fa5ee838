"""The model file: safetensors, with everything needed to run it in the header."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..nn.generator import Generator
from .card import ModelCard

SUFFIX = ".safetensors"
KEY = "napari_srgan"
"""metadata key whose value is the card as JSON"""
FORMAT = 1


class ModelError(Exception):
    """A model cannot be used; the message names it and says what is wrong with it."""


def save_model(
    path: Path | str,
    state: dict[str, Tensor],
    card: ModelCard,
    *,
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Write a network's state and its card to a model file.

    Parameters
    ----------
    path
        Where to; the suffix ``.safetensors`` is added where it is missing. Written beside and
        renamed at the end, so that a failure leaves an old file whole.
    state
        The state of a `Generator` of ``card.config``.
    dtype
        Of the stored weights. BatchNorm's parameters and statistics stay float32.
    """
    from safetensors.torch import save_file

    path = Path(path)
    if path.suffix != SUFFIX:
        path = path.with_name(path.name + SUFFIX)
    tensors = {
        name: value.detach().cpu().contiguous().to(dtype if value.ndim == 4 else torch.float32)
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }
    header = json.dumps({"format": FORMAT, **card.to_dict()})
    beside = path.with_suffix(".tmp")
    try:
        save_file(tensors, beside, {"format": "pt", KEY: header})
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def read_card(path: Path | str) -> ModelCard:
    """Read the card of a model file, not its weights.

    Raises
    ------
    ModelError
        If the file is not a model, or not a whole one.
    """
    with _opened(Path(path)) as file:
        return _card(Path(path), file)


def load_file(path: Path | str) -> tuple[Generator, ModelCard]:
    """Load a model file: the network in evaluation mode, float32, and its card.

    Nothing in the file is executed. Before anything is built the tensors' shapes are compared
    with those that the header's configuration asks for.

    Raises
    ------
    ModelError
        If the file is missing, not a model, truncated, or its weights do not fit its header.
    """
    path = Path(path)
    with _opened(path) as file:
        card = _card(path, file)
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        _compare(path, card, shapes)
        state = {name: file.get_tensor(name).float() for name in shapes}
    if broken := [name for name, value in state.items() if not value.isfinite().all()]:
        raise ModelError(f"{path}: the weights {broken[0]!r} are not all finite numbers")
    network = Generator(card.config)
    network.load_state_dict(state, strict=False)
    return network.eval().requires_grad_(False), card


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ModelError(f"{path}: there is no such file")
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: not a whole .safetensors file ({error})") from error


def _card(path: Path, file: Any) -> ModelCard:
    header = (file.metadata() or {}).get(KEY)
    if header is None:
        raise ModelError(
            f"{path}: a .safetensors file, but not a model of napari-srgan (no {KEY!r} in its "
            "header)"
        )
    try:
        values = json.loads(header)
        if isinstance(values, dict) and values.get("format", FORMAT) != FORMAT:
            raise ModelError(
                f"{path}: format {values['format']!r}; this version reads format {FORMAT}: update "
                "napari-srgan"
            )
        return ModelCard.from_dict(values)
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: {error}") from error


def _compare(path: Path, card: ModelCard, shapes: dict[str, tuple[int, ...]]) -> None:
    # A block has several tensors: more blocks than tensors cannot be, and are not built.
    if card.config.blocks > len(shapes):
        raise ModelError(f"{path}: {card.config.blocks} blocks in the header, not in the file")
    with torch.device("meta"):
        expected = {
            name: tuple(value.shape)
            for name, value in Generator(card.config).state_dict().items()
            if not name.endswith("num_batches_tracked")
        }
    if missing := sorted(expected.keys() - shapes.keys()):
        raise ModelError(f"{path}: {len(missing)} weights are missing, e.g. {missing[0]!r}")
    if extra := sorted(shapes.keys() - expected.keys()):
        raise ModelError(f"{path}: {len(extra)} weights that the model lacks, e.g. {extra[0]!r}")
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise ModelError(f"{path}: {name!r} has shape {shapes[name]}, its header says {shape}")
