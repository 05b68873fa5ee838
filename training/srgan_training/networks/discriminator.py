"""The SRGAN discriminator of Ledig et al. 2017."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

SLOPE = 0.2
"""negative slope of every LeakyReLU"""
LAYERS = ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2))
"""width multiplier and stride of the eight convolutions"""
POOLED = 6
"""side of the feature map before the dense layers: 96 / 2⁴"""


class Discriminator(nn.Module):
    """SRGAN discriminator: one logit per HR patch; positive logits mean real.

    Eight 3×3 convolutions with 64 to 512 features, every second one of stride 2, each followed by
    BatchNorm (except the first) and LeakyReLU 0.2; a dense layer with 1024 features and LeakyReLU;
    a dense layer with one output. There is no final sigmoid, since the losses take logits.

    Parameters
    ----------
    channels
        Number of channels of the images, such as 1 or 3.
    features
        Number of features of the first convolution; 64 in the paper.
    spectral_norm
        Whether layers have spectral normalisation instead of BatchNorm: every weight, as a matrix
        ``(out, in·k·k)``, is divided by its largest singular value (Miyato et al. 2018,
        arXiv:1802.05957, section 2.1), with one power iteration per forward pass in training.

    Raises
    ------
    ValueError
        If ``channels`` is below 1.

    Notes
    -----
    Input is ``(N, channels, H, W)`` of any size with a nominal range of [0, 1], which is mapped to
    the paper's [−1, 1]; output is ``(N, 1)``. For 96×96 the network is that of the paper; for other
    sizes the last feature map is adaptively averaged to 6×6 (below 96, values are repeated).

    The first convolution and both dense layers have a bias. Convolutions before BatchNorm have
    none, since BatchNorm would remove it; with ``spectral_norm`` all convolutions have one.

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
        return self.logits_and_features(x)[0]

    def logits_and_features(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits and the output of each LeakyReLU.

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
