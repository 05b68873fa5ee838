"""Live view: a multiscale layer whose visible tiles are super-resolved in the background."""
