"""Evaluation of models on test images."""
