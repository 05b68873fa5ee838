"""Reads and writes image files with their pixel size; knows neither torch nor napari."""
