"""Reader, writer and sample data contributions."""
