"""Convolutional layers of VGG19 (Simonyan and Zisserman 2015) and their ImageNet weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

VGG19 = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
"""number of convolutions and of features of the five groups, each followed by max pooling"""
VGG19_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
"""ImageNet weights published by torchvision, whose SHA-256 starts with dcbb9e9d"""
LAYERS = ("2_2", "5_4")
"""layers that `VGG19Features` can end at"""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""mean and standard deviation of R, G and B of ImageNet on [0, 1]"""


class VGG19Features(nn.Module):
    """VGG19 up to φᵢ,ⱼ, the j-th convolution before the i-th max-pooling.

    Parameters
    ----------
    layer
        ``"5_4"`` (512 features at 1/16 of the input size) or ``"2_2"`` (128 features at 1/2).
    activated
        Whether the ReLU after that convolution is included.

    Notes
    -----
    Input is ``(N, 1 or 3, H, W)`` of any float dtype on [0, 1]; a single channel is repeated. It is
    standardised with the mean and standard deviation of ImageNet. Parameters have torchvision's
    names.

    Source: Simonyan and Zisserman 2015, arXiv:1409.1556, table 1, column E.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, layer: str = "5_4", *, activated: bool = True) -> None:
        super().__init__()
        if layer not in LAYERS:
            raise ValueError(f"layer is {layer!r}; allowed are {LAYERS}")
        groups = VGG19[: int(layer[0])]
        layers: list[nn.Module] = []
        before = 3
        for number, features in groups:
            for _ in range(number):
                layers += [nn.Conv2d(before, features, 3, padding=1), nn.ReLU(inplace=True)]
                before = features
            layers.append(nn.MaxPool2d(2))
        # The last pooling layer is dropped, and the last ReLU if features are not activated.
        self.features = nn.Sequential(*layers[: -1 if activated else -2])
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of images on [0, 1]."""
        if x.ndim != 4 or x.shape[1] not in (1, 3) or not x.is_floating_point():
            raise ValueError(
                f"images are {x.dtype} {tuple(x.shape)}; they must be float (N, 1 or 3, H, W)"
            )
        x = x.to(self.mean.dtype).expand(-1, 3, -1, -1)
        y: Tensor = self.features((x - self.mean) / self.std)
        return y


def read_vgg19(weights: Path | str | None, *, url: str = VGG19_URL) -> Mapping[str, Any]:
    """Read the state dict of VGG19 from a file or, for ``"url"``, from ``url`` (see VGGContent).

    Downloads are cached by :mod:`torch.hub`, which raises RuntimeError if the SHA-256 of the file
    does not start with the hash in its name.
    """
    if weights is None:
        raise ValueError(
            "the VGG content loss needs weights: give the path of a file of torchvision's VGG19, "
            f"or 'url' to download {VGG19_URL} (548 MiB)"
        )
    state: Any
    if weights == "url":
        state = torch.hub.load_state_dict_from_url(
            url, map_location="cpu", check_hash=True, weights_only=True
        )
    elif not os.path.isfile(weights):
        raise FileNotFoundError(f"no file {weights} of VGG19 weights; give a path, or 'url'")
    elif Path(weights).suffix == ".safetensors":
        from safetensors.torch import load_file

        state = load_file(weights)
    else:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    if not isinstance(state, Mapping):
        raise ValueError(f"{weights} holds a {type(state).__name__}, not a dict of weights")
    return state


def load_vgg19_(network: VGG19Features, state: Mapping[str, Any]) -> None:
    """Load torchvision's weights into the network, without classifier and deeper layers.

    Raises
    ------
    ValueError
        If keys are missing, of another shape or unknown; the message names them.
    """
    own = network.state_dict()
    with torch.device("meta"):
        known = VGG19Features().state_dict()
    missing = [k for k in own if k not in state]
    other = [k for k in own if k in state and getattr(state[k], "shape", None) != own[k].shape]
    unknown = [k for k in state if k not in known and not k.startswith("classifier.")]
    if missing or other or unknown:
        raise ValueError(
            f"these are no weights of torchvision's VGG19: {missing} missing, {other} of another "
            f"shape, {unknown} unknown"
        )
    network.load_state_dict({k: state[k] for k in own})
