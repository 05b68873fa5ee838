"""Read and write TIFF: OME, ImageJ, GeoTIFF and vendor dialects."""

import logging

# tifffile logs oddities that the readers refuse or tolerate. Without a handler, Python would print
# them to stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())
