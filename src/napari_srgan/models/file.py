"""Read and write model files: safetensors with the model card in the header."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..nn.generator import Generator, GeneratorConfig
from .card import ModelCard

SUFFIX = ".safetensors"
CHECKPOINT_SUFFIXES = (".pth", ".pt", ".ckpt")
"""file name suffixes of PyTorch checkpoints, which are not read"""
KEY = "napari_srgan"
"""metadata key whose value is the card as JSON"""
FORMAT = 1
"""version of the header"""
DTYPES = ("F16", "BF16", "F32", "F64")
"""allowed dtypes of weights, as named by safetensors"""
MAX_QUOTED = 300
"""maximum number of characters quoted from a header in an error message"""

Shapes = Mapping[str, tuple[int, ...]]
"""parameter name → shape"""


class ModelError(ValueError):
    """A model cannot be used; the message names the model and the reason."""


def save_model(
    path: Path | str,
    state: dict[str, Tensor],
    card: ModelCard,
    *,
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Write a state dict and its card to a model file.

    Parameters
    ----------
    path
        Target; the suffix ``.safetensors`` is added if missing. A temporary file in the same
        folder is renamed at the end, so that a failure does not damage an existing file.
    state
        State dict of a `Generator` of ``card.config``.
    card
        Written to the header.
    dtype
        dtype of the stored convolution weights. All other tensors stay float32.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ModelError
        If a weight is not finite in ``dtype``; `load_file` would reject the file.
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
    _check_finite(path, tensors)
    header = json.dumps({"format": FORMAT, **card.to_dict()})
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    try:
        save_file(tensors, temporary, {"format": "pt", KEY: header})
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def read_card(path: Path | str) -> ModelCard:
    """Read the card of a model file without its weights.

    Raises
    ------
    ModelError
        If the file is not a model file, or is truncated.
    """
    with _open_file(Path(path)) as file:
        return _parse_card(Path(path), file)


def load_file(path: Path | str) -> tuple[Generator, ModelCard]:
    """Load a model file: the network in evaluation mode, float32, and its card.

    No code in the file is executed. The shapes of the tensors are checked against the header
    before a network is built, so that a header cannot cause a large allocation.

    Raises
    ------
    ModelError
        If the file is missing, not a model file or truncated, or its weights do not match the
        header.
    """
    path = Path(path)
    with _open_file(path) as file:
        card = _parse_card(path, file)
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
        _check_size(path, card.config, shapes)
        network = Generator(card.config)
        _check_weights(path, network, shapes)
        for name, part in slices.items():
            if part.get_dtype() not in DTYPES:
                raise ModelError(
                    f"{path}: {name!r} has dtype {part.get_dtype()}; allowed are "
                    + ", ".join(DTYPES)
                )
        state = {name: file.get_tensor(name).float() for name in shapes}
    _check_finite(path, state)
    for name, value in state.items():
        if name.endswith("running_var") and (value < 0).any():
            raise ModelError(f"{path}: {name!r} has negative variances")
    network.load_state_dict(state, strict=False)
    return network.eval().requires_grad_(False), card


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_file(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    if not os.path.isfile(path):
        raise ModelError(f"{path}: there is no such file")
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError, ValueError) as error:
        if _is_checkpoint(path):
            raise ModelError(
                f"{path}: not a whole {SUFFIX} file but a PyTorch checkpoint, which is not read, "
                "since loading one may run programs in it. `srgan-train export` writes a model "
                "from a run of srgan-train; write the weights of another SRGAN generator with "
                "napari_srgan.models.save_model"
            ) from error
        raise ModelError(f"{path}: not a whole .safetensors file ({error})") from error


def _is_checkpoint(path: Path) -> bool:
    """Whether a file was written by ``torch.save``: a zip that contains a pickle, or a pickle."""
    import zipfile

    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith("data.pkl") for name in archive.namelist())
        with path.open("rb") as file:
            start = file.read(2)
    except (OSError, zipfile.BadZipFile):
        return False
    return path.suffix in CHECKPOINT_SUFFIXES and start[:1] == b"\x80" and start[1:] <= b"\x05"


def _parse_card(path: Path, file: Any) -> ModelCard:
    header = (file.metadata() or {}).get(KEY)
    if header is None:
        raise ModelError(
            f"{path}: a .safetensors file, but not a model of napari-srgan (no {KEY!r} in its "
            "header)"
        )
    try:
        values = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: its header is not JSON ({error})") from error
    if isinstance(values, dict) and values.get("format", FORMAT) != FORMAT:
        raise ModelError(
            f"{path}: format {str(values['format'])[:MAX_QUOTED]}; this version reads format "
            f"{FORMAT}: update napari-srgan"
        )
    try:
        return ModelCard.from_dict(values)
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path}: {str(error)[:MAX_QUOTED]}") from error


def _check_size(path: Path, config: GeneratorConfig, shapes: Shapes) -> None:
    """Raise `ModelError` if the header describes a larger network than the file contains.

    No network is built. PyTorch's meta device would give all shapes, but its first use takes
    seconds.
    """
    n = config.features
    if config.blocks > len(shapes):
        raise ModelError(f"{path}: {config.blocks} blocks in the header, not in the file")
    expected = {"head.weight": (n, config.channels, 9, 9), "body_conv.weight": (n, n, 3, 3)}
    expected |= {f"body.{i}.conv1.weight": (n, n, 3, 3) for i in range(config.blocks)}
    _check_shapes(path, expected, shapes)


def _check_weights(path: Path, network: Generator, shapes: Shapes) -> None:
    expected = {
        name: tuple(value.shape)
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    _check_shapes(path, expected, shapes)
    if extra := sorted(shapes.keys() - expected.keys()):
        raise ModelError(
            f"{path}: {len(extra)} weights that the model lacks, e.g. {extra[0][:MAX_QUOTED]!r}"
        )


def _check_shapes(path: Path, expected: Shapes, shapes: Shapes) -> None:
    if missing := sorted(expected.keys() - shapes.keys()):
        raise ModelError(f"{path}: {len(missing)} weights are missing, e.g. {missing[0]!r}")
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise ModelError(f"{path}: {name!r} has shape {shapes[name]}, its header says {shape}")


def _check_finite(path: Path, state: dict[str, Tensor]) -> None:
    for name, value in state.items():
        if not value.isfinite().all():
            raise ModelError(f"{path}: the weights {name!r} are not all finite numbers")
