"""The SRGAN discriminator of Ledig et al. 2017."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

SLOPE = 0.2
"""of every LeakyReLU"""
LAYERS = ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2))
"""features of the eight convolutions, as multiples of the first one's, and stride"""
POOLED = 6
"""side of the feature map that the dense layers see: 96 / 2⁴"""


class Discriminator(nn.Module):
    """SRGAN discriminator: an HR patch in, one logit out (positive: taken for real).

    Eight 3×3 convolutions with 64 to 512 features, every second one of stride 2, each followed by
    BatchNorm (but for the first) and LeakyReLU 0.2; a dense layer of 1024 with LeakyReLU; a dense
    layer of 1. There is no sigmoid at the end: the losses take logits.

    Parameters
    ----------
    channels
        Channels of the image, such as 1 or 3.
    features
        Of the first convolution; 64 is the paper's.
    spectral_norm
        Divide the weight of every layer, as a matrix ``(out, in·k·k)``, by its largest singular
        value instead of normalising features: there is then no BatchNorm (Miyato et al. 2018,
        arXiv:1802.05957, section 2.1). One power iteration per pass in training mode.

    Raises
    ------
    ValueError
        If ``channels`` is below 1.

    Notes
    -----
    Input is ``(N, channels, H, W)`` of any size with nominal values in [0, 1], which are brought
    to the paper's [−1, 1] first; output is ``(N, 1)``. At 96×96 the network is the paper's; at
    other sizes the last feature map is averaged to 6×6 adaptively (below 96, repeated).

    The first convolution and both dense layers have a bias. A convolution before a BatchNorm has
    none, for BatchNorm would take it out again; with ``spectral_norm`` all of them have one.

    Source: Ledig et al., CVPR 2017, section 2.1.2 and figure 4.
    """

    def __init__(
        self, channels: int = 3, *, features: int = 64, spectral_norm: bool = False
    ) -> None:
        super().__init__()
        if channels < 1:
            raise ValueError(f"channels is {channels}; it must be at least 1")

        def norm(layer: nn.Module) -> nn.Module:
            return parametrizations.spectral_norm(layer) if spectral_norm else layer

        self.blocks = nn.ModuleList()
        before = channels
        for multiple, stride in LAYERS:
            width = features * multiple
            batch_norm = len(self.blocks) > 0 and not spectral_norm
            conv = nn.Conv2d(before, width, 3, stride, padding=1, bias=not batch_norm)
            block = nn.Sequential(norm(conv))
            if batch_norm:
                block.append(nn.BatchNorm2d(width))
            self.blocks.append(block.append(nn.LeakyReLU(SLOPE)))
            before = width
        self.dense = norm(nn.Linear(before * POOLED**2, 16 * features))
        self.logit = norm(nn.Linear(16 * features, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits ``(N, 1)``."""
        return self.judge(x)[0]

    def judge(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits and what comes out of each LeakyReLU.

        The features are those of the eight convolutions, ``(N, 64, H, W)`` to
        ``(N, 512, ⌈H/16⌉, ⌈W/16⌉)``, and of the first dense layer, ``(N, 1024)``.
        """
        x = 2 * x - 1
        features: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        x = F.adaptive_avg_pool2d(x, POOLED).flatten(1)
        x = F.leaky_relu(self.dense(x), SLOPE)
        features.append(x)
        return self.logit(x), features
