"""TIFF: OME, ImageJ, GeoTIFF and the dialects of vendors, read and written."""
