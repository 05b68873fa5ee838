"""Frozen ImageNet networks as feature extractors with named stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

import torch
from torch import Tensor, nn

from .efficientnet_lite import LITES, EfficientNetLite, blocks_of, fold_batch_norm
from .feature_weights import read_weights
from .vgg19 import VGG19, VGG19Features, load_vgg19_

NetworkName = Literal["vgg19", "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"]
NETWORKS: tuple[NetworkName, ...] = get_args(NetworkName)
"""names of the feature networks"""


@dataclass(frozen=True)
class Stage:
    """A layer of a network whose output is used as features."""

    name: str
    """name within the network, see `stages_of`"""
    stride: int
    """input pixels per feature position along Y and X"""
    channels: int
    """number of features"""


def stages_of(name: str) -> dict[str, Stage]:
    """Return the stages of a network by name, from the shallowest to the deepest.

    The stages of VGG19 are the last convolutions before each pooling layer, after their ReLU, named
    as in Ledig et al.: ``1_2``, ``2_2``, ``3_4``, ``4_4`` and ``5_4``. The stages of
    EfficientNet-Lite are ``stage1`` to ``stage8``, see `EfficientNetLite`.

    Raises
    ------
    ValueError
        If the network is unknown.
    """
    if name == "vgg19":
        groups = enumerate(VGG19)
        stages = [Stage(f"{i + 1}_{count}", 2**i, width) for i, (count, width) in groups]
    elif name in LITES:
        stages, stride = [Stage("stage1", 2, 32)], 2
        for block in blocks_of(LITES[name]):
            stride *= block.stride
            stages.append(Stage(block.stage, stride, block.after))
    else:
        raise ValueError(f"there is no network {name!r}; allowed are {', '.join(NETWORKS)}")
    return {stage.name: stage for stage in stages}


def choose_stages(name: str, names: Sequence[str] = ()) -> list[Stage]:
    """Return the named stages of a network in order; by default the deepest of each stride.

    Raises
    ------
    ValueError
        If a stage is unknown or named twice.
    """
    available = stages_of(name)
    unknown = [stage for stage in names if stage not in available]
    if unknown or len(set(names)) < len(names):
        raise ValueError(
            f"stages of {name} are {', '.join(available)}, each once; got {', '.join(names)}"
        )
    if names:
        return [stage for stage in available.values() if stage.name in names]
    return list({stage.stride: stage for stage in available.values()}.values())


def as_rgb(x: Tensor, bands: Sequence[int] = ()) -> Tensor:
    """Convert images with any number of channels to three channels.

    A single channel is repeated. ``bands`` selects three of several channels. Without it, images of
    2, or of 4 and more channels become one grey image per channel, ``(N·C, 3, H, W)``, since a
    network trained on photographs has not learned relations between other bands.

    Raises
    ------
    ValueError
        If the input is not a float tensor ``(N, C, H, W)``, or the bands are not three of its
        channels.
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
    """Frozen feature extractor that returns the features of several stages.

    Parameters
    ----------
    name
        Name of the network, one of `NETWORKS`.
    stages
        Names of the stages, see `stages_of`; empty selects the deepest stage of each stride.
    weights
        Source of the weights, see `read_weights`; None is random initialisation, for tests.
    bands
        Three of several channels to use, see `as_rgb`.

    Raises
    ------
    ValueError
        If the network or a stage is unknown, or the weights are unavailable or do not fit.

    Notes
    -----
    Input is float ``(N, C, H, W)`` on [0, 1] and is standardised with the mean and standard
    deviation of the pretrained network. Features are computed in float32, also within autocast, and
    in evaluation mode. Layers after the last stage are not computed.
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
        """Remain in evaluation mode regardless of ``mode``."""
        return super().train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features ``(N, C, H / stride, W / stride)`` of each stage.

        Raises
        ------
        ValueError
            If the images are smaller than the largest stride.
        """
        min_side = max(stage.stride for stage in self.stages)
        if min(x.shape[-2:]) < min_side:
            raise ValueError(
                f"images are {x.shape[-2]} × {x.shape[-1]}; stage {self.stages[-1].name} of "
                f"{self.name} takes at least {min_side} × {min_side}: take larger patches or "
                "earlier stages"
            )
        with torch.autocast(x.device.type, enabled=False):
            rgb = as_rgb(x, self.bands).float()
            if isinstance(self.network, EfficientNetLite):
                features: list[Tensor] = self.network(rgb, [stage.name for stage in self.stages])
                return features
            return self._through_vgg(rgb)

    def _through_vgg(self, x: Tensor) -> list[Tensor]:
        network = self.network
        assert isinstance(network, VGG19Features)
        x = (x - network.mean) / network.std
        groups = {stage.name[0] for stage in self.stages}
        features, group = [], 1
        for layer in network.features:
            if isinstance(layer, nn.MaxPool2d):
                features += [x] if str(group) in groups else []
                group += 1
            x = layer(x)
        return [*features, x]


def make_network(
    name: NetworkName, last: str, weights: str | Path | None
) -> EfficientNetLite | VGG19Features:
    """Return a network truncated after a stage, with its weights or, for None, random ones."""
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
        state = fold_batch_norm(read_weights(name, weights), name)
        lite.load_state_dict({key: state[key] for key in lite.state_dict()})
    return lite
