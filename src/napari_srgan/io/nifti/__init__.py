"""Read and write NIfTI volumes and series."""
