"""OME-Zarr and plain Zarr arrays: read, and OME-Zarr written."""
