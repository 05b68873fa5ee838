"""Tiled inference: run a model on arrays. Independent of files and of the user interface."""
