"""napari layers in and out: transforms, units, contrast, names and provenance."""
