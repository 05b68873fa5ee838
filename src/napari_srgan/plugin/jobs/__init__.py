"""Super-resolution in the background: queue, estimate, region and worker threads."""
