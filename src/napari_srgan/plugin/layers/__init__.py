"""Source and result layers: transforms, units, contrast limits, names and provenance."""
