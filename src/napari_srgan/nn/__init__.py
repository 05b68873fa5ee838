"""Networks as plain PyTorch modules; no dependency on the other sub-packages."""
