"""Content losses: distance of SR and HR in the features of VGG19 or of the discriminator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..networks.vgg19 import VGG19Features, load_vgg19_, read_vgg19

RESCALE = 1 / 12.75
DISTANCES = {"mse": F.mse_loss, "l1": F.l1_loss}


class VGGContent(nn.Module):
    """Distance of the VGG19 features of SR and HR.

    Parameters
    ----------
    layer, activated
        Which features, see :class:`VGG19Features`. The defaults are those of SRGAN, φ5,4 after
        the ReLU; ESRGAN takes them before it.
    weights
        File of VGG19 weights under torchvision's names (``features.0.weight`` …), PyTorch or
        safetensors; or ``"url"``, which downloads torchvision's (548 MiB, once, checked against
        the start of their SHA-256).
    norm
        ``"mse"``, the paper's, or ``"l1"``.
    rescale
        Factor of the features. Its default is the paper's 1/12.75 (section 3.2), which
        multiplies an MSE by about 0.006, an L1 by about 0.08; 1 leaves them as they are.

    Raises
    ------
    ValueError
        If ``weights`` is None, or if they do not belong to VGG19.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    SR and HR are ``(N, 1 or 3, H, W)`` on [0, 1]. The loss is the mean over all features, in
    float32. The network is frozen and stays in evaluation mode; no gradient reaches HR.

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
        """Stay in evaluation mode, whatever the training around it does."""
        return super().train(False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        with torch.no_grad():
            target = self.network(hr)
        found = self.network(sr)
        return DISTANCES[self.norm](self.rescale * found.float(), self.rescale * target.float())


class FeatureMatching(nn.Module):
    """Distance of SR and HR in the features of the discriminator: nothing to download.

    The sum over its layers of the mean absolute difference. No gradient reaches the real side.

    Source: Wang et al. 2018 (pix2pixHD), arXiv:1711.11585, equation 4.
    """

    def forward(self, real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
        """Return the loss, a scalar, of what ``Discriminator.judge`` gave for HR and SR."""
        pairs = zip(real, fake, strict=True)
        return torch.stack([F.l1_loss(f.float(), r.detach().float()) for r, f in pairs]).sum()
