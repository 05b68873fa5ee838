"""NIfTI: volumes and series, read and written."""
