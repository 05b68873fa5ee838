"""Content losses: distance between features of SR and HR in VGG19 or in the discriminator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..networks.vgg19 import VGG19Features, load_vgg19_, read_vgg19

RESCALE = 1 / 12.75
"""factor of the VGG19 features in Ledig et al. 2017, section 3.2"""
DISTANCES = {"mse": F.mse_loss, "l1": F.l1_loss}


class VGGContent(nn.Module):
    """VGG19 content loss: distance between the features of SR and HR.

    Parameters
    ----------
    layer, activated
        Features to compare, see :class:`VGG19Features`. The defaults are those of SRGAN, φ5,4
        after the ReLU; ESRGAN uses the features before it.
    weights
        PyTorch or safetensors file of VGG19 weights with torchvision's parameter names
        (``features.0.weight`` …); or ``"url"``, which downloads torchvision's file once (548 MiB)
        and verifies its SHA-256.
    norm
        ``"mse"`` as in the paper, or ``"l1"``.
    rescale
        Factor of the features. The default is the paper's 1/12.75 (section 3.2), which
        multiplies an MSE by about 0.006 and an L1 distance by about 0.08.

    Raises
    ------
    ValueError
        If ``weights`` is None, or if the file does not hold the weights of VGG19.
    FileNotFoundError
        If the file does not exist.

    Notes
    -----
    SR and HR are ``(N, 1 or 3, H, W)`` on [0, 1]. The loss is the mean over all features, in
    float32. The network is frozen and in evaluation mode; HR receives no gradient.

    Source: Ledig et al., CVPR 2017, section 2.2.1, equation 5.
    """

    def __init__(
        self,
        layer: str = "5_4",
        *,
        activated: bool = True,
        weights: Path | str | None = None,
        norm: Literal["mse", "l1"] = "mse",
        rescale: float = RESCALE,
    ) -> None:
        super().__init__()
        if norm not in DISTANCES:
            raise ValueError(f"norm is {norm!r}; allowed are {tuple(DISTANCES)}")
        self.norm, self.rescale = norm, rescale
        self.network = VGG19Features(layer, activated=activated)
        load_vgg19_(self.network, read_vgg19(weights))
        self.network.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Remain in evaluation mode regardless of ``mode``."""
        return super().train(False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        with torch.no_grad():
            target = self.network(hr)
        features = self.network(sr)
        return DISTANCES[self.norm](self.rescale * features.float(), self.rescale * target.float())


class FeatureMatching(nn.Module):
    """Feature matching loss: distance between discriminator features of SR and HR.

    The loss is the sum of the mean absolute differences over the layers. HR features receive no
    gradient. No pretrained weights are needed.

    Source: Wang et al. 2018 (pix2pixHD), arXiv:1711.11585, equation 4.
    """

    def forward(self, real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
        """Return the loss, a scalar, for the features of ``Discriminator.logits_and_features``."""
        pairs = zip(real, fake, strict=True)
        return torch.stack([F.l1_loss(f.float(), r.detach().float()) for r, f in pairs]).sum()
