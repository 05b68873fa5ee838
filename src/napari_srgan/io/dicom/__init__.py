"""Read DICOM: slices, volumes, series and tiled slides."""
