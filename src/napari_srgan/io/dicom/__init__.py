"""DICOM: slices, volumes, series and tiled slides, read."""
