"""Read OME-Zarr and plain Zarr arrays, and write OME-Zarr."""
