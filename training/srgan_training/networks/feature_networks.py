"""Frozen networks trained on ImageNet that give features of images, by the names of stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

import torch
from torch import Tensor, nn

from .efficientnet_lite import (
    LITES,
    EfficientNetLite,
    blocks_of,
    folded,
)
from .feature_weights import read_weights
from .vgg19 import VGG19, VGG19Features, load_vgg19_

NetworkName = Literal["vgg19", "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"]
NETWORKS: tuple[NetworkName, ...] = get_args(NetworkName)


@dataclass(frozen=True)
class Stage:
    """A place in a network where features are taken."""

    name: str
    stride: int
    """input pixels per feature along Y and X"""
    channels: int


def stages_of(name: str) -> dict[str, Stage]:
    """Return the stages of a network by their names, the first first.

    Those of VGG19 are its last convolutions before each pooling, after their ReLU, by the names of
    Ledig et al.: ``1_2``, ``2_2``, ``3_4``, ``4_4`` and ``5_4``. Those of EfficientNet-Lite are
    ``stage1`` to ``stage8``, see `EfficientNetLite`.

    Raises
    ------
    ValueError
        If there is no such network.
    """
    if name == "vgg19":
        groups = enumerate(VGG19)
        found = [Stage(f"{i + 1}_{count}", 2**i, width) for i, (count, width) in groups]
    elif name in LITES:
        found, stride = [Stage("stage1", 2, 32)], 2
        for block in blocks_of(LITES[name]):
            stride *= block.stride
            found.append(Stage(block.stage, stride, block.after))
    else:
        raise ValueError(f"there is no network {name!r}; allowed are {', '.join(NETWORKS)}")
    return {stage.name: stage for stage in found}


def choose_stages(name: str, wanted: Sequence[str] = ()) -> list[Stage]:
    """Return stages of a network in its order; none wanted: the last of each stride.

    Raises
    ------
    ValueError
        If one is unknown or named twice, saying which there are.
    """
    there = stages_of(name)
    unknown = [stage for stage in wanted if stage not in there]
    if unknown or len(set(wanted)) < len(wanted):
        raise ValueError(
            f"stages of {name} are {', '.join(there)}, each once; got {', '.join(wanted)}"
        )
    if wanted:
        return [stage for stage in there.values() if stage.name in wanted]
    return list({stage.stride: stage for stage in there.values()}.values())


def as_rgb(x: Tensor, bands: Sequence[int] = ()) -> Tensor:
    """Return images of any number of channels as images of three, for a network that takes three.

    One channel is repeated. Of several, three ``bands`` may be chosen. Images of 2, or 4 and more
    bands without a choice become as many grey images as they have bands, ``(N·C, 3, H, W)``: a
    network that was trained on photographs knows no relation between other bands.

    Raises
    ------
    ValueError
        If the input is no float ``(N, C, H, W)``, or the bands are not three that there are.
    """
    if x.ndim != 4 or not x.is_floating_point():
        raise ValueError(f"images are {x.dtype} {tuple(x.shape)}; they must be float (N, C, H, W)")
    channels = x.shape[1]
    if bands:
        if len(bands) != 3 or not all(0 <= band < channels for band in bands):
            raise ValueError(
                f"bands are {list(bands)}; they must be three numbers from 0 to {channels - 1}, "
                f"since the images have {channels}"
            )
        return x[:, list(bands)]
    if channels == 3:
        return x
    return x.reshape(-1, 1, *x.shape[2:]).expand(-1, 3, -1, -1)


class FeatureNetwork(nn.Module):
    """A frozen network that gives the features of images at some of its stages.

    Parameters
    ----------
    name
        One of `NETWORKS`.
    stages
        Names of the stages wanted, see `stages_of`; none: the last of each stride.
    weights
        See `read_weights`; None leaves random weights, which is for tests.
    bands
        Which three of several channels are looked at, see `as_rgb`.

    Raises
    ------
    ValueError
        If network or stages are unknown, or the weights cannot be had or are of another network.

    Notes
    -----
    Input is float ``(N, C, H, W)`` on [0, 1]; what the network was trained with is subtracted and
    divided by here. It is computed in float32, also within autocast, and stays in evaluation
    mode. Layers behind the last stage are not computed.
    """

    def __init__(
        self,
        name: NetworkName,
        stages: Sequence[str] = (),
        *,
        weights: str | Path | None = "auto",
        bands: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.name, self.bands = name, tuple(bands)
        self.stages = choose_stages(name, stages)
        self.network = make_network(name, self.stages[-1].name, weights)
        for parameter in self.network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode, whatever the training around it does."""
        return super().train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features ``(N, C, H / stride, W / stride)`` of each stage.

        Raises
        ------
        ValueError
            If the images are smaller than the largest stride.
        """
        least = max(stage.stride for stage in self.stages)
        if min(x.shape[-2:]) < least:
            raise ValueError(
                f"images are {x.shape[-2]} × {x.shape[-1]}; stage {self.stages[-1].name} of "
                f"{self.name} takes at least {least} × {least}: take larger patches or earlier "
                "stages"
            )
        with torch.autocast(x.device.type, enabled=False):
            rgb = as_rgb(x, self.bands).float()
            if isinstance(self.network, EfficientNetLite):
                found: list[Tensor] = self.network(rgb, [stage.name for stage in self.stages])
                return found
            return self._through_vgg(rgb)

    def _through_vgg(self, x: Tensor) -> list[Tensor]:
        network = self.network
        assert isinstance(network, VGG19Features)
        x = (x - network.mean) / network.std
        wanted = {stage.name[0] for stage in self.stages}
        found, group = [], 1
        for layer in network.features:
            if isinstance(layer, nn.MaxPool2d):
                found += [x] if str(group) in wanted else []
                group += 1
            x = layer(x)
        return [*found, x]


def make_network(
    name: NetworkName, last: str, weights: str | Path | None
) -> EfficientNetLite | VGG19Features:
    """Return a network up to a stage with its weights; None: random ones."""
    if name == "vgg19":
        vgg = VGG19Features("5_4", activated=True)
        group = int(last[0])
        layers = list(vgg.features)[: 2 * sum(n for n, _ in VGG19[:group]) + group - 1]
        vgg.features = nn.Sequential(*layers)
        if weights is not None:
            load_vgg19_(vgg, read_weights(name, weights))
        return vgg
    lite = EfficientNetLite(name, last)
    if weights is not None:
        state = folded(read_weights(name, weights), name)
        lite.load_state_dict({key: state[key] for key in lite.state_dict()})
    return lite
