"""Degradation models that synthesise LR images from HR images."""
