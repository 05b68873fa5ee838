"""Live view: a layer whose visible tiles are super-resolved while one looks."""
