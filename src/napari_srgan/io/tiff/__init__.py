"""Read and write TIFF: OME, ImageJ, GeoTIFF and vendor dialects."""
