"""Model files from checkpoints and from other models."""
