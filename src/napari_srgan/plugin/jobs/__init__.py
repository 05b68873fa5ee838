"""Super-resolution in the background: job queue, estimate, region and worker threads."""
