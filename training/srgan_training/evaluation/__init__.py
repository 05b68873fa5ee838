"""Measures of models on test images."""
